"""OpenAPI: the one submit view appears once for each registered tool."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from apps.tools import registry


class ToolEndpointEnumerator(EndpointEnumerator):
    """Replaces `/tools/{slug}/…` by a path for each tool."""

    def get_api_endpoints(
        self, patterns: Any = None, prefix: str = ""
    ) -> list[tuple[str, str, str, Callable[..., Any]]]:
        endpoints = []
        for path, regex, method, callback in super().get_api_endpoints(patterns, prefix):
            if "tools/{slug}" not in path:
                endpoints.append((path, regex, method, callback))
                continue
            for tool in registry.tools():
                view = callback.cls.as_view(tool=tool)
                endpoints.append((path.replace("{slug}", tool.slug), regex, method, view))
        return endpoints


class ToolSchemaGenerator(SchemaGenerator):
    endpoint_inspector_cls = ToolEndpointEnumerator


class ToolSchema(AutoSchema):
    """Names and describes an operation of a tool by the tool."""

    def get_operation_id(self) -> str:
        return f"{self.view.operation}_{self.view.tool.slug.replace('-', '_')}"

    def get_summary(self) -> str:
        tool = self.view.tool
        return tool.title if self.view.operation == "submit" else f"{tool.title}: quote"

    def get_description(self) -> str:
        return str(self.view.tool.description)

    def get_tags(self) -> list[str]:
        return ["tools"]
