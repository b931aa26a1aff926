"""The form of a batch: which jobs its prompts, its rows, its seeds and its values make."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.billing import powers
from apps.billing.powers import NotInPlan
from apps.text import tidy
from apps.tools import alternatives
from apps.tools.alternatives import UnbalancedError
from apps.tools.fields import SEEDS
from apps.tools.help import explained, naming
from apps.tools.registry import Tool
from apps.tools.table import Table, TableError

PREFIX = "batch_"  # begins the names of these fields, which stand in the form of a tool
MAX_LINES = 300_000  # characters of the prompts that are typed
MAX_SEEDS = 10_000  # that one part names; a batch has fewer, which is told with their number
MOST_TOLD = 5  # wrong ones that are told, with their places
DRAWN = re.compile(r"[x×](\d{1,6})", re.IGNORECASE)
RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


@dataclass(frozen=True, slots=True)
class Member:
    """What is different about one job: its values, and where they stand, for the sentence that refuses one.

    `field` is the batch's field that they come from; empty where it is the tool's own.
    """

    values: Mapping[str, Any]
    place: str = ""
    field: str = ""


class BatchForm(forms.Form):
    """What a tool's form says of a batch, beside what is `shared` by all its jobs. The plan of `user` bounds it."""

    batch_prompts = forms.CharField(
        label=_("More prompts"),
        required=False,
        strip=False,
        validators=[MaxLengthValidator(MAX_LINES)],
        widget=forms.Textarea(attrs={"rows": 3, "dir": "auto"}),
        help_text=explained(
            _("One per line. Each is made, as well as the prompt above."),
            _("“a {red|blue} star” is two prompts, here and above: every word between the bars is tried."),
        ),
    )
    batch_file = forms.FileField(
        label=_("Rows of a CSV"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        help_text=explained(
            _("A table in UTF-8. Its first line names the settings, and each line below is one job."),
            _("The names are those of the API, such as prompt and seed. An empty cell is what this form says."),
        ),
    )
    batch_seeds = forms.CharField(
        label=_("Seeds"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": "1, 2, 3", "autocomplete": "off"}),
        help_text=explained(
            _("Every prompt is made with every seed: 1, 7, 42 or 1-4. x4 draws four."),
            _("Left empty, all have the same seed, so that only what you vary differs."),
        ),
    )
    batch_vary = forms.ChoiceField(
        label=_("Vary a setting"),
        required=False,
        help_text=explained(_("One setting of which several values are tried."), _("Write its values beside it.")),
    )
    batch_values = forms.CharField(
        label=_("Its values"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": _("10, 20, 30"), "autocomplete": "off"}),
        help_text=_("With commas between them."),
    )

    def __init__(
        self,
        tool: Tool,
        shared: Any = None,
        data: Any = None,
        files: Any = None,
        user: User | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial=dict(initial or {}))
        self.tool, self.user, self.text, self.seeded = tool, user, "", False
        if shared is not None:
            self.text, self.seeded = tidy(str(shared.get(tool.text) or "")), bool(shared.get("seed"))
        self.wrong_text = ""  # why the tool's own prompt cannot be used
        self.refused_by_plan = False
        self.members: list[Member] = []
        self.skipped: list[int] = []  # empty lines
        known = tool.form_class.base_fields
        if tool.text not in known:
            del self.fields["batch_prompts"]
        if "seed" not in known:
            del self.fields["batch_seeds"]
        for each in self.fields.values():
            each.widget.attrs["data-default"] = ""  # the page counts what is filled in
        self.fields["batch_vary"].choices = [("", _t("Nothing")), *tool.varied.items()]  # type: ignore[attr-defined]

    @property
    def opened(self) -> bool:
        """Something is filled in, so that the page shows it."""
        given = self.data if self.is_bound else self.initial
        return any(given.get(name) for name in self.fields)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        texts, seeds, values = self._texts(), self._seeds(), self._values()
        if self.errors or self.wrong_text:
            return data
        numbers = {
            next((each.field for each in texts if each.field), ""): sum(map(self._number, texts)),
            "batch_seeds": max(1, len(seeds)),
            "batch_values": max(1, len(values)),
        }
        number = 1
        for each in numbers.values():
            number *= each
        try:
            if self.user:
                powers.require(self.user, {"batch_jobs": number})
        except NotInPlan as error:
            self.refused_by_plan = True
            told = _t("these are %(number)s jobs.") % {"number": f"{number:,}"}
            if number >= alternatives.MOST:
                told = _t("these are %(number)s jobs or more.") % {"number": f"{alternatives.MOST:,}"}
            self._refuse(max(numbers, key=lambda name: numbers[name]), f"{told} {error.message}")
            return data
        drawn = [] if self.seeded or "batch_seeds" not in self.fields else [secrets.randbelow(SEEDS)]
        self.members = [
            Member({**({} if seed is None else {"seed": seed}), **each.values}, each.place, each.field)
            for text in texts
            for spelled in self._spelled(text)
            for each in _varied(spelled, self.cleaned_data.get("batch_vary", ""), values)
            for seed in (seeds or drawn or (None,))
        ]
        return data

    def _refuse(self, name: str, sentence: str) -> None:
        if name:
            label = str(self.fields[name].label)
            self.add_error(name, naming(label, sentence))
        else:
            self.wrong_text = sentence

    def _texts(self) -> list[Member]:
        """Return what the prompts and the rows say, each with its place; of a wrong one, an error is added."""
        lines = list(self._lines())
        file = self.cleaned_data.get("batch_file")
        if file and lines:
            self._refuse("batch_file", _t("choose either a CSV or prompts, one a line."))
            return []
        found = lines
        if file:
            found = self._rows(file)
        elif self.text:
            found = [Member({self.tool.text: self.text}), *lines]
        wrong: dict[str, list[str]] = {}
        for each in found:
            try:
                self._number(each)
            except UnbalancedError as error:
                wrong.setdefault(each.field, []).append(placed(each.place, unbalanced(error)))
        for name, sentences in wrong.items():
            self._refuse(name, " ".join(few(sentences)))
        return found or [Member({})]

    def _lines(self) -> Iterator[Member]:
        text = tidy_lines(self.cleaned_data.get("batch_prompts") or "")
        for number, line in enumerate(text, start=1):
            if line:
                place = _t("line %(number)d") % {"number": number}
                yield Member({self.tool.text: line}, place, "batch_prompts")
            elif text != [""]:
                self.skipped.append(number)

    def _rows(self, file: "UploadedFile[Any]") -> list[Member]:
        try:
            return list(self._read(file))
        except TableError as error:
            self._refuse("batch_file", str(error))
            return []

    def _read(self, file: "UploadedFile[Any]") -> Iterator[Member]:
        """Yield the rows of a CSV. Raises TableError."""
        known, text = self.tool.form_class.base_fields, self.tool.text
        table = Table(file, known, [name for name in (text, "seed") if name in known] or list(known))
        both = {"seed": self.data.get("batch_seeds"), self.cleaned_data.get("batch_vary"): True}
        if again := next((name for name in table.names if both.get(name)), None):
            raise TableError(_t("it has a column “%(name)s”, and so does this form.") % {"name": again})
        for row in table.rows():
            if not row.cells:
                self.skipped.append(row.line)
                continue
            own = {text: self.text} if self.text and text not in row.cells else {}
            yield Member(row.cells | own, _t("line %(number)d") % {"number": row.line}, "batch_file")

    def _number(self, member: Member) -> int:
        return alternatives.count(str(member.values.get(self.tool.text) or ""))

    def _spelled(self, member: Member) -> Iterator[Member]:
        """Yield what a prompt is with each of its alternatives."""
        text = member.values.get(self.tool.text)
        if not text:
            yield member
            return
        for each in alternatives.expanded(str(text)):
            yield Member({**member.values, self.tool.text: tidy(each)}, member.place, member.field)

    def _seeds(self) -> list[int]:
        text = re.sub(r"\s*[-–]\s*", "-", self.cleaned_data.get("batch_seeds") or "")
        most, found = SEEDS - 1, list[int]()
        for part in filter(None, re.split(r"[,;\s]+", text)):
            if drawn := DRAWN.fullmatch(part):
                found += [secrets.randbelow(SEEDS) for _number in range(min(int(drawn[1]), MAX_SEEDS))]
                continue
            ends = RANGE.fullmatch(part)
            first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
            if not ends or last < first or last > most:
                told = _t("“%(part)s” is no seed. Write 1, 2, 3 or 1-4, up to %(most)d; x4 draws four.")
                self._refuse("batch_seeds", told % {"part": part[:40], "most": most})
                return []
            found += range(first, min(last, first + MAX_SEEDS) + 1)
        return list(dict.fromkeys(found))

    def _values(self) -> list[str]:
        name, text = self.cleaned_data.get("batch_vary"), (self.cleaned_data.get("batch_values") or "").strip()
        if name and not text:
            self._refuse("batch_values", _t("write the values to try, with commas between them."))
        elif text and not name:
            if "batch_vary" not in self.errors:
                self._refuse("batch_vary", _t("choose the setting that has these values."))
        elif name:
            field = self.tool.form_class.base_fields[name]
            values = [tidy(part) for part in re.split(r"[,;]", text)]
            if "" in values:
                self._refuse("batch_values", _t("one of the values is empty."))
            return list(dict.fromkeys(_value_of(field, value) for value in values if value))
        return []


def tidy_lines(text: str) -> list[str]:
    """Return the lines of a text, tidied; empty ones too, but for those at its end."""
    return [tidy(line) for line in re.split("\r\n|[\r\n]", text.rstrip())]


def unbalanced(error: UnbalancedError) -> str:
    told = _t("the brace at character %(place)d has no counterpart. Write \\{ for a brace that is meant.")
    return told % {"place": error.place}


def _value_of(form_field: forms.Field, text: str) -> str:
    """Return a value as the form takes it: of a choice also by its title."""
    choices: Any = getattr(form_field, "choices", ())
    titles = {str(title).casefold(): str(value) for value, title in choices if not isinstance(title, list | tuple)}
    return text if text in titles.values() else titles.get(text.casefold(), text)


def _varied(member: Member, name: str, values: Sequence[str]) -> Iterator[Member]:
    if not values:
        yield member
    for value in values:
        yield Member({**member.values, name: value}, member.place, member.field)


def placed(place: str, sentence: str) -> str:
    """A sentence with its place before it: "line 3: Steps: choose 4 or more."."""
    return f"{place}: {sentence}" if place else sentence


def few(sentences: Sequence[str]) -> list[str]:
    """The first of some sentences, and how many more there are."""
    more = len(sentences) - MOST_TOLD
    told = [ngettext("And %(number)d more.", "And %(number)d more.", more) % {"number": more}] if more > 0 else []
    return [*sentences[:MOST_TOLD], *told]
