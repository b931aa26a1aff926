"""`manage.py generate_video_df`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workers import video
from workers.engines.skyreels.request.flags import add_flags


class Command(BaseCommand):
    help = "Make a video with a diffusion forcing model, of any length: SkyReels-V2's script of this name, every flag."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_flags(parser, "generate_video_df")

    def handle(self, *args: Any, **options: Any) -> None:
        if code := video.generate(options, "generate_video_df"):
            raise SystemExit(code)
