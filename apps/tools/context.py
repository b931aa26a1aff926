"""What every page shows of the tools: the menu, the tool that it opens, and the credits that an account starts with."""

from django.conf import settings
from django.http import HttpRequest

from apps.tools import registry


def tools(request: HttpRequest) -> dict[str, object]:
    return {"tool_menu": registry.by_category, "main_tool": registry.main, "free_credits": settings.FREE_CREDITS}
