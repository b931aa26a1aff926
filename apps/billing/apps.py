from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "apps.billing"

    def ready(self) -> None:
        from apps.billing import signals  # noqa: F401

        post_migrate.connect(fill_empty, sender=self)


def fill_empty(apps: Any = installed, **kwargs: Any) -> None:
    """Give an emptied database its plans again; the migration that made them does not run twice."""
    from apps.billing.seeds import fill

    try:
        models = apps.get_model("billing", "Plan"), apps.get_model("billing", "TopUp")
    except LookupError:
        return  # migrated back to a time before plans
    fill(*models)
