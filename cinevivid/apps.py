from django.apps import AppConfig


class CinevividConfig(AppConfig):
    name = "cinevivid"

    def ready(self) -> None:
        from apps import parsers
        from cinevivid import checks  # noqa: F401

        parsers.install()
