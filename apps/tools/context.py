"""The TOOLS menu of the top bar."""

from django.http import HttpRequest

from apps.tools import registry


def tools(request: HttpRequest) -> dict[str, object]:
    return {"tool_menu": registry.by_category}
