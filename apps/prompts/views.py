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

from apps.accounts.http import SignedIn
from apps.errors import StudioError
from apps.library.models import Generation
from apps.tools import registry, services
from apps.tools.catalog.prompt import PromptForm, PromptTool, engines
from workers.prompts.changes import Span, pieces
from workers.prompts.compose import ENGINE, refuse
from workers.prompts.compose import compose as suggested
from workers.prompts.read import normal, read
from workers.prompts.shot import MAX_SUBJECTS, SUBJECT_TEXTS, TEXTS, PromptError, Shot, from_json
from workers.prompts.vocabulary import CAMERA_MOVES, FIELDS
from workers.prompts.write import TARGETS, Target, write

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
TOOL = PromptTool()
PICTURED = {"picture", "ends", "extend"}  # the modes of the video tool that begin with what is there already
SEEDS = 2**31  # how many there are


@login_required
@require_POST
def suggest(request: SignedIn) -> HttpResponse:
    """A suggestion for the prompt of a tool's form, beside it; without JavaScript, the tool Prompt with that prompt.

    The rules answer at once. A model that is asked for makes a job, which is shown until its answer is there.
    """
    given = request.POST
    target = "i2v" if given.get("mode") in PICTURED else "t2v"
    asked = {"prompt": given.get("prompt", "").strip(), "target": target, "model_id": given.get("model_id", "")}
    if not request.htmx:
        where = reverse("prompts:builder") if "build" in given else TOOL.get_absolute_url()
        return redirect(f"{where}?{urlencode(asked)}")
    seed = given.get("suggest_seed") or "1"
    form = PromptForm(
        asked | {"engine": given.get("suggest_engine") or ENGINE, "seed": seed}, user=request.user, draft=False
    )
    if not form.is_valid():
        return render(request, "prompts/suggestion.html", {"asked": asked, "problem": registry.first_error(form)})
    params = form.params
    if params["engine"] == ENGINE:
        told = suggested(params["prompt"], params["seed"], target=params["target"], model=params["model_id"])
        return render(request, "prompts/suggestion.html", _suggestion(told.to_json(), asked))
    try:
        job = services.submit(request.user, TOOL, params)
    except StudioError as error:
        return render(request, "prompts/suggestion.html", {"asked": asked, "problem": error.public_text})
    return render(request, "prompts/suggestion.html", {"asked": asked, "job": job})


@login_required
@require_safe
def suggestion(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """The suggestion that a model writes: how far it is, and at last the words."""
    job = get_object_or_404(Generation.objects.of(request.user), pk=pk, tool=TOOL.slug)
    asked = {name: job.params.get(name, "") for name in ("prompt", "target", "model_id")}
    if job.is_active:
        return render(request, "prompts/suggestion.html", {"asked": asked, "job": job})
    if not job.data:
        problem = job.reason or _("This suggestion was not finished.")
        return render(request, "prompts/suggestion.html", {"asked": asked, "problem": problem})
    return render(request, "prompts/suggestion.html", _suggestion(job.data, asked))


def _suggestion(told: Mapping[str, Any], asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the panel shows of a suggestion: its pieces, its parts, and what can be asked for next."""
    found = pieces(Span(span["kind"], span["text"]) for span in told["changes"])
    numbers = dict.fromkeys(piece.part for piece in found if piece.part is not None)
    again = {
        "suggest_seed": (int(told["seed"]) + 1) % SEEDS,
        "suggest_engine": told["engine"],
        "prompt": told["original"],
    }
    writers = [
        (title, TOOL.price({"engine": name}), json.dumps({"suggest_engine": name, "prompt": told["original"]}))
        for name, title in engines()
        if name not in (ENGINE, told["engine"])
    ]
    return {
        "asked": asked,
        "told": told,
        "pieces": found,
        "parts": [[piece for piece in found if piece.part == number] for number in numbers],
        "again": json.dumps(again),
        "price": TOOL.price({"engine": told["engine"]}),
        "writers": writers,
    }


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def builder(request: SignedIn) -> HttpResponse:
    """Choose how something is seen and see the prompt for it; a text or JSON that is pasted fills the choices in."""
    given = request.POST if request.method == "POST" else request.GET
    pasted = given.get("paste" if "read" in given else "prompt", "").strip()
    target: Target = "i2v" if given.get("target") == "i2v" else "t2v"
    shot = Shot()
    notes: list[str] = []
    errors: dict[str, str] = {}
    try:
        if pasted:
            reading = read(refuse(pasted))
            shot, notes = reading.shot, list(reading.notes)
        elif "read" in given:
            notes = [_("Paste a prompt or a shot first.")]
        else:
            shot = normal(from_json(asked(given)))
    except PromptError as error:
        errors = error.errors
    rows: list[dict[str, Any]] = (
        [each.to_json() | {"sub_type": each.sub_type} for each in shot.subjects] if not errors else rows_of(given)
    )
    if (not rows or "add" in given) and len(rows) < MAX_SUBJECTS:
        rows.append({})
    context = {
        "fields": [(name, LABELS[name], terms, getattr(shot, name)) for name, terms in FIELDS.items()],
        "moves": CAMERA_MOVES,
        "move": next((move.phrase for move in CAMERA_MOVES if move.phrase == shot.camera_motion), ""),
        "subjects": [[(name, LABELS[name], row.get(name, ""), EXAMPLES[name]) for name in PARTS] for row in rows],
        "texts": [(name, LABELS[name], getattr(shot, name)) for name in ("environment", "lighting")],
        "shot": shot,
        "text": write(shot, target),
        "json": json.dumps(shot.to_json(), ensure_ascii=False, indent=2),
        "target": target,
        "targets": TARGETS,
        "notes": [*notes, *errors.values()],
        "pasted": pasted if errors else "",
        "full": len(rows) >= MAX_SUBJECTS,
    }
    template = "prompts/builder.html#builder" if request.htmx else "prompts/builder.html"
    return render(request, template, context | {"dialog": "dialog" in given}, status=422 if errors else 200)


def rows_of(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of subjects of the form, without empty ones and the one that is to be removed."""
    removed = str(given.get("remove", ""))
    places = [place for place in range(MAX_SUBJECTS) if str(place) != removed]
    rows = [{name: str(given.get(f"{name}-{place}", "")).strip() for name in PARTS} for place in places]
    return [row for row in rows if any(row.values())]


def asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shot that the form describes, as JSON. Words for the camera count before a chosen move."""
    subjects = [
        {"TYPES": {"sub_type": row["sub_type"]}, **{name: row[name] for name in SUBJECT_TEXTS}}
        for row in rows_of(given)
    ]
    told = {name: str(given.get(name, "")) for name in (*FIELDS, *TEXTS)}
    told["camera_motion"] = str(given.get("camera_words", "")).strip() or told["camera_motion"]
    return {"subjects": subjects, **told}
