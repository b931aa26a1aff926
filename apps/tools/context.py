"""Template variables of every page: the tools of the menu, the main tool, and what the studio says of itself."""

from django.conf import settings
from django.http import HttpRequest

from apps.tools import registry


def tools(request: HttpRequest) -> dict[str, object]:
    return {
        "tool_menu": registry.by_category,
        "main_tool": registry.main,
        "free_credits": settings.FREE_CREDITS,
        "site_url": settings.SITE_URL,
        "source_url": settings.SOURCE_URL,
    }
