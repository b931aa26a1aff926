"""Requests that the API page shows, each of which runs as it is shown, and the answers that a studio gave to them.

In what is sent, "@picture.png" is a file on the reader's disk, and "$FILE_ID" an id of theirs that the shell puts in.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.tools import registry

ANSWERS = Path(__file__).with_name("answers.json")  # `make api-examples` writes it
SITE = "{site}"  # stands for the address of the studio in the answers
IDS = {"generations": "JOB_ID", "assets": "FILE_ID", "groups": "GROUP_ID", "presets": "PRESET_ID"}
NOBODY = "00000000-0000-4000-8000-000000000000"
TOKEN = "$CINEVIVID_TOKEN"


@dataclass(frozen=True, slots=True)
class Example:
    """One request: its title, the status of its answer, and what is sent.

    `given` is the state of what its id names: a `finished`, `queued`, `cancelled` or `trashed` job, a `made` or an
    `uploaded` file, a clip of a `face`, a `preset` or a `deleted preset`. An answer that is a file is saved under the
    name in `saved`.
    """

    title: Any
    status: int
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    given: str = ""
    id: str = ""  # instead of one of the reader's
    saved: str = ""
    token: str = TOKEN


PICKED = {"ids": ["$JOB_ID"]}
SWAN = {
    "subjects": [{"TYPES": {"type": "Animal", "sub_type": "Swan"}, "action": "glides over a lake"}],
    "shot_type": "full_shot",
    "lighting": "soft and natural",
    "camera_motion": "The camera pans left",
}
FIRST = {"prompt": "a red circle moves right over the sea", "num_frames": 33}
DUSK = {"name": "Dusk", "tool": "text2image", "words": "at dusk, long shadows", "params": {"quality": 50}}
STARS = {"prompt": "a {red|blue} star at night", "batch": [{"quality": 30}, {"quality": 70}]}
EXAMPLES: dict[str, tuple[Example, ...]] = {
    "tools_list": (Example(_("What can be made here"), 200),),
    "submit_to_video": (
        Example(_("Sent again, made once"), 202, body=FIRST, headers={"Idempotency-Key": "my-first-film"}),
        Example(_("A length that cannot be made"), 422, body=FIRST | {"num_frames": 34}),
    ),
    "submit_upscale": (Example(_("Nothing to enlarge"), 422, body={"factor": 2}),),
    "submit_restyle": (Example(_("Nothing to restyle"), 422, body={"prompt": "a blue circle moves right"}),),
    "submit_lip_sync": (Example(_("Nobody to speak"), 422, body={"text": "Every film begins with a voice."}),),
    "submit_talking_avatar": (
        Example(_("A presenter that there is not"), 422, body={"portrait": "news-anchor", "text": "Good evening."}),
    ),
    "submit_looks": (Example(_("A look that there is not"), 422, body={"look": "neon"}),),
    "presets_list": (Example(_("Yours, and what the staff shares"), 200, given="preset"),),
    "presets_create": (
        Example(_("Words and one setting"), 201, body=DUSK),
        Example(_("A tool without looks"), 422, body=DUSK | {"tool": "upscale"}),
    ),
    "presets_retrieve": (Example(_("One of yours"), 200, given="preset"),),
    "presets_partial_update": (Example(_("Other words"), 200, body={"words": "at dawn"}, given="preset"),),
    "presets_destroy": (Example(_("It can be restored"), 204, given="preset"),),
    "presets_restore_create": (Example(_("Back among yours"), 200, given="deleted preset"),),
    "submit_text2image": (
        Example(_("A batch: two prompts, each with two qualities"), 202, body=STARS),
        Example(_("More images than it makes at once"), 422, body={"prompt": "a red star at night", "count": 5}),
    ),
    "generations_list": (
        Example(_("The newest job that waits"), 200, query="status=queued&page_size=1", given="queued"),
        Example(_("A filter that is not there"), 422, query="state=succeeded"),
    ),
    "generations_retrieve": (
        Example(_("A finished job"), 200, given="finished"),
        Example(_("A job that is not yours"), 404, id=NOBODY),
    ),
    "generations_destroy": (Example(_("To the trash"), 204, given="finished"),),
    "generations_partial_update": (
        Example(_("A name of your own"), 200, body={"title": "The circle leaves"}, given="queued"),
        Example(_("No title at all"), 422, body={}, given="queued"),
    ),
    "generations_cancel_create": (
        Example(_("A job that waits"), 200, given="queued"),
        Example(_("A job that has ended"), 409, given="finished"),
    ),
    "generations_stop_create": (Example(_("Before its first window: a cancel"), 200, given="queued"),),
    "generations_retry_create": (
        Example(_("A job that was cancelled"), 202, given="cancelled"),
        Example(_("A job that is finished"), 409, given="finished"),
    ),
    "generations_delete_create": (
        Example(_("Those that you name"), 200, body=PICKED, given="cancelled"),
        Example(_("No id at all"), 422, body={"ids": []}),
    ),
    "generations_restore_create": (Example(_("Back from the trash"), 200, body=PICKED, given="trashed"),),
    "generations_zip_create": (
        Example(_("All their files"), 200, body=PICKED, given="finished", saved="videos.zip"),
        Example(_("Nothing of yours"), 422, body={"ids": [NOBODY]}),
    ),
    "groups_retrieve": (Example(_("Two jobs of one group"), 200, given="group"),),
    "groups_cancel_create": (Example(_("Every job that has not ended"), 200, given="group"),),
    "assets_list": (Example(_("The newest video"), 200, query="kind=video&page_size=1", given="made"),),
    "assets_create": (
        Example(_("An image to begin with"), 201, form={"file": "@picture.png"}),
        Example(_("A file that is not an image"), 422, form={"file": "@notes.txt"}),
    ),
    "assets_retrieve": (Example(_("A video"), 200, given="made"),),
    "assets_destroy": (
        Example(_("An upload"), 204, given="uploaded"),
        Example(_("What a job has made"), 409, given="made"),
    ),
    "assets_storage_retrieve": (Example(_("Used, in the trash, and yours"), 200),),
    "assets_empty_trash_create": (Example(_("For good"), 200),),
    "prompts_compose": (
        Example(_("A shot becomes a prompt"), 200, body={"shot": SWAN}),
        Example(_("A prompt becomes a shot"), 200, body={"text": "close-up of a swan at night"}),
        Example(_("Neither of them"), 422, body={"target": "t2v"}),
    ),
    "prompts_enhance": (Example(_("A few words"), 200, body={"prompt": "a swan glides over a lake", "seed": 7}),),
    "submit_voiceover": (
        Example(_("A language that the voice does not speak"), 422, body={"text": "Hallo.", "language": "de"}),
    ),
    "voices_list": (
        Example(_("British men"), 200, query="language=en-GB&sex=male"),
        Example(_("A filter that is not there"), 422, query="gender=male"),
    ),
    "voices_favourite_create": (
        Example(_("One of yours now"), 204, id="rachel"),
        Example(_("No such voice"), 404, id="nobody"),
    ),
    "voices_favourite_destroy": (Example(_("And no more"), 204, id="rachel"),),
    "account": (
        Example(_("Who you are"), 200),
        Example(_("A token that was revoked"), 401, token="cv_an-old-token"),
    ),
    "plans_list": (Example(_("Where payments are not connected"), 200),),
    "credits_list": (
        Example(_("The first movement"), 200, query="page_size=1"),
        Example(_("A parameter that is not there"), 422, query="since=2026-01-01"),
    ),
}


def examples(operation: str) -> tuple[Example, ...]:
    """Return the requests that are shown for an operation: those of its tool first."""
    return _of_tool(operation) + EXAMPLES.get(operation, ())


def _of_tool(operation: str) -> tuple[Example, ...]:
    """Return the examples that a tool names for starting it, or the first of them for a quote."""
    verb, _, name = operation.partition("_")
    tool = registry.get(name.replace("_", "-"))
    if not tool or verb not in ("submit", "quote"):
        return ()
    shown = list(tool.examples.items())
    status, shown = (202, shown) if verb == "submit" else (200, shown[:1])
    return tuple(_sent(title, status, given, tool.example_file) for title, given in shown)


def _sent(title: Any, status: int, given: Mapping[str, Any], file: str) -> Example:
    """Return the request that sends these parameters: a form where a file or an id is among them, JSON otherwise."""
    if any(str(value).startswith(("@", "$")) for value in given.values()):
        form = {name: str(value) for name, value in given.items()}
        return Example(title, status, form=form, given=file if "$FILE_ID" in form.values() else "")
    return Example(title, status, body=given)


@cache
def recorded() -> dict[str, Any]:
    """Return the answers by operation and place of the example, as `make api-examples` has written them."""
    return dict(json.loads(ANSWERS.read_text(encoding="utf-8"))) if ANSWERS.exists() else {}


def answer(operation: str, place: int, site: str) -> Any:
    """Return the body that a studio at `site` answers to an example; None for one that is empty or not recorded."""
    found = recorded().get(f"{operation}/{place}")
    return None if found is None else json.loads(json.dumps(found).replace(SITE, site))
