import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.errors import StudioError
from apps.weights.needs import needed
from apps.weights.templatetags.weights import progress_words
from workers.base import Cancelled, EngineError
from workers.weights import catalog, folder, store

# What a script may do about it: nothing, try again, or look at the disk.
EXIT_CODES = {"download_interrupted": 3, "hub_unreachable": 3, "model_busy": 3, "disk_full": 4, "folder_unwritable": 4}
LINE_SECONDS = 10.0  # between lines of progress where nobody watches a terminal


class Command(BaseCommand):
    help = (
        "List, download, verify and remove the weights of models. Exit codes: 0 done, 1 refused, "
        "2 wrong use, 3 worth trying again, 4 the disk. "
        "HF_TOKEN, HF_ENDPOINT and CINEVIVID_MODELS are read from the environment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="Every model: state, size on disk, recommended size, licence, repository.")
        names = [card.id for card in catalog.all()]
        download = verbs.add_parser(
            "download", help="Bring a model here, going on from where an earlier attempt ended."
        )
        verify = verbs.add_parser("verify", help="Read a model again, compare it with its hashes, and load it.")
        evict = verbs.add_parser("evict", help="Remove a model, or the ones that were not used for the longest.")
        for verb in (download, verify):
            verb.add_argument("model", choices=names, metavar="MODEL")
        what = evict.add_mutually_exclusive_group(required=True)
        what.add_argument("model", nargs="?", choices=names, metavar="MODEL")
        what.add_argument("--free", type=float, metavar="GB", help="Remove until so many GB are free on the disk.")
        evict.add_argument(
            "--force", action="store_true", help="Even the model that does its kind of work in this studio."
        )

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"do_{verb}")(**options)
        except EngineError as error:
            told = StudioError(error.public_text, code=error.code).public_text
            raise CommandError(f"{told} ({error.code})", returncode=EXIT_CODES.get(error.code, 1)) from error
        except Cancelled:
            raise CommandError(
                "It was cancelled. What has come is kept: the same command goes on from there.", returncode=1
            ) from None

    def do_list(self, **options: Any) -> None:
        rows = [("MODEL", "STATE", "SIZE", "RECOMMENDED", "LICENCE", "REPOSITORY")]
        for now in store.statuses():
            card = now.card
            about = f"about {card.disk_gb:.1f} GB" if card.disk_gb else ""
            size = folder.size_words(now.disk) if now.disk else about
            state = f"{now.state} {now.percent:.0f} %" if now.total else now.state
            marked = f"{card.id} *" if now.chosen else card.id
            rows.append((marked, state, size, card.recommended, card.licence, card.repo or "-"))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        self.stdout.write(
            f"\n* does its kind of work here. {folder.free_bytes() / folder.GB:.1f} GB are free in {folder.root()}."
        )

    def do_download(self, model: str, **options: Any) -> None:
        now = store.download(model, self.progress())
        self.end(f"{model} is ready: {folder.size_words(now.disk)}, commit {now.revision[:12]}.")

    def do_verify(self, model: str, **options: Any) -> None:
        now = store.verify(model, self.progress())
        what = "every byte is right, and it loads" if now.revision else "it loads"
        self.end(f"{model}: {what}.")

    def do_evict(self, model: str | None, free: float | None, force: bool, **options: Any) -> None:
        if free is None:
            assert model is not None
            freed = store.evict(model, force=force, needed=needed())
            self.stdout.write(f"{model} is removed: {folder.size_words(freed)} are free again.")
            return
        for now in store.make_room(free, needed()):
            self.stdout.write(f"{now.card.id} is removed: {folder.size_words(now.disk)} are free again.")
        self.stdout.write(f"{folder.free_bytes() / folder.GB:.1f} GB are free.")

    def progress(self) -> store.OnStatus:
        """A callback that keeps one line of a terminal up to date, or writes a line now and then into a log."""
        self.watched, last = self.stdout.isatty(), 0.0

        def tell(now: store.Status) -> None:
            nonlocal last
            if self.watched:
                self.stdout.write(f"\r\033[K{line(now)}", ending="")
                self.stdout.flush()
            elif time.monotonic() - last > LINE_SECONDS:
                last = time.monotonic()
                self.stdout.write(line(now))

        return tell

    def end(self, text: str) -> None:
        self.stdout.write(f"\r\033[K{text}" if self.watched else text)


def line(now: store.Status) -> str:
    """How far it is: "SkyReels-V2-DF-1.3B-540P downloading 37.2 %, 5.5 GB of 14.7 GB"."""
    return f"{now.card.id} {now.state} {progress_words(now) if now.total else ''}".rstrip()
