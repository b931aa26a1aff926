"""Collect the words of the site for translators."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    help = "Collect the words of the site, and the sentences of the workers' errors, into locale/."

    # Workers know no Django. Pages translate the sentences of their errors, which stand second, after the code, their
    # notes, and the titles of looks and of the terms of a shot.
    xgettext_options = [
        *makemessages.Command.xgettext_options,
        *(f"--keyword={name}:2" for name in ("PublicError", "EngineError", "MediaError", "SpecError")),
        "--keyword=Sentence:1",
        "--keyword=Look:1",
        "--keyword=Term:3",
    ]
