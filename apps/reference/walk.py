"""The OpenAPI document, read into what the API reference shows: calls, their fields, answers and refusals."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.errors import CATALOGUE
from apps.problems import MEDIA_TYPE
from apps.reference import code
from apps.reference.examples import IDS, Example, answer, examples
from apps.tools import registry

LARGEST = 2**53  # a limit beyond it is that of a column, and says nothing to a caller
CHOICE = re.compile(r"^\* `([^`]*)` - (.*)$", re.MULTILINE)
UNFOLDED = 10  # fields of a body; the others are folded away
METHODS = ("get", "post", "put", "patch", "delete")
FREE: Mapping[str, Any] = {}
GROUPS: Mapping[str, tuple[Any, Any]] = {
    "tools": (gettext_lazy("Tools"), gettext_lazy("Ask for the price of something, and have it made.")),
    "prompts": (gettext_lazy("Prompts"), gettext_lazy("Say a scene in the words that the video model has learned.")),
    "voices": (gettext_lazy("Voices"), gettext_lazy("Find a voice, listen to it, and mark it.")),
    "presets": (gettext_lazy("Presets"), gettext_lazy("Looks of your own, for every tool that has styles.")),
    "generations": (gettext_lazy("Jobs"), gettext_lazy("Follow what is being made, stop it, or delete it.")),
    "assets": (gettext_lazy("Files"), gettext_lazy("What your jobs have made, and what you have uploaded.")),
    "groups": (gettext_lazy("Groups"), gettext_lazy("Jobs that belong together, such as a batch.")),
    "account": (gettext_lazy("Account"), gettext_lazy("Who you are, and your credits.")),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, a field of a body, or one of an answer."""

    name: str
    type: str
    required: bool
    text: SafeString
    default: str
    limits: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    link: str = ""  # the object that it holds


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the answers, with its fields."""

    name: str
    text: SafeString
    fields: list[Field]


@dataclass(frozen=True, slots=True)
class Shown:
    """An example in each language, with what is answered to it."""

    title: str
    status: int
    phrase: str
    needs: str
    curl: SafeString
    python: SafeString
    answer: SafeString
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The errors of one status."""

    status: int
    codes: list[str]


@dataclass(slots=True)
class Call:
    """One operation."""

    id: str
    chapter: str
    method: str
    path: str
    summary: str
    text: SafeString
    parameters: list[Field]
    body: list[Field]
    body_of: "Call | None"
    media: list[str]
    status: int
    answers: str
    many: bool
    refusals: list[Refusal]
    examples: list[Shown]

    @property
    def address(self) -> str:
        return f"{reverse('docs_chapter', args=[self.chapter])}#{self.id}"

    @property
    def more(self) -> int:
        """How many fields of the body are folded away."""
        return max(0, len(self.body) - UNFOLDED)

    @property
    def words(self) -> str:
        """What a search on the page looks in."""
        names = [each.name for each in (*self.parameters, *self.body)]
        codes = [code for refusal in self.refusals for code in refusal.codes]
        return " ".join([self.method, self.path, self.summary, self.id, *names, *codes]).lower()


@dataclass(slots=True)
class Chapter:
    """A page of the reference: the calls about one kind of thing, or those of one tool."""

    slug: str
    title: str
    text: str
    calls: list[Call] = field(default_factory=list)

    @property
    def address(self) -> str:
        return reverse("docs_chapter", args=[self.slug])

    @property
    def of_tool(self) -> bool:
        return "/" in self.slug


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything that the pages show; `usual` are the errors of every call, `usual_sent` those of every body."""

    chapters: list[Chapter]
    things: list[Thing]
    usual: list[str]
    usual_sent: list[str]

    def chapter(self, slug: str) -> Chapter | None:
        return next((each for each in self.chapters if each.slug == slug), None)

    @property
    def codes(self) -> set[str]:
        """Every error that a call may answer with."""
        calls = (call for chapter in self.chapters for call in chapter.calls)
        own = (code for call in calls for each in call.refusals for code in each.codes)
        return {*own, *self.usual, *self.usual_sent}


def marked(text: str) -> SafeString:
    """Return a text with what stands in backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split()))))


def written(text: str) -> SafeString:
    """Return code as the content of an element, where quotes stay as they are."""
    return mark_safe(text.replace("&", "&amp;").replace("<", "&lt;"))


def read(document: Mapping[str, Any], site: str) -> Reference:
    """Return what the page shows of an OpenAPI document, with examples for a studio at the address `site`."""
    return Reader(document, site).reference()


class Reader:
    """Walks one document. Components are named by their last part."""

    def __init__(self, document: Mapping[str, Any], site: str) -> None:
        self.document, self.site = document, site
        self.components: Mapping[str, Any] = document["components"]["schemas"]
        self.bodies: dict[str, Call] = {}  # by component, the call that shows it
        self.answered: list[str] = []

    def reference(self) -> Reference:
        chapters = {chapter.slug: chapter for chapter in outline()}
        for path, operations in sorted(self.document["paths"].items(), key=lambda item: order(item[0])):
            for method in METHODS:
                if operation := operations.get(method):
                    tag = operation["tags"][0]
                    chapter = chapters.get(chapter_of(path)) or chapters.setdefault(tag, Chapter(tag, tag.title(), ""))
                    chapter.calls.append(self.call(chapter.slug, method, path, operation))
        calls = [call for chapter in chapters.values() for call in chapter.calls]
        usual = shared(calls)
        sent = shared([call for call in calls if call.media])
        return Reference([each for each in chapters.values() if each.calls], list(self.things()), usual, sent)

    def call(self, chapter: str, method: str, path: str, operation: Mapping[str, Any]) -> Call:
        status, schema = self.success(operation)
        answers, many = self.answer_of(schema)
        media = list(operation.get("requestBody", {}).get("content", {}))
        one = Call(
            id=operation["operationId"],
            chapter=chapter,
            method=method.upper(),
            path=path,
            summary=operation.get("summary", ""),
            text=marked(operation.get("description", "")),
            parameters=[self.parameter(each) for each in operation.get("parameters", [])],
            body=[],
            body_of=None,
            media=media,
            status=status,
            answers=answers,
            many=many,
            refusals=list(refusals(operation)),
            examples=[],
        )
        if media:
            body = operation["requestBody"]["content"][media[0]]["schema"]
            name = name_of(body)
            one.body_of = self.bodies.get(name)
            if not one.body_of:
                one.body = self.fields(self.components.get(name, body))
                self.bodies[name] = one
        one.examples = [self.shown(one, place, each) for place, each in enumerate(examples(one.id))]
        return one

    def shown(self, call: Call, place: int, example: Example) -> Shown:
        given = answer(call.id, place, self.site)
        sent = [*(example.form or {}).values(), *((example.body or {}).get("ids", ()))]
        if "{id}" in call.path and not example.id:
            sent.append(f"${IDS.get(call.path.split('/')[3], 'ID')}")
        return Shown(
            title=str(example.title),
            status=example.status,
            phrase=HTTPStatus(example.status).phrase,
            needs=next((value[1:] for value in sent if value.startswith("$")), ""),
            files=tuple(value[1:] for value in sent if value.startswith("@")),
            curl=written(code.curl(example, call.method, call.path, self.site)),
            python=written(code.python(example, call.method, call.path, self.site)),
            answer=written("" if given is None else json.dumps(given, indent=2, ensure_ascii=False)),
        )

    def success(self, operation: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the schema of the answer when all goes well."""
        status = min(operation["responses"], key=int)
        content = operation["responses"][status].get("content", {})
        first: Mapping[str, Any] = next(iter(content.values()), {})
        return int(status), first.get("schema", {})

    def answer_of(self, schema: Mapping[str, Any]) -> tuple[str, bool]:
        """Return the object that an answer holds, and whether it is a list of it. Adds it to the things shown."""
        if schema.get("type") == "array":
            name, many = name_of(schema["items"]), True
        else:
            name, many = name_of(schema), False
            results = self.components.get(name, FREE).get("properties", FREE).get("results")
            if results:
                name, many = name_of(results["items"]), True
        several = [name_of(part) for part in self.components.get(name, FREE).get("oneOf", ())]
        for each in several or [name]:
            if each and each not in self.answered:
                self.answered.append(each)
        return several[0] if several else name, many

    def things(self) -> Iterator[Thing]:
        """The objects of the answers, each followed by those that it holds."""
        waiting, told = [*self.answered, "Problem"], []
        while waiting:
            name = waiting.pop(0)
            if name in told:
                continue
            told.append(name)
            schema = self.components[name]
            fields = self.fields(schema)
            waiting = [each.link for each in fields if each.link] + waiting
            yield Thing(name, marked(schema.get("description", "")), fields)

    def parameter(self, given: Mapping[str, Any]) -> Field:
        where = {"header": _("header"), "query": _("query"), "path": _("path")}[given["in"]]
        schema = {"description": given.get("description", ""), **given["schema"]}
        return self.field(given["name"], schema, bool(given.get("required")), where)

    def fields(self, schema: Mapping[str, Any]) -> list[Field]:
        required = schema.get("required", ()) if schema.get("additionalProperties") is False else ()
        return [self.field(name, each, name in required) for name, each in schema.get("properties", FREE).items()]

    def field(self, name: str, schema: Mapping[str, Any], required: bool, where: str = "") -> Field:
        text = schema.get("description", "")
        labels = dict(CHOICE.findall(text))
        values = [value for value in self.values(schema) if value not in ("", None)]
        return Field(
            name=name,
            type=", ".join(filter(None, [where, self.type(schema)])),
            required=required,
            text=marked(CHOICE.sub("", text)),
            default=json.dumps(schema["default"]).strip('"') if schema.get("default") not in (None, "", False) else "",
            limits=tuple(limits(schema)),
            choices=tuple((str(value), label_of(str(value), labels)) for value in values),
            link=self.link(schema),
        )

    def parts(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return a schema, or those that it is made of, with references followed."""
        parts = schema.get("oneOf") or schema.get("allOf") or schema.get("anyOf") or [schema]
        return [self.components.get(name_of(part), part) if "$ref" in part else part for part in parts]

    def values(self, schema: Mapping[str, Any]) -> list[Any]:
        return [value for part in self.parts(schema) for value in part.get("enum", ())]

    def type(self, schema: Mapping[str, Any]) -> str:
        """Return what kind of value it is, in a word or two."""
        names = list(dict.fromkeys(filter(None, map(self.kind, self.parts(schema)))))
        if schema.get("type") == "array":
            return _("list")
        return _(" or ").join(names) or _("any")

    def kind(self, part: Mapping[str, Any]) -> str:
        kinds: dict[Any, str] = {
            "uuid": _("id"),
            "binary": _("file"),
            "date-time": _("moment, UTC"),
            "uri": _("address"),
            "integer": _("whole number"),
            "number": _("number"),
            "boolean": _("true or false"),
            "object": _("object"),
            "string": _("text"),
        }
        if part.get("enum") in ([""], [None]):
            return ""
        if part.get("format") in kinds:
            return kinds[part["format"]]
        if "type" not in part and all(isinstance(value, int) for value in part.get("enum", [""])):
            return kinds["integer"]
        return kinds.get(part.get("type"), "")

    def link(self, schema: Mapping[str, Any]) -> str:
        """Return the component that a field holds, or a list of it; "" for a plain value."""
        inner = schema.get("items", schema)
        for part in inner.get("allOf") or inner.get("oneOf") or [inner]:
            name = name_of(part)
            if "properties" in self.components.get(name, FREE):
                return name
        return ""


def outline() -> Iterator[Chapter]:
    """The chapters, still empty: each tool has one of its own, after the list of all tools."""
    for slug, (title, text) in GROUPS.items():
        yield Chapter(slug, str(title), str(text))
        if slug == "tools":
            for tool in registry.tools():
                yield Chapter(f"tools/{tool.slug}", str(tool.title), tool.description)


def chapter_of(path: str) -> str:
    """Return the slug of the chapter that a call's path alone decides: that of a tool, or "" for any other."""
    parts = path.split("/")
    return "/".join(parts[3:5]) if parts[3] == "tools" and parts[4] else ""


def order(path: str) -> tuple[int, str]:
    """Return what paths are sorted by: a list, one of it, what is done to it, then the rest; tools in their order."""
    slugs = [tool.slug for tool in registry.tools()]
    name = path.removeprefix("/api/v1/tools/").partition("/")[0]
    return slugs.index(name) if name in slugs else -1, path.replace("{id}", "!")


def name_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def label_of(value: str, labels: Mapping[str, str]) -> str:
    """Return what a choice means, where that says more than its name."""
    label = labels.get(value, "")
    return "" if label.casefold() == value.casefold() else label


def limits(schema: Mapping[str, Any]) -> Iterator[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None and high > LARGEST:
        low = high = None
    if low is not None and high is not None:
        yield _("%(low)s to %(high)s") % {"low": f"{low:g}" if low < 10**5 else low, "high": high}
    elif low:
        yield _("at least %(low)s") % {"low": low}
    elif high is not None:
        yield _("at most %(high)s") % {"high": high}
    if length := schema.get("maxLength"):
        yield _("at most %(length)s characters") % {"length": length}


def shared(calls: list[Call]) -> list[str]:
    """Take the errors that all of these calls have away from each, and return them."""
    found = [{code for each in call.refusals for code in each.codes} for call in calls]
    usual = set.intersection(*found) if found else set()
    for call in calls:
        own = (Refusal(each.status, [code for code in each.codes if code not in usual]) for each in call.refusals)
        call.refusals = [each for each in own if each.codes]
    return sorted(usual, key=lambda code: (CATALOGUE[code].status, code))


def refusals(operation: Mapping[str, Any]) -> Iterator[Refusal]:
    for status, told in sorted(operation["responses"].items()):
        found = told.get("content", FREE).get(MEDIA_TYPE, FREE).get("examples", FREE)
        codes = [code for code in found if code in CATALOGUE]
        if codes:
            yield Refusal(int(status), codes)
