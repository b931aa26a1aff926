from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "apps.privacy"

    def ready(self) -> None:
        """Let the sweep go on with deletions that a crash has interrupted."""
        from apps.privacy.deletion import go_on
        from apps.tools import sweeper

        sweeper.register(go_on)
