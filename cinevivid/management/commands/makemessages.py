"""Collect the words of the site for translators."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    help = "Collect the words of the site, and the sentences of the workers' errors, into locale/."

    # Workers know no Django. Pages translate the sentences of their errors, which stand second, after the code, and
    # the titles of looks.
    xgettext_options = [
        *makemessages.Command.xgettext_options,
        *(f"--keyword={name}:2" for name in ("PublicError", "EngineError", "MediaError", "SpecError", "VoiceError")),
        *(f"--keyword={name}:4" for name in ("_kokoro", "_voice")),  # what the voices of ours are like
        "--keyword=Look:1",
    ]
