"""Template variables of every page: the tools of the menu, the main tool, the credits of a new account."""

from django.conf import settings
from django.http import HttpRequest

from apps.tools import registry


def tools(request: HttpRequest) -> dict[str, object]:
    return {"tool_menu": registry.by_category, "main_tool": registry.main, "free_credits": settings.FREE_CREDITS}
