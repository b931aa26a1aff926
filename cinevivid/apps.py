from django.apps import AppConfig


class CinevividConfig(AppConfig):
    name = "cinevivid"

    def ready(self) -> None:
        from cinevivid import checks  # noqa: F401
