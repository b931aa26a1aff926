from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ToolsConfig(AppConfig):
    name = "apps.tools"

    def ready(self) -> None:
        """Find the tools: every module in catalog/, and `tool.py` of any other app."""
        from apps.tools import catalog, starting  # noqa: F401
        from apps.tools.services import models_in_use
        from apps.weights import needs

        needs.register(models_in_use)
        catalog.load()
        autodiscover_modules("tool")
