from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ToolsConfig(AppConfig):
    name = "apps.tools"

    def ready(self) -> None:
        """Find the tools: every module in catalog/, and `tool.py` of any other app."""
        from apps.tools import catalog

        catalog.load()
        autodiscover_modules("tool")
