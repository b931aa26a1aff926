"""What every page shows of the tools: the TOOLS menu, and the credits that a new account starts with."""

from django.conf import settings
from django.http import HttpRequest

from apps.tools import registry


def tools(request: HttpRequest) -> dict[str, object]:
    return {"tool_menu": registry.by_category, "free_credits": settings.FREE_CREDITS}
