"""Template variables of every page: the tools of the menu, the main tool, the line, and what the studio says."""

from django.conf import settings
from django.http import HttpRequest

from apps.tools import registry
from apps.tools.line import Line


def tools(request: HttpRequest) -> dict[str, object]:
    return {
        "tool_menu": registry.by_category,
        "main_tool": registry.main,
        "jobs_line": Line(),
        "free_credits": settings.FREE_CREDITS,
        "site_url": settings.SITE_URL,
        "source_url": settings.SOURCE_URL,
    }
