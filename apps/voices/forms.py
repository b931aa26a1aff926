"""The forms of the page of voices."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.text import tidy
from apps.voices.services import ACCENTS, ENGINES, SEXES, Search, named
from workers.voice.base import Voice
from workers.voice.text import plain

YES = ("on", "true", "1")  # what a box that is ticked sends
MOST_RECORDINGS, MOST_BYTES = 5, 10_000_000
STATEMENT = _(
    "This is my voice, or the voice of a person who has agreed in writing that it is made into a synthetic voice for "
    "me. The recordings are sent to ElevenLabs, which makes the voice."
)


class SearchForm(forms.Form):
    """What voices are looked for by; unknown values find nothing instead of being refused."""

    q = forms.CharField(required=False, max_length=200)
    language = forms.CharField(required=False, max_length=20)
    sex = forms.ChoiceField(required=False, choices=[("", _("Everyone")), *SEXES.items()])
    accent = forms.CharField(required=False, max_length=60)
    engine = forms.ChoiceField(required=False, choices=[("", _("Every engine")), *ENGINES.items()])
    favourite = forms.BooleanField(required=False)

    @property
    def search(self) -> Search:
        """What was asked for; what does not fit is left out."""
        self.is_valid()
        return Search(**self.cleaned_data)


def choices_of(voices: Sequence[Voice]) -> dict[str, list[tuple[str, Any]]]:
    """Return what voices can be filtered by: their languages, as first parts of tags, and their accents."""
    languages = sorted({tag.split("-")[0] for voice in voices for tag in voice.language})
    accents = sorted({voice.accent for voice in voices if voice.accent})
    return {
        "languages": [(tag, named(tag)) for tag in languages],
        "accents": [(accent, ACCENTS.get(accent, accent)) for accent in accents],
    }


class RecordingsInput(forms.ClearableFileInput):
    """Several files at once."""

    allow_multiple_selected = True


class RecordingsField(forms.FileField):
    """A few sounds, each not too large; cleaned, it is a list of uploads."""

    widget = RecordingsInput

    def clean(self, data: Any, initial: Any = None) -> list["UploadedFile[Any]"]:
        given = data if isinstance(data, list | tuple) else [data]
        files = [super(RecordingsField, self).clean(each, initial) for each in given if each] or [
            super().clean(None, initial)
        ]
        if len(files) > MOST_RECORDINGS:
            raise forms.ValidationError(_t("Choose at most {most} recordings.").format(most=MOST_RECORDINGS))
        for file in files:
            if file.size > MOST_BYTES:
                text = _t("A recording has at most {most} MB.").format(most=MOST_BYTES // 1_000_000)
                raise forms.ValidationError(text)
        return files


class CloneForm(forms.Form):
    """A voice of one's own: its name, whose it is, recordings, and the consent without which none is made."""

    name = forms.CharField(label=_("Name of the voice"), max_length=60)
    speaker = forms.CharField(
        label=_("Whose voice it is"), max_length=100, help_text=_("The full name of the person who speaks.")
    )
    recordings = RecordingsField(
        label=_("Recordings"),
        help_text=_("One to five files, together a minute or two: one person, no music, no echo."),
        widget=RecordingsInput(attrs={"accept": "audio/*", "multiple": True}),
    )
    consent = forms.BooleanField(
        label=STATEMENT, error_messages={"required": _("Without this consent no voice can be made.")}
    )

    def clean_consent(self) -> bool:
        """Return True. Raises ValidationError for anything but a yes: a "0" would be a ticked box to Django."""
        if self.data.get("consent") not in YES:
            raise forms.ValidationError(self.fields["consent"].error_messages["required"], code="required")
        return True

    def clean_name(self) -> str:
        return self._seen("name")

    def clean_speaker(self) -> str:
        return self._seen("speaker")

    def _seen(self, name: str) -> str:
        """Return a name in one line, as it is seen. Raises ValidationError when it has no letter."""
        told = " ".join(plain(tidy(self.cleaned_data[name])).split())
        if not any(letter.isalpha() for letter in told):
            raise forms.ValidationError(_t("Write a name, with letters."))
        return told
