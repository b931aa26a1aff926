"""What an account holds, in numbers, for the page that asks before it is deleted."""

from dataclasses import dataclass

from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
from apps.billing.plans import plan_of
from apps.library import storage
from apps.library.models import Asset, Generation


@dataclass(frozen=True)
class Holdings:
    """How many things of each kind an account holds; `bytes` of all its files, credits with those that are held."""

    made: int
    uploads: int
    bytes: int
    jobs: int
    unfinished: int
    tokens: int
    credits: int
    plan: str = ""  # one that is paid


def holdings(user: User) -> Holdings:
    """Count what a user would lose, with what lies in the trash and still has its bytes."""
    files = Asset.objects.filter(user=user).exclude(file="")
    jobs = Generation.objects.filter(user=user)
    return Holdings(
        made=files.exclude(generation=None).count(),
        uploads=files.filter(generation=None).count(),
        bytes=storage.share(user).used,
        jobs=jobs.count(),
        unfinished=jobs.active().count(),
        tokens=ApiToken.objects.of(user).count(),
        credits=billing.balance(user) + billing.held(user),
        plan=plan.title if (plan := plan_of(user)).price else "",
    )
