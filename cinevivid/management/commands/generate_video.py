"""`manage.py generate_video`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workers import video
from workers.engines.skyreels.request.flags import add_flags


class Command(BaseCommand):
    help = "Make a video with a text or image model: SkyReels-V2's script of this name, every flag."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_flags(parser, "generate_video")

    def handle(self, *args: Any, **options: Any) -> None:
        if code := video.generate(options, "generate_video"):
            raise SystemExit(code)
