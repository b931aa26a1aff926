"""The registry of tools. A tool is declared once; its page, API path, schema, price and card come from here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.billing import powers
from apps.billing.powers import Powers
from apps.given import misfits, tidied
from apps.library import uploads
from apps.library.decoding import NotOpened
from apps.library.models import Asset, Generation
from apps.text import told
from apps.tools.fields import AssetField, LanguageField, PlanSelect, VoiceField
from apps.tools.help import behind_label, label_of, naming, sentences
from workers.prompts.shot import PromptError
from workers.weights import catalog
from workers.weights.card import WeightCard

CSRF_FIELD = "csrfmiddlewaretoken"  # of every form that a page posts
ONCE_FIELD = "once"  # a word that the page draws for each form it shows: a form sent twice makes one job
LARGE_QUEUE = "gpu-large"  # for workers whose GPUs share one film
RESULT_TEMPLATE = "components/result.html"
QUEUES = ("gpu", LARGE_QUEUE, "cpu")  # the queues of jobs; downloads of models have one of their own


@dataclass(frozen=True, slots=True)
class Quote:
    """What a run will cost: credits to hold, expected seconds (None when never measured), and what will be made.

    `unknown_words` are those of the prompt that `model` does not know, `suggestion` says nearly the same without them.
    """

    credits: int
    seconds: float | None
    summary: str
    model: str = ""
    unknown_words: tuple[str, ...] = ()
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields that the page folds away together."""

    title: Any
    fields: tuple[forms.BoundField, ...]
    changed: int  # how many of them do not have the value that the page starts with

    @property
    def has_errors(self) -> bool:
        return any(field.errors for field in self.fields)


class ToolForm(forms.Form):
    """The parameters of a tool, filled in by `user`.

    `page_initial` is what the page starts with where leaving it out means something else to a program. `advanced`
    names the fields that the page folds away, by heading. A `draft` is quoted, not made: it needs no prompt. Where it
    `holds`, each upload is held for the form that is sent later, and `held` names them by field.
    """

    page_initial: ClassVar[Mapping[str, Any]] = {}
    advanced: ClassVar[Mapping[Any, tuple[str, ...]]] = {}
    not_shown: ClassVar[frozenset[str]] = frozenset()  # for programs; the page has another way to it
    batch: forms.Form | None = None  # what the page asks for several times over, below the other fields

    def __init__(
        self,
        data: Any = None,
        *args: Any,
        user: User | None = None,
        draft: bool = False,
        holds: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs["initial"] = {**self.page_initial, **(kwargs.get("initial") or {})}
        texts = {name for name, field in self.base_fields.items() if isinstance(field, forms.CharField)}
        super().__init__(None if data is None else tidied(data, texts), *args, **kwargs)
        self.user, self.draft, self.holds, self.unopened, self.refused_by_plan = user, draft, holds, False, False
        self.more: dict[str, Any] = {}  # what a program is told beside the errors
        self.notes: dict[str, str] = {}  # what happens to what was chosen, by the field that it was chosen in
        if user is not None:
            self.limit(powers.of(user))
        if draft and "prompt" in self.fields:
            self.fields["prompt"].required = False
        for name, field in self.fields.items():
            if isinstance(field, AssetField | LanguageField | VoiceField):
                field.of(user, draft)
            if isinstance(field, AssetField):
                field.holds = holds
            field.error_messages = {**field.error_messages, **sentences(name, field)}
        for name in self._folded():
            # What the page counts as changed, and what its reset goes back to.
            self.fields[name].widget.attrs["data-default"] = self._default(name)

    def limit(self, now: Powers) -> None:
        """Show which choices the plan of the user does not have: `PlanSelect` greys them, with the plan that does."""
        for name, field in self.fields.items():
            if isinstance(field.widget, PlanSelect) and isinstance(field, forms.ChoiceField):
                choices: Any = field.choices
                asked = {str(value): self.asked_by(name, str(value)) for value, _title in choices if value != ""}
                field.widget.refused = powers.refused(asked, now)
                if str(self.get_initial_for_field(field, name)) in field.widget.refused:
                    self.initial[name] = ""

    def asked_by(self, name: str, value: str) -> Mapping[str, float]:
        """How much of each power a choice of a field needs whatever else is chosen, as `Tool.asks` tells it."""
        return {}

    def add_error(self, field: str | None, error: Any) -> None:
        """Add an error; one of a field says which field it is about."""
        if field is not None and field in self.fields:
            found = error if isinstance(error, forms.ValidationError) else forms.ValidationError(error)
            label = label_of(field, self.fields[field])
            error = forms.ValidationError([_named(label, each) for each in found.error_list])
        super().add_error(field, error)

    def refuse_prompt(self, error: PromptError) -> None:
        """Say at the prompt why it cannot be used."""
        for sentence in error.errors.values():
            self.add_error("prompt", behind_label(told(sentence)))

    def _clean_fields(self) -> None:
        """Clean uploads last: opening them is expensive.

        One that is not held is opened only when every other field is right.
        """
        fields = self.fields
        dear = [name for name, field in fields.items() if isinstance(field, AssetField) and name in self.files]
        wrong = False
        try:
            self.fields = {name: field for name, field in fields.items() if name not in dear}
            super()._clean_fields()  # type: ignore[misc]
            wrong = bool(self.errors)
            self.unopened = bool(dear and wrong and not self.holds)
            if not self.unopened:
                self.fields = {name: fields[name] for name in dear}
                super()._clean_fields()  # type: ignore[misc]
        except NotOpened:
            if not wrong:
                raise
            self.unopened = True  # what is wrong is told first; a later price opens them
        finally:
            self.fields = fields

    def _clean_form(self) -> None:
        if not self.unopened:  # `clean` would miss them
            super()._clean_form()  # type: ignore[misc]

    def full_clean(self) -> None:
        """Validate every field, and refuse names that are no field of the form.

        The uploads of a form that is refused are let go at once.
        """
        super().full_clean()
        if not self.is_bound:
            return
        lists = {name for name, field in self.fields.items() if getattr(field.widget, "allow_multiple_selected", False)}
        known = {*self.fields, CSRF_FIELD, ONCE_FIELD}
        for wrong in (misfits(self.data, known, lists) | misfits(dict(self.files), known)).values():
            self.add_error(None, wrong)
        if self.errors:
            uploads.let_go(value for value in self.cleaned_data.values() if isinstance(value, Asset))

    @property
    def held(self) -> dict[str, str]:
        """What names the uploads that are held for this form, by field."""
        fields = {name: field for name, field in self.fields.items() if isinstance(field, AssetField)}
        return {name: field.held for name, field in fields.items() if field.held}

    @property
    def params(self) -> dict[str, Any]:
        """The cleaned values as `submit` takes them: of an asset its id, or the asset where it is not stored yet."""
        return {
            name: str(value.pk) if isinstance(value, Asset) and not value.is_new else value
            for name, value in self.cleaned_data.items()
        }

    def plain_fields(self) -> list[forms.BoundField]:
        folded = {*self._folded(), *self.not_shown}
        return [field for field in self if field.name not in folded]

    def groups(self) -> Iterator[FieldGroup]:
        """The fields that the page folds away."""
        for title, names in self.advanced.items():
            fields = tuple(self[name] for name in names)
            yield FieldGroup(title, fields, sum(self._changed(name) for name in names))

    def faults(self) -> list[tuple[str, str]]:
        """Every error and the id of the field that it is about, in the order of the page; errors of no field first."""
        found = [("", str(error)) for error in self.non_field_errors()]
        folded = [field for group in self.groups() for field in group.fields]
        for field in (*self.plain_fields(), *folded, *(self.batch or ())):
            found += [(str(field.id_for_label or field.auto_id), str(error)) for error in field.errors]
        return found

    def _folded(self) -> list[str]:
        return [name for names in self.advanced.values() for name in names]

    def _default(self, name: str) -> str:
        """The value that the page starts with, as a control holds it; of a switch "" for off."""
        field = self.fields[name]
        value = self.page_initial.get(name, field.initial)
        if value is None and isinstance(field, forms.ChoiceField):
            choices: Any = field.choices
            value = next((choice for choice, _title in choices), "")
        return "" if value in (None, False) else str(value)

    def _changed(self, name: str) -> bool:
        value = self[name].value()
        return value not in (None, "", False) and str(value) != self._default(name)

    @classmethod
    def page_data(cls) -> dict[str, Any]:
        """What the page sends when nobody has changed anything."""
        fields = cls.base_fields.items()
        return {name: field.initial for name, field in fields if field.initial is not None} | dict(cls.page_initial)


def _named(label: str, error: forms.ValidationError) -> forms.ValidationError:
    """The error, with the name of its field in its sentence."""
    return forms.ValidationError(naming(label, str(error.message)), code=error.code, params=error.params)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A film in frames: how many it has or will have, how many a second, and with which ones its windows begin."""

    frames: int
    fps: float
    windows: tuple[int, ...] = ()

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @classmethod
    def of_source(cls, job: Generation) -> "Timeline | None":
        """The film of a job whose params say its frames and seconds; None once it is made."""
        frames, seconds = job.params.get("frames") or 0, job.params.get("seconds") or 0
        return cls(frames, frames / seconds) if job.is_active and frames and seconds else None


class Tool:
    """Something that a user can make. Subclass, fill in, decorate with `@register`."""

    slug: ClassVar[str]
    title: ClassVar[Any]  # words are translated lazily
    tagline: ClassVar[Any]
    about: ClassVar[Any] = ""
    icon: ClassVar[str] = "film"
    category: ClassVar[Any] = _("Video")
    popular: ClassVar[bool] = False
    main: ClassVar[bool] = False  # True for one tool: it opens after sign-in, and takes the prompt of the landing page
    task: ClassVar[str]
    kind: ClassVar[str] = ""  # the kind of model that does the work, as the catalogue of weights names it
    queue: ClassVar[str] = "gpu"
    verb: ClassVar[Any] = _("Generate")
    noun: ClassVar[Any] = _("video")  # what it makes, in one word
    nouns: ClassVar[Any] = _("videos")
    examples: ClassVar[Mapping[Any, Mapping[str, Any]]] = {}  # of the API page: a title, and what is sent
    example_file: ClassVar[str] = "made"  # what "$FILE_ID" is in them, as `Example.given` names it
    prefill: ClassVar[tuple[str, ...]] = ("prompt",)  # what its page takes from the address, beside its inputs
    compares: ClassVar[str] = ""  # the input that the result is shown beside, before and after
    result_template: ClassVar[str] = RESULT_TEMPLATE  # shows what a job has made: `job` and its assets or data
    batches: ClassVar[bool] = True  # several runs can be asked for at once
    text: ClassVar[str] = "prompt"  # the parameter that a batch has several of, where the form has it
    gallery: ClassVar[bool] = False  # it makes pictures, which its page shows one by one over everything else
    # A film of the static files that shows what it makes; its poster lies beside it, under the same name.
    clip: ClassVar[str] = ""
    door: ClassVar[str] = ""  # how the landing page names it among the few ways into the studio; empty: it is none
    watchable: ClassVar[bool] = True  # what is finished of it can be seen while the rest is made
    synthetic: ClassVar[Any] = ""  # what the page of a result says, where it could be taken for a recording
    likeness: ClassVar[bool] = False  # it begins with faces and voices, for which consent is asked
    form_class: ClassVar[type[ToolForm]]
    template: ClassVar[str] = "tools/tool.html"

    @property
    def varied(self) -> dict[str, str]:
        """The parameters that a batch can try several values of, each with its name on the page."""
        kinds = (forms.IntegerField, forms.FloatField, forms.ChoiceField)
        fields = self.form_class.base_fields.items()
        names = {"seed", "mode", "seconds", *self.form_class.not_shown}
        return {
            name: str(getattr(field.widget, "counts", "") or label_of(name, field))
            for name, field in fields
            if isinstance(field, kinds) and name not in names
        }

    def price(self, params: Mapping[str, Any]) -> int:
        """Credits for one run with these cleaned parameters."""
        raise NotImplementedError(f"{type(self).__name__} names no price")

    @property
    def time_limit(self) -> float:
        """Seconds after which a run of it is given up."""
        return float(settings.JOB_TIME_LIMIT_SECONDS)

    def limit_of(self, params: Mapping[str, Any]) -> float:
        """Seconds after which a run of these parameters is given up."""
        return self.time_limit

    def queue_of(self, params: Mapping[str, Any]) -> str:
        """The queue of the workers that can run these parameters."""
        return self.queue

    def models(self, params: Mapping[str, Any]) -> set[str]:
        """The ids of the models that a run needs, which are not removed before it ends."""
        named = params.get("model_id") or (catalog.chosen(self.kind) if self.kind else "")
        return {str(named)} if named else set()

    def card(self, params: Mapping[str, Any]) -> WeightCard | None:
        """The card of the model that does the work; None where no model does."""
        named = params.get("model_id") or (catalog.chosen(self.kind) if self.kind else "")
        try:
            return catalog.get(str(named)) if named else None
        except KeyError:
            return None

    def is_instant(self, params: Mapping[str, Any]) -> bool:
        """Whether a run is over as soon as it starts, so that nobody needs to hear of its time."""
        return False

    def said(self, params: Mapping[str, Any]) -> str:
        """The prompt as the model gets it, as far as it is known before the run."""
        return str(params.get("prompt") or "")

    def work(self, params: Mapping[str, Any]) -> float:
        """The amount of work of a run, in any unit that its time is proportional to."""
        return 1.0

    def asks(self, params: Mapping[str, Any]) -> Mapping[str, float]:
        """How much a run needs of each power that its owner's plan may lack, such as the seconds of a film."""
        return {}

    def summary(self, params: Mapping[str, Any]) -> str:
        """What will be made, in a few words."""
        return str(self.title)

    def size(self, params: Mapping[str, Any]) -> tuple[int, int] | None:
        """The width and height that its model makes, before any finish; None where that is not known."""
        return None

    def fitting(self, params: Mapping[str, Any], credits: int) -> str:
        """What of the same could be made for so many credits, in a sentence; empty where nothing could."""
        return ""

    def timeline(self, job: Generation) -> Timeline | None:
        """What the player knows of a film before it is made, and where its windows begin; None without either."""
        return None

    def job_title(self, params: Mapping[str, Any]) -> str:
        """How the library names the job."""
        return str(params.get("prompt") or self.title)

    @property
    def asset_fields(self) -> dict[str, AssetField]:
        """The parameters that hold an asset of the user."""
        return {name: field for name, field in self.form_class.base_fields.items() if isinstance(field, AssetField)}

    @property
    def inputs(self) -> list[str]:
        """The names of the parameters that hold an asset of the user."""
        return list(self.asset_fields)

    def inputs_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those of some parameters that hold assets of the user."""
        return {name: params[name] for name in self.inputs if params.get(name)}

    @property
    def a_noun(self) -> str:
        """What it makes, with its article: "a film", "an image"."""
        return f"{'an' if self.noun[0].lower() in 'aeiou' else 'a'} {self.noun}"

    @property
    def description(self) -> str:
        """What it does, in a sentence or two, for pages and the API; its docstring where it says no more."""
        return str(self.about) or " ".join((self.__doc__ or "").split())

    @property
    def poster(self) -> str:
        """The still that stands for the clip until it plays."""
        return str(PurePosixPath(self.clip).with_suffix(".webp")) if self.clip else ""

    @property
    def priced(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """The runs that the price list shows: each in words, with its cleaned parameters."""
        return ()

    def page_context(self, form: ToolForm | None = None) -> dict[str, Any]:
        """More that this tool's page shows, such as suggestions; with a form, those of the model that it has."""
        return {}

    def get_absolute_url(self) -> str:
        return reverse("tools:tool", args=[self.slug])


class Stoppable(Tool):
    """A tool whose work is done in parts that are kept: it can be stopped early, and only what is kept is paid for.

    Where it `settles`, its price is that of a length that is only expected: one that comes out shorter costs less.
    """

    settles = False

    def price_of_part(self, job: Generation, frames: int) -> int:
        """Credits for a job that was stopped after `frames` of the frames that it was asked for."""
        raise NotImplementedError(f"{type(self).__name__} names no price of a part")


_tools: dict[str, Tool] = {}


def register(cls: type[Tool]) -> type[Tool]:
    """Add a tool. Raises ValueError when the slug is taken."""
    if cls.slug in _tools:
        raise ValueError(f"Two tools are called {cls.slug!r}.")
    _tools[cls.slug] = cls()
    return cls


def unregister(slug: str) -> None:
    del _tools[slug]


def first_error(form: forms.Form) -> str:
    """The first thing of a form that does not fit; empty when all does."""
    return next((str(error) for errors in form.errors.values() for error in errors), "")


def tools() -> list[Tool]:
    """Every tool, popular ones first, then by title."""
    return sorted(_tools.values(), key=lambda tool: (not tool.popular, str(tool.title)))


def by_category() -> dict[str, list[Tool]]:
    groups: dict[str, list[Tool]] = {}
    for tool in tools():
        groups.setdefault(tool.category, []).append(tool)
    return groups


def titles() -> dict[str, str]:
    """The title of every tool, by its slug."""
    return {slug: str(tool.title) for slug, tool in _tools.items()}


def get(slug: str) -> Tool | None:
    return _tools.get(slug)


def doors() -> list[Tool]:
    """The tools that the landing page opens on, the main one first."""
    return sorted((tool for tool in tools() if tool.door), key=lambda tool: not tool.main)


def main() -> Tool:
    """Return the tool that opens after sign-in."""
    return next(tool for tool in tools() if tool.main)


def name_of_source(source: Any) -> str:
    """Return the name of what a job begins with: the id of an asset, or a job that will have made it."""
    if isinstance(source, Generation):
        return source.title
    asset = Asset.objects.filter(pk=source).select_related("generation").first()
    return asset.name if asset else _t("Upload")


def uses(asset: Asset) -> list[tuple[str, str]]:
    """What an asset can be to the tools: the name of each use, and the page that begins with it."""
    if not asset.file:
        return []
    return [
        (field.use, f"{tool.get_absolute_url()}?{urlencode({name: asset.pk})}")
        for tool in tools()
        for name, field in tool.asset_fields.items()
        if field.use and field.takes(asset)
    ]


def get_or_404(slug: str) -> Tool:
    if slug not in _tools:
        raise Http404(f"No tool is called {slug!r}.")
    return _tools[slug]
