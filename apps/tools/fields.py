"""Form fields and widgets that more than one tool uses."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library import held, uploads
from apps.library.decoding import NotOpened
from apps.library.ids import as_uuid
from apps.library.models import Asset
from apps.library.uploads import UnusableFile
from apps.text import told
from apps.tools import lips
from apps.tools.help import behind_label, explained
from apps.voices import services as voices
from workers import presenters
from workers.media.facts import FaceSeen, FacesSeen, MediaError
from workers.voice.base import Voice

SHELF = 12  # how many of the newest are offered
FACES_SHOWN = (320, 240)  # CSS pixels of a frame on which a face is picked, about
LEAST_TARGET = 28  # CSS pixels of what is clicked there, at least


class SeedInput(forms.NumberInput):
    """A seed with a dice and a lock."""

    template_name = "forms/seed.html"


SEEDS = 2**31  # how many there are


class SeedField(forms.IntegerField):
    """A seed; left empty it is drawn now, so that the recipe always names the one used."""

    widget = SeedInput
    HELP = explained(
        _("The same seed and settings make the same video again. Leave empty for a new one each time."),
        _("Lock it while you change one other setting, so that you see what that setting does."),
    )

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", self.HELP)
        kwargs.setdefault("label", _("Seed"))
        super().__init__(required=False, min_value=0, max_value=SEEDS - 1, **kwargs)

    def clean(self, value: Any) -> int:
        seed = super().clean(value)
        return secrets.randbelow(SEEDS) if seed is None else int(seed)


def number(help_text: Any, low: int, high: int, **kwargs: Any) -> forms.IntegerField:
    """A whole number that may be left empty, for what the model recommends."""
    return forms.IntegerField(required=False, min_value=low, max_value=high, help_text=help_text, **kwargs)


def fraction(
    help_text: Any, low: float, high: float, *, step: str = "any", usual: str = "", **kwargs: Any
) -> forms.FloatField:
    """A number that may be left empty; `usual` is shown there."""
    shown = {"step": step} | ({"placeholder": usual} if usual else {})
    return forms.FloatField(
        required=False,
        min_value=low,
        max_value=high,
        help_text=help_text,
        widget=forms.NumberInput(attrs=shown),
        **kwargs,
    )


def switch(help_text: Any, **kwargs: Any) -> forms.BooleanField:
    """Something that is on or off, and off where it is left out."""
    return forms.BooleanField(required=False, help_text=help_text, **kwargs)


class CatalogueField(forms.ChoiceField):
    """A choice of what this machine has. `known` is what any machine may have; the API's schema lists that."""

    def __init__(self, *, known: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known = list(dict.fromkeys(known))


class PlanSelect(forms.Select):
    """A choice of which some may be `refused`: values, each with the plan that has it, or "" where none has."""

    refused: Mapping[str, str] = {}

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, label, *args, **kwargs)
        plan = self.refused.get(str(value))
        if plan is not None:
            option["attrs"]["disabled"] = True
            option["label"] = refused(label, plan)
        return option


def refused(choice: Any, plan: str) -> str:
    """Say of a choice that it is not in somebody's plan, and which plan has it, if any does."""
    if not plan:
        return _t("%(choice)s: not in your plan") % {"choice": choice}
    return _t("%(choice)s: from the plan %(plan)s") % {"choice": choice, "plan": plan}


class ModelChoice(PlanSelect):
    """A choice of models, of which some may be refused.

    `finishes` are, for each model, the finishes that would make more of its films and images than the plan has, each
    with what the page shows instead. It follows them when another model is chosen.
    """

    finishes: Mapping[str, Mapping[str, str]] = {}


class Slider(forms.NumberInput):
    """A number chosen by sliding over legal steps; `words` say where it stands, from the least to the most."""

    input_type = "range"
    template_name = "forms/slider.html"

    def __init__(self, attrs: dict[str, Any] | None = None, words: Sequence[Any] = ()) -> None:
        super().__init__(attrs)
        self.words = words

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["words"] = [str(word) for word in self.words]
        return context


class LengthInput(Slider):
    """A slider over lengths in frames, with buttons for whole seconds.

    `seconds` has a button for each number of seconds that it names, and the frames that it stands for.
    """

    template_name = "forms/length.html"
    seconds: Sequence[tuple[int, int]] = ()
    told: str = ""  # the length that it shows, in words
    counts = _("Frames")  # what the number of it is called where it stands by itself
    longest: float | None = None  # seconds that the plan of the user has
    beyond: str = ""  # what is said of longer ones

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        names = ("seconds", "told", "longest", "beyond")
        context["widget"] |= {name: getattr(self, name) for name in names}
        # The slider goes further than the plan: it says why not.
        last = float(self.attrs.get("max") or 0) / float(self.attrs.get("data-fps") or 1)
        context["widget"]["shortened"] = self.longest is not None and last >= self.longest + 1
        return context


class RatioSelect(forms.RadioSelect):
    """Aspect ratios as drawn rectangles; only those that are `offered` can be chosen, and what is chosen already.

    The choice "" is what the input has. Where there is none, in the modes that `automatic` leaves out, `own` is
    chosen instead.
    """

    template_name = "forms/ratio.html"
    offered: Collection[str] | None = None
    automatic: Sequence[str] = ()
    own: str = ""
    sizes: Mapping[str, tuple[int, int]] = {}  # width and height of each

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value or self.own, attrs)
        context["widget"]["automatic"] = " ".join(self.automatic)
        return context

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if self.offered is not None and value and value not in self.offered and not option["selected"]:
            option["attrs"]["disabled"] = True
        option["size"] = " × ".join(map(str, self.sizes.get(str(value), ())))
        return option


class PictureSelect(forms.RadioSelect):
    """Choices as small pictures, `<choice>.webp` of the folder `pictures` in static/."""

    template_name = "forms/pictures.html"
    pictures = ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["pictures"] = self.pictures
        return context


class StyleSelect(PictureSelect):
    """Looks of a model; only those that are `offered` can be chosen, for the `reason` given."""

    template_name = "forms/style.html"
    pictures = "looks"
    offered: Collection[str] | None = None
    reason: str = ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["reason"] = self.reason
        return context

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if self.offered is not None and value not in self.offered and not option["selected"]:
            option["attrs"]["disabled"] = True
        return option


class LookSelect(PictureSelect):
    """Filters over a video."""

    pictures = "filters"


class CountSelect(forms.RadioSelect):
    """A small number, as one row of buttons."""

    template_name = "forms/modes.html"

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__(choices=[(number, str(number)) for number in numbers])


class ModeSelect(forms.RadioSelect):
    """What a tool begins with, as tabs; fields with `modes` are shown in these only."""

    template_name = "forms/modes.html"


class VoiceSelect(forms.Select):
    """The voices of this studio, by accent, with a button to listen to the one that is chosen."""

    template_name = "forms/voice.html"
    user: User | None = None

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        try:
            found = voices.search(self.user, voices.Search()) if self.user else []
        except StudioError:
            found = []  # of a provider that does not answer: the field says so when it is cleaned
        usual = voices.usual_of(each.voice for each in found)
        self.choices = self._grouped([each for each in found if each.voice.available], usual, str(value or ""))
        context = super().get_context(name, value, attrs)
        context["widget"]["usual"] = usual.slug if usual else ""
        return context

    def _grouped(self, found: list[voices.Listed], usual: Voice | None, chosen: str) -> list[Any]:
        """The voices by what they speak, favourites first; one that is chosen and gone stays, to be told of."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for each in found:
            group = _t("Favourites") if each.favourite else _t("Your own") if each.own else each.languages
            words = ", ".join(filter(None, [each.voice.name, each.about.lower()]))
            groups.setdefault(group, []).append((each.voice.slug, words))
        gone = [(chosen, chosen)] if chosen and all(each.voice.slug != chosen for each in found) else []
        first = [("", _t("%(name)s, the usual voice") % {"name": usual.name})] if usual else []
        return [*first, *gone, *groups.items()]


class VoiceField(forms.CharField):
    """A voice by its slug, empty for the usual one. `voice_of` finds it: only what speaks has to ask for voices.

    The form sets `user`.
    """

    user: User | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=100, widget=VoiceSelect, **kwargs)

    def of(self, user: User | None, draft: bool) -> None:
        self.user = self.widget.user = user

    def voice_of(self, slug: str) -> Voice:
        """Return the voice of this slug, or the usual one. Raises ValidationError."""
        try:
            return voices.get(self.user, slug) if slug else voices.usual(self.user)
        except StudioError as error:
            raise forms.ValidationError(error.public_text, code=error.code) from error


class LanguageSelect(forms.Select):
    """The languages that the voices of this studio speak; one that was chosen stays, to be told of."""

    user: User | None = None

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        try:
            tags = {tag.lower() for voice in voices.of(self.user) for tag in voice.language}
        except StudioError:
            tags = set()  # of a provider that does not answer: the field of the voice says so when it is cleaned
        spoken = {tag.partition("-")[0] for tag in tags} | {"", str(value or "")}
        every: Any = self.choices
        found = [(tag, title) for tag, title in every if tag in spoken]
        # The one without a tag is first: the voice's own.
        self.choices = sorted(found, key=lambda each: (bool(each[0]), str(each[1])))
        return super().get_context(name, value, attrs)


class LanguageField(forms.ChoiceField):
    """A language that voices may speak, empty for the voice's own. The form sets `user`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=LanguageSelect, **kwargs)

    def of(self, user: User | None, draft: bool) -> None:
        self.widget.user = user


class ReasonSelect(forms.Select):
    """A choice of which some cannot be had here: `reasons` says why, by value."""

    reasons: Mapping[str, str] = {}

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, label, *args, **kwargs)
        if reason := self.reasons.get(str(value)):
            option["attrs"]["disabled"] = True
            option["label"] = f"{label}: {reason}"
        return option


class FaceInput(forms.TextInput):
    """Faces on a frame, to pick one of; `seen` is None before something was looked at, and `asks` is said then."""

    template_name = "forms/faces.html"
    seen: FacesSeen | None = None
    asks: Any = ""
    follows = True  # the page shows it anew with every quote

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["asks"] = self.asks
        if seen := self.seen:
            point = point_of(value)
            picked = seen.at(*point) if point else None
            across = sorted(seen.faces, key=lambda face: face.middle)  # as they are counted by whoever looks
            context["widget"] |= {"seen": seen, "faces": [_drawn(seen, face, face is picked) for face in across]}
            context["widget"]["troubled"] = any(face.trouble for face in across)
            if speaks := picked or next(iter(seen.faces), None):
                context["widget"]["middle"] = _place(speaks)
        return context


def _drawn(seen: FacesSeen, face: FaceSeen, picked: bool) -> dict[str, Any]:
    """A face as its frame shows it: its box in pixels, and what is sent for it."""
    left, top = face.left * seen.width, face.top * seen.height
    sides = {"width": (face.right - face.left) * seen.width, "height": (face.bottom - face.top) * seen.height}
    box = {name: round(number) for name, number in ({"x": left, "y": top} | sides).items()}
    drawn: dict[str, Any] = {"value": _place(face), "picked": picked, "trouble": face.trouble}
    # What is clicked is never smaller than a finger needs, on a picture that is shown as large as FACES_SHOWN.
    least = LEAST_TARGET / min(side / there for side, there in zip(FACES_SHOWN, (seen.width, seen.height), strict=True))
    wide, high = max(box["width"], least), max(box["height"], least)
    target = {"x": left - (wide - sides["width"]) / 2, "y": top - (high - sides["height"]) / 2}
    drawn["target"] = {name: round(number) for name, number in (target | {"width": wide, "height": high}).items()}
    return box | drawn | {"place": _across(face.middle[0])}


def _across(x: float) -> str:
    """Say where a face is."""
    return _t("on the left") if x < 0.4 else _t("on the right") if x > 0.6 else _t("in the middle")


def _place(face: FaceSeen) -> str:
    return "{:.4f},{:.4f}".format(*face.middle)


def point_of(value: Any) -> tuple[float, float] | None:
    """Return the place that a text such as "0.31,0.42" names, in parts of a frame; None where it names none."""
    parts = str(value or "").split(",")
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        return None
    return (x, y) if 0 <= x <= 1 and 0 <= y <= 1 else None


class FaceField(forms.CharField):
    """A face by a point in or near it: "x,y" in parts of the frame, as text. The form tells its widget what is seen."""

    def __init__(self, asks: Any = "", **kwargs: Any) -> None:
        super().__init__(required=False, max_length=40, widget=FaceInput, **kwargs)
        self.widget.asks = asks

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text and point_of(text) is None:
            raise forms.ValidationError(_("send a point as parts of the frame, such as 0.31,0.42."), code="invalid")
        return text


class AssetInput(forms.FileInput):
    """Choose a file to upload or an asset of the library."""

    template_name = "forms/asset.html"
    # How each kind is called, its icon, and what the browser offers to choose from.
    WORDS = {
        Asset.Kind.IMAGE: (_("image"), "photo", "image/*"),
        Asset.Kind.VIDEO: (_("video"), "film", "video/*"),
        Asset.Kind.AUDIO: (_("sound"), "speaker-wave", "audio/*,video/*"),
    }

    def __init__(self, kinds: Sequence[str]) -> None:
        words = [self.WORDS[Asset.Kind(kind)] for kind in kinds]
        self.words, self.icon = [word for word, *_rest in words], words[-1][1]
        self.kinds, self.user = kinds, None
        super().__init__(attrs={"accept": ",".join(accept for *_rest, accept in words)})

    @property
    def word(self) -> str:
        return _t(" or ").join(map(str, self.words))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.get(name) or data.get(name)

    def use_required_attribute(self, initial: Any) -> bool:
        """Never: what is chosen from the library leaves the file input empty."""
        return False

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        mine = (
            Asset.objects.of(self.user).filter(kind__in=self.kinds).exclude(file="")
            if self.user
            else Asset.objects.none()
        )
        shelf = list(mine.select_related("generation").order_by("-created_at")[:SHELF])
        chosen = next((asset for asset in shelf if str(asset.pk) == str(value)), None)
        if value and not chosen and as_uuid(value) and (chosen := mine.filter(pk=value).first()):
            shelf.insert(0, chosen)
        context["widget"] |= {"word": self.word, "icon": self.icon, "shelf": shelf, "chosen": chosen}
        return context


class AssetField(forms.Field):
    """A picture, video or sound, uploaded or by its id in the owner's library; cleaned, it is an Asset.

    Of several `kinds`, an upload is what its bytes say. `modes` are the modes of the tool that show it. `use` is what
    an asset becomes there, in the words of its menu "Use as…"; without it, no asset leads here. The form sets
    `user`. An upload gets its row with the job that begins with it, and not before. A `draft`, as for a quote, may lack
    what is `required`; an `ignored` field is not read at all. Of an `opened` one the files are at hand in a draft, too,
    for a form that looks at them and lets them go. Where a draft `holds`, an upload is held: `held` names it, and is
    taken for it until then.
    """

    user: User | None = None
    draft = ignored = holds = False
    held = ""

    def __init__(
        self,
        *kinds: str,
        use: Any = "",
        modes: tuple[str, ...] = (),
        required: bool = False,
        opened: bool = False,
        **kwargs: Any,
    ) -> None:
        self.kinds, self.use, self.modes, self.opened = kinds, use, " ".join(modes), opened
        super().__init__(required=required, widget=AssetInput(kinds), **kwargs)
        self.error_messages["required"] = _("choose a file, or one from your library.")

    def takes(self, asset: Asset) -> bool:
        """An asset of this kind can be chosen for it."""
        return asset.kind in self.kinds

    def of(self, user: User | None, draft: bool) -> None:
        self.user, self.draft = user, draft
        self.required = self.required and not draft
        self.widget.user = user

    def clean(self, value: Any) -> Asset | None:
        if self.ignored or self.user is None:
            return None
        if not value:
            self.validate(value)
            return None
        if isinstance(value, Asset):
            return value  # opened already, for another job of its batch
        try:
            if not isinstance(value, UploadedFile):
                return self._from_library(self.user, str(value))
            return self._brought(self.user, value)
        except NotOpened:
            raise  # it says nothing about the file
        except StudioError as error:
            if error.code == "storage_failed":
                raise  # no other file would do
            raise forms.ValidationError(error.message, code=error.code) from error

    def _brought(self, user: User, value: "UploadedFile[Any]") -> Asset:
        try:
            kind = self._kind_of(value)
            if self.draft and not (self.opened or self.holds):
                return uploads.look(kind, value)
            asset = uploads.stage(user, kind, value)
        except UnusableFile as error:
            self.held = held.refuse(user, error) if self.holds else ""
            raise
        if self.holds:
            self.held = held.hold(asset)
        return asset

    def _kind_of(self, value: "UploadedFile[Any]") -> str:
        return uploads.kind_of(value, self.kinds)

    def _from_library(self, user: User, value: str) -> Asset | None:
        mine = Asset.objects.of(user).filter(kind__in=self.kinds).exclude(file="")
        asset = mine.filter(pk=value).first() if as_uuid(value) else self._from_held(user, value)
        if asset is None and not (self.draft and not as_uuid(value)):
            gone = _("this file was held for some hours, and is gone. Choose it again.")
            another = _("that is not in your library. Choose another.")
            raise forms.ValidationError(gone if held.is_name(value) else another, code="not_found")
        return asset

    def _from_held(self, user: User, value: str) -> Asset | None:
        try:
            asset = held.find(user, value)
        except UnusableFile:
            self.held = value
            raise
        if asset is None or not self.takes(asset):
            return None
        self.held = value
        return asset


class SoundField(AssetField):
    """A sound; a film is refused, though it may have one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Asset.Kind.AUDIO, **kwargs)
        self.widget.attrs["accept"] = "audio/*"

    def _kind_of(self, value: "UploadedFile[Any]") -> str:
        try:
            kind = uploads.kind_of(value, (Asset.Kind.AUDIO, Asset.Kind.VIDEO))
        except UnusableFile:
            kind = Asset.Kind.AUDIO  # staging it says why
        if kind == Asset.Kind.VIDEO:
            raise UnusableFile(_t("this is a video. Choose a sound, such as an MP3 or a WAV."))
        return kind


class PortraitPicker(AssetInput):
    """Choose one of the studio's presenters, or a picture as in AssetInput."""

    template_name = "forms/portrait.html"
    use_fieldset = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        # Beside what is chosen browsers send an empty text, for the file that is not.
        sent = data.getlist(name) if isinstance(data, MultiValueDict) else [data.get(name)]
        return files.get(name) or next(filter(None, sent), None)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["presenters"] = [
            {"slug": each.slug, "title": _t(each.title), "about": _t(each.about), "alt": _t(each.alt)}
            | {"voice": each.voice, "voice_name": voices.name_of(each.voice), "chosen": each.slug == value}
            for each in presenters.PRESENTERS
        ]
        context["widget"]["attrs"] |= {"aria-label": _t("Your own picture")}
        context["widget"]["brought"] = not (
            context["widget"]["chosen"] or any(each.slug == value for each in presenters.PRESENTERS)
        )
        return context


class PortraitField(AssetField):
    """Somebody who speaks: the slug of a presenter, or a picture as in AssetField; cleaned, a slug or an Asset."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Asset.Kind.IMAGE, **kwargs)
        self.widget = PortraitPicker(self.kinds)
        self.error_messages["invalid"] = _("send a presenter's name, a file in a multipart form, or a picture's id.")

    def clean(self, value: Any) -> Asset | str | None:  # type: ignore[override]
        if isinstance(value, UploadedFile) and not self.ignored:
            try:
                lips.check_brought(value)
            except MediaError as error:
                raise forms.ValidationError(behind_label(told(error.public_text)), code=error.code) from error
        if not isinstance(value, str) or not value:
            return super().clean(value)
        slugs = [each.slug for each in presenters.PRESENTERS]
        if value in slugs:
            return value
        if not (as_uuid(value) or held.is_name(value) or self.draft):
            text = _t("no presenter is called so. Choose {choices}, or a picture.")
            raise forms.ValidationError(text.format(choices=", ".join(slugs)), code="not_found")
        return super().clean(value)
