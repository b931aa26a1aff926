"""The page on which a shot is put together."""

import json
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from apps.accounts.http import SignedIn
from workers.prompts.compose import refuse
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
    return render(request, "prompts/builder.html", context, status=422 if errors else 200)


def rows_of(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of subjects of the form, without empty ones."""
    rows = [{name: str(given.get(f"{name}-{place}", "")).strip() for name in PARTS} for place in range(MAX_SUBJECTS)]
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
