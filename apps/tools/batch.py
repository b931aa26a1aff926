"""A batch: what one form asks for, several times over, with what is different each time.

Several prompts (one a line, or rows of a CSV), alternatives in them, several seeds, and several values of one setting:
each with each other is a job. All of them are checked before one is paid for.
"""

import csv
import io
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxLengthValidator
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rest_framework.exceptions import ValidationError

from apps.accounts.models import User
from apps.billing import powers
from apps.billing.powers import NotInPlan
from apps.library import uploads
from apps.library.models import Asset
from apps.text import tidy
from apps.tools import alternatives
from apps.tools.alternatives import UnbalancedError
from apps.tools.fields import SEEDS
from apps.tools.help import explained, naming
from apps.tools.registry import Tool, ToolForm

BATCH = "batch"  # what a program sends a batch as: a list of objects
PREFIX = "batch_"  # begins the names of these fields, which stand in the form of a tool
MAX_CSV = 1_000_000  # bytes
MAX_LINES = 300_000  # characters of the prompts that are typed
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


@dataclass(slots=True)
class Asked:
    """What a page asks for: its form as it is shown, and the parameters of each job; none where something is wrong."""

    form: ToolForm
    params: list[dict[str, Any]] = field(default_factory=list)
    batch: bool = False
    title: str = ""
    skipped: list[int] = field(default_factory=list)  # the empty lines of a batch


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
                wrong.setdefault(each.field, []).append(_placed(each.place, _unbalanced(error)))
        for name, sentences in wrong.items():
            self._refuse(name, " ".join(_few(sentences)))
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
        if (file.size or 0) > MAX_CSV:
            self._refuse("batch_file", _t("the file is too large. A CSV has at most %(most)d MB.") % {"most": 1})
            return []
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            self._refuse("batch_file", _t("the file is not written in UTF-8. Save it as “CSV UTF-8”."))
            return []
        try:
            return list(self._read(text))
        except (csv.Error, ValueError) as error:
            self._refuse("batch_file", str(error) if isinstance(error, _Wrong) else _t("this is not a CSV."))
            return []

    def _read(self, text: str) -> Iterator[Member]:
        """Yield the rows of a CSV. Raises _Wrong, with a sentence."""
        if "\0" in text:
            raise _Wrong(_t("this is not a CSV."))
        head = text.partition("\n")[0]
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ",")
        names = _without_end([tidy(name).lower().replace(" ", "_") for name in next(rows, [])], 0)
        fields = self.tool.form_class.base_fields
        unknown = [name for name in names if name not in fields]
        if not any(names) or len(unknown) == len(names):
            told = _t("the first line has to name settings, such as %(names)s.")
            raise _Wrong(
                told % {"names": ", ".join(list(filter(fields.__contains__, (self.tool.text, "seed"))) or fields)}
            )
        if unknown:
            told = _t("“%(name)s” is no setting of this tool. Take that column out.")
            raise _Wrong(told % {"name": unknown[0][:60]})
        both = {"seed": self.data.get("batch_seeds"), self.cleaned_data.get("batch_vary"): True}
        if again := next((name for name in names if both.get(name)), None):
            raise _Wrong(_t("it has a column “%(name)s”, and so does this form.") % {"name": again})
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise _Wrong(_t("the column “%(name)s” is there twice.") % {"name": twice})
        made = False
        for row in rows:
            number = rows.line_num
            if not any(map(tidy, row)):
                self.skipped.append(number)
                continue
            row = _without_end(row, len(names))
            if len(row) != len(names):
                told = _t("line %(number)d has %(cells)d cells, and the first line has %(columns)d.")
                raise _Wrong(told % {"number": number, "cells": len(row), "columns": len(names)})
            made = True
            cells = {name: cell for name, cell in zip(names, map(tidy, row), strict=True) if cell}
            if self.text and self.tool.text not in cells:
                cells[self.tool.text] = self.text
            yield Member(cells, _t("line %(number)d") % {"number": number}, "batch_file")
        if not made:
            raise _Wrong(_t("there is nothing below its first line."))

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


MAX_SEEDS = 10_000  # that one part names; a batch has fewer, which is told with their number


class _Wrong(ValueError):
    """A CSV cannot be used, for the reason that it says."""


def _without_end(cells: list[str], least: int) -> list[str]:
    """Return a row without the empty cells at its end, which tables often have; `least` of its cells stay."""
    number = len(cells)
    while number > least and not tidy(cells[number - 1]):
        number -= 1
    return cells[:number]


def tidy_lines(text: str) -> list[str]:
    """Return the lines of a text, tidied; empty ones too, but for those at its end."""
    return [tidy(line) for line in re.split("\r\n|[\r\n]", text.rstrip())]


def _unbalanced(error: UnbalancedError) -> str:
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


def _placed(place: str, sentence: str) -> str:
    """A sentence with its place before it: "line 3: Steps: choose 4 or more."."""
    return f"{place}: {sentence}" if place else sentence


def _few(sentences: Sequence[str]) -> list[str]:
    """The first of some sentences, and how many more there are."""
    more = len(sentences) - MOST_TOLD
    told = [ngettext("And %(number)d more.", "And %(number)d more.", more) % {"number": more}] if more > 0 else []
    return [*sentences[:MOST_TOLD], *told]


def split(data: Any) -> tuple[Any, Any]:
    """Return what a page sends in two parts: what is the tool's, and what is the batch's."""
    tools, own = MultiValueDict[str, Any](), MultiValueDict[str, Any]()
    for name in data:
        (own if name.startswith(PREFIX) else tools).setlist(name, data.getlist(name))
    return tools, own


def read(tool: Tool, data: Any, files: Any, *, user: User, draft: bool = False) -> Asked:
    """Return what a form asks for: one job, or a batch where something of that is filled in.

    Uploads are looked at once, for all jobs.
    """
    if not tool.batches:
        return _alone(tool.form_class(data, files, user=user, draft=draft))
    shared, own = split(data)
    shared_files, own_files = split(files)
    batch = BatchForm(tool, shared, own, own_files, user)
    text = batch.text
    if not (any(str(value).strip() for value in own.values()) or own_files or alternatives.offers(text)):
        form = tool.form_class(shared, shared_files, user=user, draft=draft)
        form.batch = BatchForm(tool)
        return _alone(form)
    batch.full_clean()
    members = batch.members or [Member({tool.text: text} if text else {})]
    made: list[dict[str, Any]] = []
    forms_ = _forms(tool, shared, shared_files, members, user=user, draft=draft or not batch.members)
    first = next(forms_)
    faults = _Faults(batch, first)
    for member, form in zip(members, _with(first, forms_), strict=True):
        if form.is_valid():
            made.append(form.params)
        else:
            faults.add(member, form)
    faults.tell()
    first.batch, first.data = batch, shared  # as it was typed, not as the first job has it
    if batch.wrong_text:
        first.add_error(tool.text, batch.wrong_text)
    first.refused_by_plan = batch.refused_by_plan
    if batch.errors or first.errors:
        uploads.let_go(value for each in made for value in each.values() if isinstance(value, Asset))
        return Asked(first, batch=True)
    return Asked(first, made, batch=True, title=text, skipped=batch.skipped)


def _alone(form: ToolForm) -> Asked:
    return Asked(form, [form.params] if form.is_valid() else [])


def _with(first: ToolForm, others: Iterator[ToolForm]) -> Iterator[ToolForm]:
    yield first
    yield from others


def _forms(
    tool: Tool, shared: Any, files: Any, members: Sequence[Member], *, user: User, draft: bool
) -> Iterator[ToolForm]:
    """Yield the form of each job; the files are opened for the first one, and handed on."""
    for member in members:
        data = MultiValueDict({name: shared.getlist(name) for name in shared})
        for name, value in member.values.items():
            data.setlist(name, [value])
        form = tool.form_class(data, files, user=user, draft=draft)
        yield form
        if files and form.is_valid():
            for name in tool.inputs:
                if name in files:
                    shared = MultiValueDict({**dict(shared.lists()), name: [form.cleaned_data.get(name) or ""]})
            files = MultiValueDict[str, Any]()


class _Faults:
    """What is wrong with the jobs of a batch: told at the field that it comes from, once, with its place."""

    def __init__(self, batch: BatchForm, form: ToolForm) -> None:
        self.batch, self.form = batch, form
        self.found: dict[str, list[str]] = {}

    def add(self, member: Member, form: ToolForm) -> None:
        vary = self.batch.cleaned_data.get("batch_vary", "")
        for name, errors in form.errors.items():
            value = str(member.values.get(name, ""))
            for error in map(str, errors):
                if name == vary:
                    self._add("batch_values", f"“{value[:40]}”: {error}")
                elif member.field and name in member.values:
                    self._add(member.field, _placed(member.place, error))
                else:
                    self._add(name, error)

    def _add(self, name: str, sentence: str) -> None:
        sentences = self.found.setdefault(name, [])
        if sentence not in sentences:
            sentences.append(sentence)

    def tell(self) -> None:
        """Show all that was found; the shown form has of its own only what no line and no value is to blame for."""
        for name in [name for name in self.form.errors if name not in self.found]:
            del self.form.errors[name]
        for name, sentences in self.found.items():
            if name in self.batch.fields:
                label = str(self.batch.fields[name].label)
                for each in _few(sentences):
                    self.batch.add_error(name, naming(label, each))
            elif name not in self.form.errors:
                self.form.add_error(None if name == NON_FIELD_ERRORS else name, sentences[0])


def ordered(
    tool: Tool, data: Any, params: Callable[[dict[str, Any]], dict[str, Any]], user: User
) -> list[dict[str, Any]]:
    """Return the parameters of each job of a batch that a program sends; `params` reads those of one job.

    Raises NotInPlan, or ValidationError where one of them is wrong, with its place from 1.
    """
    shared = {name: data[name] for name in data if name != BATCH}
    members = _expanded(tool, shared, _given(data[BATCH]), user)
    if members and "seed" in tool.form_class.base_fields and shared.get("seed") is None:
        shared["seed"] = secrets.randbelow(SEEDS)
    made: list[dict[str, Any]] = []
    wrong: list[str] = []
    for place, values in members:
        try:
            made.append(params(shared | values))
        except ValidationError as error:
            told = error.detail if isinstance(error.detail, dict) else {"": error.detail}
            sentences = [f"{place}: {sentence}" for found in told.values() for sentence in found]
            wrong += [each for each in sentences if each not in wrong]  # once for all alternatives of a job
        for name in tool.inputs:
            if isinstance(shared.get(name), UploadedFile) and made and isinstance(made[-1].get(name), Asset):
                shared[name] = made[-1][name]
    if wrong:
        uploads.let_go(value for each in made for value in each.values() if isinstance(value, Asset))
        raise ValidationError({BATCH: _few(wrong)})
    return made


def _given(batch: Any) -> list[Any]:
    """Return the jobs that a program has sent: a list, or in a form with files, as JSON. Raises ValidationError."""
    if isinstance(batch, str):
        try:
            batch = json.loads(batch)
        except (ValueError, RecursionError):
            batch = None
    if not isinstance(batch, list) or not all(isinstance(each, dict) and BATCH not in each for each in batch):
        raise ValidationError({BATCH: [_t("Send a list of objects, one for each job.")]})
    if not batch:
        raise ValidationError({BATCH: [_t("Send at least one job.")]})
    return batch


def _expanded(tool: Tool, shared: dict[str, Any], given: list[Any], user: User) -> list[tuple[int, dict[str, Any]]]:
    """Return the jobs with their places, those with alternatives in the prompt several times."""
    powers.require(user, {"batch_jobs": len(given)})
    texts = [each.get(tool.text, shared.get(tool.text)) for each in given]
    texts = [text if isinstance(text, str) else "" for text in texts]  # the form says what is wrong with another one
    counts, wrong = dict[str, int](), []
    for place, text in enumerate(texts, start=1):
        try:
            counts[text] = counts.get(text) or alternatives.count(text)
        except UnbalancedError as error:
            wrong.append(f"{place}: {_unbalanced(error)}")
    if wrong:
        raise ValidationError({BATCH: _few(wrong)})
    powers.require(user, {"batch_jobs": min(alternatives.MOST, sum(counts[text] for text in texts))})
    return [
        (place, each | ({tool.text: spelled} if alternatives.offers(text) else {}))
        for place, (each, text) in enumerate(zip(given, texts, strict=True), start=1)
        for spelled in alternatives.expanded(text)
    ]
