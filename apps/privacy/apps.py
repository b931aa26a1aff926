from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "apps.privacy"

    def ready(self) -> None:
        """Let the sweep go on with interrupted deletions, and remove accounts that were never confirmed."""
        from apps.privacy.deletion import go_on, remove_unconfirmed
        from apps.tools import sweeper

        sweeper.register(go_on)
        sweeper.register(remove_unconfirmed)
