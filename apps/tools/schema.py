"""OpenAPI: the one submit view appears once for each registered tool."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from django.utils.translation import gettext
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator

from apps.openapi import StudioSchema
from apps.tools import registry
from apps.tools.registry import Tool

OF_A_JOB = {
    *("not_in_plan", "insufficient_credits", "too_many_jobs"),
    *("duplicate_request", "invalid_header", "input_missing"),
}


class ViewOfTool(Protocol):
    """What the schema asks a view for."""

    tool: Tool | None
    operation: str


class ToolEndpointEnumerator(EndpointEnumerator):
    """Replaces `/tools/{slug}/…` by a path for each tool."""

    # Four values each, where the class that this one's parent stands in for gives three.
    def get_api_endpoints(  # type: ignore[override]
        self, patterns: Any = None, prefix: str = ""
    ) -> list[tuple[str, str, str, Callable[..., Any]]]:
        endpoints = []
        found = super().get_api_endpoints(patterns, prefix)  # type: ignore[no-untyped-call]
        for path, regex, method, callback in found:
            if "tools/{slug}" not in path:
                endpoints.append((path, regex, method, callback))
                continue
            for tool in registry.tools():
                view = callback.cls.as_view(tool=tool)
                endpoints.append((path.replace("{slug}", tool.slug), regex, method, view))
        return endpoints


class ToolSchemaGenerator(SchemaGenerator):
    endpoint_inspector_cls = ToolEndpointEnumerator


class ToolSchema(StudioSchema):
    """Names and describes an operation of a tool by the tool."""

    def _of(self) -> ViewOfTool:
        return cast(ViewOfTool, self.view)

    def _tool(self) -> Tool:
        tool = self._of().tool
        assert tool is not None
        return tool

    def refusals(self) -> set[str]:
        """A job can cost more than there is, and its key can be that of another request. A quote stores nothing."""
        found = super().refusals()
        return found | OF_A_JOB if self._of().operation == "submit" else found - {"storage_full"} | {"not_in_plan"}

    def get_operation_id(self) -> str:
        return f"{self._of().operation}_{self._tool().slug.replace('-', '_')}"

    def get_summary(self) -> str:
        tool = self._tool()
        if self._of().operation == "submit":
            return str(tool.title)
        return gettext("%(tool)s: what it costs") % {"tool": tool.title}

    def get_description(self) -> str:  # type: ignore[override]
        if self._of().operation == "submit":
            return self._tool().description
        return gettext(
            "Credits and expected seconds of a request, without starting anything. A prompt may be left out."
        )

    def get_tags(self) -> list[str]:
        return ["tools"]
