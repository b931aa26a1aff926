from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "apps.billing"

    def ready(self) -> None:
        from apps.billing import signals  # noqa: F401

        post_migrate.connect(fill_empty, sender=self)
        post_migrate.connect(fill_powers, sender=self)


def fill_empty(apps: Any = installed, **kwargs: Any) -> None:
    """Give an emptied database its plans again; the migration that made them does not run twice."""
    from apps.billing.seeds import fill

    try:
        models = apps.get_model("billing", "Plan"), apps.get_model("billing", "TopUp")
    except LookupError:
        return  # migrated back to a time before plans
    fill(*models)


def fill_powers(apps: Any = installed, **kwargs: Any) -> None:
    """Give the plans on sale a row for each power that they lack one of, such as one that has come with an update."""
    from apps.billing.powers import KINDS

    try:
        plans, powers = apps.get_model("billing", "Plan"), apps.get_model("billing", "Power")
    except LookupError:
        return  # migrated back to a time before powers
    there = set(powers.objects.values_list("plan__slug", "name"))
    powers.objects.bulk_create(
        [
            powers(plan=plan, name=name, value=kind.values[plan.slug])
            for plan in plans.objects.all()
            for name, kind in KINDS.items()
            if plan.slug in kind.values and (plan.slug, name) not in there
        ],
        ignore_conflicts=True,
    )
