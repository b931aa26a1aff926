"""`manage.py enhance_prompt`."""

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.base import PublicError
from workers.enhance import enhance
from workers.prompts.write import TARGETS


class Command(BaseCommand):
    help = "Print a longer prompt: by the rules of the shot grammar, or by an instruct model of the catalogue."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prompt", required=True, help="what should be seen, or a shot as JSON")
        parser.add_argument("--engine", default="", help="shot-grammar or a model (default: CINEVIVID_PROMPT_ENGINE)")
        parser.add_argument("--seed", type=int, help="the same seed makes the same suggestion")
        parser.add_argument("--target", choices=TARGETS, default="t2v", help="i2v for a video from a picture")
        parser.add_argument("--model", default="", help="the video model that it is for, such as nano")
        parser.add_argument("--json", action="store_true", help="print everything: shot, changes and notes")

    def handle(
        self, *args: Any, prompt: str, engine: str, seed: int | None, target: Any, model: str, **options: Any
    ) -> None:
        seed = secrets.randbelow(2**31) if seed is None else seed
        try:
            told = enhance(prompt, seed, engine=engine, target=target, model=model)
        except PublicError as error:
            raise CommandError(error.public_text) from error
        if options["json"]:
            self.stdout.write(json.dumps(told.to_json(), ensure_ascii=False, indent=2))
            return
        self.stdout.write(told.prompt)
        for note in told.notes:
            self.stderr.write(note)
