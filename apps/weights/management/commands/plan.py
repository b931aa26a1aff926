"""`manage.py plan`."""

import dataclasses
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from workers.base import EngineError
from workers.engines.image import cards as image_cards
from workers.engines.image import plan as pictures
from workers.engines.skyreels import cards
from workers.engines.skyreels.memory import planner
from workers.engines.skyreels.request.execution import stored_form
from workers.engines.skyreels.request.spec import SpecError, VideoSpec

CARDS = (8.0, 16.0, 24.0, 48.0, 80.0)


class Command(BaseCommand):
    help = "Show how each model runs on cards of a given memory, or explain it for one. Changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--gb", type=float, nargs="+", default=CARDS, help="memory of the cards in GB (10^9 bytes)")
        parser.add_argument("--model", help="a model of the catalogue: its ways of running, and which is taken")
        parser.add_argument("--num-frames", type=int, help="length of the film (default: one window)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["model"]:
            self.explain(options["model"], options["gb"], options["num_frames"])
            return
        rows = planner.table(options["gb"], options["num_frames"])
        if not options["num_frames"]:
            rows += pictures.table(options["gb"])
        head = ["", *(f"{size:g} GB" for size in options["gb"])]
        wide = [
            max(len(row[i]) for row in (head, *([title, *cells] for title, cells in rows))) for i in range(len(head))
        ]
        for row in (head, *([title, *cells] for title, cells in rows)):
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip())

    def explain(self, model: str, sizes: list[float], frames: int | None) -> None:
        if model in (card.id for card in image_cards.all()):
            self.explain_pictures(image_cards.get(model), sizes)
            return
        quantised = stored_form(model) != "none"
        try:
            spec = planner.recommended(cards.get(model))
            spec = dataclasses.replace(spec, num_frames=frames) if frames else spec
            self.stdout.write(f"{cards.get(model).title}, {_size(spec)}. The ways, the fastest first:")
            for option in planner.options(cards.get(model), spec, quantised=quantised):
                self.stdout.write(f"  {option.words} The host keeps {option.host_gb:.1f} GB.")
        except KeyError:
            raise CommandError(f"There is no model {model}.") from None
        except (SpecError, EngineError) as error:
            raise CommandError(error.public_text) from error
        for size in sizes:
            try:
                told = planner.plan_memory(cards.get(model), spec, size, quantised=quantised).explanation
            except EngineError as error:
                told = error.public_text
            self.stdout.write(f"{size:g} GB: {told}")

    def explain_pictures(self, card: image_cards.ImageCard, sizes: list[float]) -> None:
        self.stdout.write(f"{card.title}, one picture. The ways, the fastest first:")
        for option in pictures.options(card):
            self.stdout.write(f"  {option.words} The host keeps {option.host_gb:.1f} GB.")
        for size in sizes:
            self.stdout.write(f"{size:g} GB: {pictures.sentence(card, size)}")


def _size(spec: VideoSpec) -> str:
    return f"{spec.num_frames} frames of {spec.width} x {spec.height}"
