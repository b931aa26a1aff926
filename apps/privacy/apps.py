from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "apps.privacy"

    def ready(self) -> None:
        """Let the sweep go on with interrupted deletions, and remove accounts that were never confirmed.

        Voices whose owners are gone are removed at their provider.
        """
        from apps.privacy.deletion import go_on, remove_unconfirmed
        from apps.tools import sweeper
        from apps.voices import services as voices

        sweeper.register(go_on)
        sweeper.register(voices.go_on)
        sweeper.register(remove_unconfirmed)
