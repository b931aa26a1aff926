"""What a plan can do: the powers, declared once, and their values for each plan.

A declaration has the values that a new studio begins with. Rows of the table `Power` have them for a plan of its own,
and whatever its operator has changed. More of a power is always better, and no limit is the best.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from django.conf import settings
from django.dispatch import Signal
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.models import User
from apps.billing import plans
from apps.billing.models import Plan, Power
from apps.errors import StudioError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

log = structlog.get_logger(__name__)
Value = float | bool | None  # None is without a limit
Choice = TypeVar("Choice")
GB = 1_000_000_000
MINUTE = 60
DURATIONS = {"s": 1, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}
RESOLUTIONS = {720: "HD", 1080: "Full HD", 2160: "4K"}

# Sent with `user` by `tell_changed`, which whoever changes a plan calls once that is committed.
changed = Signal()


def tell_changed(user: User) -> None:
    """Tell who holds jobs to the powers of their owners that those of an account have changed."""
    for _receiver, answer in changed.send_robust(sender=Plan, user=user):
        if isinstance(answer, Exception):
            log.error("powers_not_taken", user=user.pk, exc_info=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One power. `values` are by the slug of a plan; a plan that is not among them begins with those of the free one.

    `shown` tells a value on pages. `refusal` is the sentence for more than a plan has, with %(plan)s and %(value)s.
    `operator` returns what a studio without payments has, and with payments the most that any plan gives; `setting` is
    the variable of the environment that it is in.
    """

    title: "StrOrPromise"
    values: Mapping[str, Value]
    shown: Callable[[Any], str]
    refusal: "StrOrPromise" = ""
    operator: Callable[[], Value] | None = None
    setting: str = ""

    @property
    def is_flag(self) -> bool:
        return isinstance(self.values["free"], bool)

    def bounded(self, value: Value) -> Value:
        """Return a plan's value, at most what the operator has set in the environment."""
        if self.operator is None or self.setting not in settings.SET_BY_OPERATOR:
            return value
        most = self.operator()
        return most if value is None else value if most is None else min(value, most)

    def of_operator(self) -> Value:
        """Return what a studio without payments has."""
        if self.operator is not None:
            return self.operator()
        return True if self.is_flag else None

    def fits(self, value: Any) -> bool:
        """Whether a row may have this value."""
        if self.is_flag:
            return isinstance(value, bool)
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0)


def _per_minute() -> Value:
    """Return how many requests a minute the operator lets an account make."""
    rates: Any = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    if not (rate := rates["user"]):
        return None
    number, _slash, period = str(rate).partition("/")
    return int(number) * MINUTE / DURATIONS[period[0]]


def _yes(value: bool) -> str:
    return _("Yes") if value else ""


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _seconds(value: float) -> str:
    return _("%(seconds)g s") % {"seconds": value}


def _resolution(value: float) -> str:
    name = RESOLUTIONS.get(int(value))
    told = _("%(lines)d pixels") % {"lines": value}
    return f"{told} ({name})" if name else told


def _gigabytes(value: float) -> str:
    return _("%(number)g GB") % {"number": value}


def _rate(value: float) -> str:
    return _("%(number)g a minute") % {"number": value}


def _head_start(value: float) -> str:
    if not value:
        return _("In turn")
    return ngettext("%(minutes)g minute ahead", "%(minutes)g minutes ahead", int(value)) % {"minutes": value}


KINDS: dict[str, Kind] = {
    "film_seconds": Kind(
        title=gettext_lazy("Longest video"),
        values={"free": 10, "pro": 30, "business": 60, "enterprise": 120},
        shown=_seconds,
        refusal=gettext_lazy("On the plan %(plan)s, a video has at most %(value)s."),
    ),
    "lines": Kind(
        title=gettext_lazy("Highest resolution"),
        values={"free": 720, "pro": 1080, "business": 2160, "enterprise": 2160},
        shown=_resolution,
        refusal=gettext_lazy("On the plan %(plan)s, the shorter side has at most %(value)s."),
    ),
    "no_watermark": Kind(
        title=gettext_lazy("No watermark"),
        values={"free": False, "pro": True, "business": True, "enterprise": True},
        shown=_yes,
    ),
    "jobs_at_once": Kind(
        title=gettext_lazy("Made at once"),
        values={"free": 1, "pro": 2, "business": 4, "enterprise": 8},
        shown=_count,
    ),
    "jobs_in_line": Kind(
        title=gettext_lazy("Waiting or running"),
        values={"free": 3, "pro": 10, "business": 30, "enterprise": 100},
        shown=_count,
        operator=lambda: settings.MAX_ACTIVE_JOBS,
        setting="MAX_ACTIVE_JOBS",
    ),
    "batch_jobs": Kind(
        title=gettext_lazy("Jobs of one batch"),
        values={"free": 4, "pro": 16, "business": 50, "enterprise": 100},
        shown=_count,
        refusal=gettext_lazy("On the plan %(plan)s, a batch has at most %(value)s jobs."),
        operator=lambda: settings.MAX_BATCH_JOBS,
        setting="MAX_BATCH_JOBS",
    ),
    "head_start": Kind(
        title=gettext_lazy("Place in line"),
        values={"free": 0, "pro": 10, "business": 20, "enterprise": 60},
        shown=_head_start,
        operator=lambda: 0,
    ),
    "storage_gb": Kind(
        title=gettext_lazy("Storage"),
        values={"free": 2, "pro": 20, "business": 100, "enterprise": 500},
        shown=_gigabytes,
        operator=lambda: settings.USER_STORAGE_GB,
        setting="USER_STORAGE_GB",
    ),
    "api_rate": Kind(
        title=gettext_lazy("API requests"),
        values={"free": 60, "pro": 120, "business": 300, "enterprise": 600},
        shown=_rate,
        operator=_per_minute,
        setting="API_RATE_USER",
    ),
}


class NotInPlan(StudioError):
    """What is asked for is more than the plan of the account has."""

    code = "not_in_plan"

    def __init__(self, name: str, now: "Powers", asked: float) -> None:
        self.power = name
        having = having_at_least(name, asked)
        super().__init__(
            sentence(name, now, having),
            power=name,
            asked=asked,
            limit=now.values[name],
            plan=now.plan.slug,
            plans=[each.plan.slug for each in having],
        )


@dataclass(frozen=True, slots=True)
class Powers:
    """A plan, and the values of all powers."""

    plan: Plan
    values: Mapping[str, Value]

    def number(self, name: str) -> float | None:
        """Return how much of a power there is; None is without a limit."""
        return self.values[name]

    def has(self, name: str, asked: float = True) -> bool:
        """Whether there is so much of a power."""
        value = self.values[name]
        return value is None or asked <= value

    def shown(self, name: str) -> str:
        """Tell how much of a power there is; empty for one that the plan lacks."""
        value = self.values[name]
        return _("Without limit") if value is None else KINDS[name].shown(value)


def of(user: User) -> Powers:
    """Return what an account may do now."""
    if not plans.connected():
        return Powers(OPERATORS, {name: kind.of_operator() for name, kind in KINDS.items()})
    return of_plan(plans.plan_of(user))


# Everybody's plan in a studio without payments; the row is not needed to know what it can do.
OPERATORS = Plan(slug=Plan.STUDIO, title="Studio")


def of_plan(plan: Plan, rows: Iterable[Power] | None = None) -> Powers:
    """Return what a plan can do. `rows` are its rows where they are at hand."""
    own = {row.name: row.value for row in (plan.powers.all() if rows is None else rows)}
    values: dict[str, Value] = {}
    for name, kind in KINDS.items():
        if plan.slug == Plan.STUDIO and name not in own:
            values[name] = kind.of_operator()
            continue
        value = own.get(name, kind.values.get(plan.slug, kind.values["free"]))
        values[name] = kind.bounded(value if kind.fits(value) else kind.values["free"])
    return Powers(plan, values)


def require(user: User, asked: Mapping[str, float], now: Powers | None = None) -> Powers:
    """Return what an account may do. Raises NotInPlan where more of a power is asked for than its plan has."""
    now = now or of(user)
    for name, amount in asked.items():
        if not now.has(name, amount):
            raise NotInPlan(name, now, amount)
    return now


def on_sale() -> list[Powers]:
    """Return what each public plan can do, the cheapest plan first."""
    return [of_plan(plan) for plan in Plan.objects.filter(is_public=True).prefetch_related("powers")]


def having_at_least(name: str, asked: float) -> list[Powers]:
    """Return the plans on sale that have so much of a power, the cheapest first; none where nothing is sold."""
    return [each for each in on_sale() if each.has(name, asked)] if plans.connected() else []


def refused(asked: Mapping[Choice, Mapping[str, float]], now: Powers) -> dict[Choice, str]:
    """Return which of some choices a plan does not have, each with the title of the first plan that has it.

    `asked` says how much of each power a choice needs.
    """
    lacking = {choice: needs for choice, needs in asked.items() if not all(now.has(*need) for need in needs.items())}
    sold = on_sale() if lacking and plans.connected() else []
    return {
        choice: next((each.plan.title for each in sold if all(each.has(*need) for need in needs.items())), "")
        for choice, needs in lacking.items()
    }


def sentence(name: str, now: Powers, having: list[Powers]) -> str:
    """Say what the limit of a plan is, and which plan has more."""
    told = str(KINDS[name].refusal) % {"plan": now.plan.title, "value": now.shown(name)}
    return " ".join(filter(None, [told, better(name, having)]))


def limit_of(name: str, now: Powers) -> str:
    """Say what the limit of a plan is, and which plan has more of it; empty without a limit."""
    value = now.number(name)
    more = [each for each in on_sale() if each.has(name, value + 1)] if value is not None and plans.connected() else []
    return "" if value is None else sentence(name, now, more)


def better(name: str, having: list[Powers]) -> str:
    """Name the first of some plans with what it has of a power; empty where there is none."""
    if not having:
        return ""
    first = having[0]
    return _("The plan %(plan)s has %(value)s.") % {"plan": first.plan.title, "value": first.shown(name)}


def more_of(name: str, user: User) -> str:
    """Say which plan has more of a power than an account has now; empty where none does."""
    limit = of(user).number(name)
    if limit is None or not plans.connected():
        return ""
    more = [each for each in on_sale() if each.has(name, limit + 1)]
    return better(name, more)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table of plans: a power, and how much of it each plan has, in the order of the plans."""

    name: str
    title: str
    cells: list[tuple[Plan, str]]


def table(shown: list[Powers] | None = None) -> list[Row]:
    """Return every power as a line for the page of prices, with a cell for each public plan."""
    shown = on_sale() if shown is None else shown
    return [
        Row(name, str(kind.title), [(each.plan, each.shown(name)) for each in shown]) for name, kind in KINDS.items()
    ]


def differences(before: Plan, after: Plan) -> list[tuple[str, str, str]]:
    """Return the powers that two plans have more or less of, by their title, with what each plan has."""
    one, other = of_plan(before), of_plan(after)
    return [
        (str(kind.title), one.shown(name) or _("No"), other.shown(name) or _("No"))
        for name, kind in KINDS.items()
        if one.values[name] != other.values[name]
    ]


def lines(user: User) -> list[tuple[str, str]]:
    """Return every power of an account by its title, for its own page."""
    now = of(user)
    return [(str(kind.title), now.shown(name)) for name, kind in KINDS.items()]
