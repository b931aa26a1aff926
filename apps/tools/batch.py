"""A batch: what one form asks for, several times over, with what is different each time.

Several prompts (one a line, or rows of a CSV), alternatives in them, several seeds, and several values of one setting:
each with each other is a job. All of them are checked before one is paid for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.datastructures import MultiValueDict

from apps.accounts.models import User
from apps.library import uploads
from apps.library.models import Asset
from apps.tools import alternatives
from apps.tools.batch_form import PREFIX, BatchForm, Member, few, placed
from apps.tools.help import naming
from apps.tools.registry import Tool, ToolForm


@dataclass(slots=True)
class Asked:
    """What a page asks for: its form as it is shown, and the parameters of each job; none where something is wrong."""

    form: ToolForm
    params: list[dict[str, Any]] = field(default_factory=list)
    batch: bool = False
    title: str = ""
    skipped: list[int] = field(default_factory=list)  # the empty lines of a batch


def split(data: Any) -> tuple[Any, Any]:
    """Return what a page sends in two parts: what is the tool's, and what is the batch's."""
    tools, own = MultiValueDict[str, Any](), MultiValueDict[str, Any]()
    for name in data:
        (own if name.startswith(PREFIX) else tools).setlist(name, data.getlist(name))
    return tools, own


def read(tool: Tool, data: Any, files: Any, *, user: User, draft: bool = False, holds: bool = False) -> Asked:
    """Return what a form asks for: one job, or a batch where something of that is filled in.

    Uploads are looked at once, for all jobs. A draft that `holds` keeps them for the form that is sent later.
    """
    if not tool.batches:
        return _alone(tool.form_class(data, files, user=user, draft=draft, holds=holds))
    shared, own = split(data)
    shared_files, own_files = split(files)
    batch = BatchForm(tool, shared, own, own_files, user)
    text = batch.text
    if not (any(str(value).strip() for value in own.values()) or own_files or alternatives.offers(text)):
        form = tool.form_class(shared, shared_files, user=user, draft=draft, holds=holds)
        form.batch = BatchForm(tool)
        return _alone(form)
    batch.full_clean()
    members = batch.members or [Member({tool.text: text} if text else {})]
    made: list[dict[str, Any]] = []
    told = {"user": user, "draft": draft or not batch.members, "holds": holds}
    forms_ = _forms(tool, shared, shared_files, members, **told)
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


def _forms(tool: Tool, shared: Any, files: Any, members: Sequence[Member], **told: Any) -> Iterator[ToolForm]:
    """Yield the form of each job; the files are opened for the first one, and handed on."""
    for member in members:
        data = MultiValueDict({name: shared.getlist(name) for name in shared})
        for name, value in member.values.items():
            data.setlist(name, [value])
        form = tool.form_class(data, files, **told)
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
                    self._add(member.field, placed(member.place, error))
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
                for each in few(sentences):
                    self.batch.add_error(name, naming(label, each))
            elif name not in self.form.errors:
                self.form.add_error(None if name == NON_FIELD_ERRORS else name, sentences[0])
