"""What pages say of plans and of what these can do."""

from typing import Any

from django import template

from apps.accounts.models import User
from apps.billing import plans, powers

register = template.Library()


@register.inclusion_tag("billing/your_plan.html")
def your_plan(user: User) -> dict[str, Any]:
    """The plan of an account, and all that it can do."""
    return {"now": powers.of(user), "lines": powers.lines(user), "connected": plans.connected()}


@register.inclusion_tag("billing/powers.html")
def powers_table() -> dict[str, Any]:
    """What each plan on sale can do, as a table with a column for each."""
    shown = powers.on_sale()
    return {"plans": [each.plan for each in shown], "rows": powers.table(shown)}
