"""A suggestion beside the prompt of a tool, and the page on which a shot is put together."""

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.http import SignedIn
from apps.billing.services import InsufficientCredits
from apps.errors import StudioError
from apps.library.models import Generation
from apps.text import tidy, told
from apps.tools import registry, services, videos
from apps.tools.catalog.prompt import PromptForm, engines
from apps.tools.fields import SEEDS
from apps.tools.video_modes import target_of
from apps.tools.views import HANDED_PROMPT, taken_prompt
from workers.engines.skyreels.cards import ModelCard
from workers.prompts.changes import Span, pieces
from workers.prompts.compose import ENGINE, refuse, too_long
from workers.prompts.compose import compose as suggested
from workers.prompts.read import normal, read
from workers.prompts.shot import MAX_SUBJECTS, SUBJECT_TEXTS, TEXTS, PromptError, Shot, from_json
from workers.prompts.vocabulary import CAMERA_MOVES, FIELDS
from workers.prompts.write import Target, write

LABELS = {
    "shot_type": gettext_lazy("Shot size"),
    "shot_angle": gettext_lazy("Angle"),
    "shot_position": gettext_lazy("View"),
    "sub_type": gettext_lazy("Who or what"),
    "action": gettext_lazy("Does"),
    "appearance": gettext_lazy("Looks like"),
    "expression": gettext_lazy("Feels"),
    "position": gettext_lazy("In the frame"),
    "environment": gettext_lazy("Where"),
    "lighting": gettext_lazy("Light"),
    "camera_motion": gettext_lazy("Camera motion"),
}
EXAMPLES = {
    "sub_type": gettext_lazy("Swan"),
    "action": gettext_lazy("glides over a lake"),
    "appearance": gettext_lazy("white feathers"),
    "expression": gettext_lazy("calm"),
    "position": gettext_lazy("on the left"),
}
PARTS = ("sub_type", "action", "appearance", "expression", "position")
TOOL = registry.get_or_404("prompt")
FOCUSED = ("add", "without", "read", "use")  # buttons after which the focus goes to what they are about
MAX_ADDRESS = 4000  # characters; servers and proxies refuse longer ones


@login_required
@require_POST
def suggest(request: SignedIn) -> HttpResponse:
    """A suggestion for the prompt of a tool's form, beside it; without JavaScript, the tool Prompt with that prompt.

    The rules answer at once. A model that is asked for makes a job, which is shown until its answer is there.
    """
    given = request.POST
    target = target_of(given.get("mode", ""))
    asked = {"prompt": given.get("prompt", "").strip(), "target": target, "model_id": given.get("model_id", "")}
    if not request.htmx:
        return redirect(
            _handed(request, reverse("prompts:builder") if "build" in given else TOOL.get_absolute_url(), asked)
        )
    seed = given.get("suggest_seed") or "1"
    form = PromptForm(
        asked | {"engine": given.get("suggest_engine") or ENGINE, "seed": seed}, user=request.user, draft=False
    )
    if not form.is_valid():
        return render(request, "prompts/suggestion.html", {"problem": registry.first_error(form)})
    params = form.params
    if params["engine"] == ENGINE:
        made = suggested(params["prompt"], params["seed"], target=params["target"], model=params["model_id"])
        return render(request, "prompts/suggestion.html", _suggestion(made.to_json(), params["model_id"]))
    try:
        job = services.submit(request.user, TOOL, params)
    except InsufficientCredits as error:
        free = _("The rules of the shot grammar cost nothing.")
        return render(request, "prompts/suggestion.html", {"problem": f"{error.message} {free}"})
    except StudioError as error:
        return render(request, "prompts/suggestion.html", {"problem": error.public_text})
    return render(request, "prompts/suggestion.html", {"job": job})


@login_required
@require_safe
def suggestion(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """The suggestion that a model writes: how far it is, and at last the words."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk, tool=TOOL.slug)
    if job.status == Generation.Status.CANCELLED:
        return HttpResponse()  # which closes the panel
    if job.is_active:
        return render(request, "prompts/suggestion.html", {"job": job})
    if not job.data:
        problem = job.reason or _("This suggestion was not finished.")
        return render(request, "prompts/suggestion.html", {"problem": problem})
    return render(request, "prompts/suggestion.html", _suggestion(job.data, job.params.get("model_id", "")))


def _suggestion(made: Mapping[str, Any], model_id: str) -> dict[str, Any]:
    """Return what the panel shows of a suggestion: its pieces, its parts, and what can be asked for next."""
    found = pieces(Span(span["kind"], span["text"]) for span in made["changes"])
    numbers = dict.fromkeys(piece.part for piece in found if piece.part is not None)
    again = {
        "suggest_seed": (int(made["seed"]) + 1) % SEEDS,
        "suggest_engine": made["engine"],
        "prompt": made["original"],
    }
    writers = [
        (title, TOOL.price({"engine": name}), json.dumps({"suggest_engine": name, "prompt": made["original"]}))
        for name, title in engines()
        if name not in (ENGINE, made["engine"])
    ]
    return {
        "told": made,
        "notes": [*map(told, made["notes"]), *_elsewhere(made["original"], model_id)],
        "pieces": found,
        "parts": [[piece for piece in found if piece.part == number] for number in numbers],
        "again": json.dumps(again),
        "price": TOOL.price({"engine": made["engine"]}),
        "writers": writers,
    }


def _elsewhere(prompt: str, model_id: str) -> list[str]:
    """Say that another model here knows more of the words."""
    unknown = videos.card_of(model_id).unknown_words(prompt)
    known_elsewhere = any(len(card.unknown_words(prompt)) < len(unknown) for card in videos.models())
    return [_("Choose another model for the rest.")] if known_elsewhere else []


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def builder(request: SignedIn) -> HttpResponse:
    """Choose how something is seen and see the prompt for it; a text or JSON that is pasted fills the choices in.

    `live` asks for the prompt alone while somebody chooses, and `use` takes it to the video tool, or to the page on
    which the builder is a `dialog`.
    """
    given = {name: tidy(str(text).replace("\0", "")) for name, text in (request.POST or request.GET).items()}
    pasted = given.get("paste", "") if "read" in given else given.get("prompt", "") or taken_prompt(request)
    shot, notes, refused = _pasted(pasted) if pasted else (None, [], [])
    errors: list[str] = []
    chosen = asked(given)
    if shot is None:
        try:
            shot = normal(from_json(chosen))
            chosen = shot.to_json()
        except PromptError as error:
            shot, errors = Shot(), [told(text) for text in error.errors.values()]
    else:
        chosen = shot.to_json()
    target: Target = "i2v" if given.get("target") == "i2v" else target_of(given.get("mode", ""))
    text = write(shot, target)
    if long := too_long(text):
        notes.append(told(long))
    elif "use" in given and request.method == "POST" and text and not errors:
        return _used(request, text, "dialog" in given)
    if "read" in given and not pasted:
        refused = [_("Paste a prompt or a shot first.")]
    if not text and shot != Shot():
        notes.append(_("The image shows all of this. Say what moves: somebody's action, or the camera."))
    elif not text and not errors and "use" in given:
        notes.append(_("Choose something first."))
    card = videos.card_of(given.get("model_id", ""))
    context = _choices(chosen, adding="add" in given) | {
        "model": card,
        "unknown": _unknown_to(card),
        "text": text,
        "json": json.dumps(shot.to_json(), ensure_ascii=False, indent=2),
        "target": target,
        "notes": [*notes, *errors],
        "errors": errors,
        "pasted": pasted if refused else "",
        "refused": refused,
        "focus": "paste" if refused else next((name for name in FOCUSED if name in given), ""),
        "dialog": "dialog" in given,
    }
    part = "#built" if "live" in given else "#builder" if request.htmx else ""
    return render(request, f"prompts/builder.html{part}", context, status=422 if errors or refused else 200)


def _pasted(text: str) -> tuple[Shot | None, list[str], list[str]]:
    """Return the shot of a text or JSON with notes on it; for one that cannot be used None, and why."""
    try:
        reading = read(refuse(text))
    except PromptError as error:
        return None, [], [told(why) for why in error.errors.values()]
    return reading.shot, [told(note) for note in reading.notes], []


def _used(request: SignedIn, text: str, dialog: bool) -> HttpResponse:
    """Hand a prompt over to the video tool, or to the page under the dialog."""
    if dialog:
        return render(request, "prompts/built.html", {"text": text})
    where = _handed(request, registry.main().get_absolute_url(), {"prompt": text})
    return HttpResponseClientRedirect(where) if request.htmx else redirect(where)


def _handed(request: SignedIn, page: str, values: Mapping[str, str]) -> str:
    """Return the address of a page that begins with a prompt and more; a prompt too long for it goes by the session."""
    where = f"{page}?{urlencode(values)}"
    if len(where) <= MAX_ADDRESS:
        return where
    request.session[HANDED_PROMPT] = values["prompt"]
    return f"{page}?{urlencode({name: value for name, value in values.items() if name != 'prompt'})}"


def _choices(chosen: Mapping[str, Any], *, adding: bool) -> dict[str, Any]:
    """Return the controls of a shot in JSON, as the page shows them; one row of a subject at least."""
    rows = [{**row, "sub_type": row["TYPES"]["sub_type"]} for row in chosen["subjects"]]
    if (not rows or adding) and len(rows) < MAX_SUBJECTS:
        rows.append({})
    motion = chosen["camera_motion"]
    move = motion if motion in [move.phrase for move in CAMERA_MOVES] else ""
    return {
        "fields": [(name, LABELS[name], terms, chosen[name]) for name, terms in FIELDS.items()],
        "moves": CAMERA_MOVES,
        "move": move,
        "camera_words": "" if move else motion,
        "subjects": [[(name, LABELS[name], row.get(name, ""), EXAMPLES[name]) for name in PARTS] for row in rows],
        "texts": [(name, LABELS[name], chosen[name]) for name in ("environment", "lighting")],
        "full": len(rows) >= MAX_SUBJECTS,
    }


def _unknown_to(card: ModelCard) -> set[str]:
    """Return the phrases of the choices that have words which a model does not know."""
    phrases = {term.phrase for terms in (*FIELDS.values(), CAMERA_MOVES) for term in terms}
    return {phrase for phrase in phrases if card.unknown_words(phrase)}


def rows_of(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of subjects of the form, without empty ones and the one that is to be removed."""
    removed = str(given.get("without", ""))
    places = [place for place in range(MAX_SUBJECTS) if str(place) != removed]
    rows = [{name: str(given.get(f"{name}-{place}", "")).strip() for name in PARTS} for place in places]
    return [row for row in rows if any(row.values())]


def asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shot that the form describes, as JSON. Words for the camera count before a chosen move."""
    subjects = [
        {"TYPES": {"sub_type": row["sub_type"]}, **{name: row[name] for name in SUBJECT_TEXTS}}
        for row in rows_of(given)
    ]
    said = {name: str(given.get(name, "")) for name in (*FIELDS, *TEXTS)}
    said["camera_motion"] = str(given.get("camera_words", "")).strip() or said["camera_motion"]
    return {"subjects": subjects, **said}
