from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ToolsConfig(AppConfig):
    name = "apps.tools"

    def ready(self) -> None:
        """Find the tools: every module in catalog/, and `tool.py` of any other app. Let the sweep see to payments."""
        from apps.billing import powers, references
        from apps.billing.upkeep import upkeep
        from apps.library import filters, limits
        from apps.tools import allowed, catalog, ledger, presets, registry, starting, sweeper, turns  # noqa: F401
        from apps.tools.services import models_in_use
        from apps.weights import needs

        needs.register(models_in_use)
        references.register("generation", ledger.jobs)
        references.register("group", ledger.groups)
        filters.register(registry.titles)
        limits.register(allowed.limits, allowed.more_storage)
        powers.changed.connect(turns.plan_changed, dispatch_uid="turns")
        sweeper.register(upkeep)
        sweeper.register(turns.look_again)
        sweeper.register(presets.remove_deleted)
        catalog.load()
        autodiscover_modules("tool")
