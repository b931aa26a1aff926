"""What a video begins with: words, a picture, two pictures or another video."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from workers.engines.skyreels.request.flags import video_request
from workers.engines.skyreels.request.spec import VideoSpec
from workers.prompts.write import Target

# Each mode: its title, what it needs, and what else it may have.
MODES: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
    "text": (_("Text"), (), ()),
    "picture": (_("Image"), ("image",), ()),
    "ends": (_("Start and end"), ("end_image",), ("image",)),
    "extend": (_("Extend"), ("video",), ("end_image",)),
}
# Modes in which something that is sent has a shape of its own, and shows how things look.
SHAPED = tuple(mode for mode in MODES if mode != "text")
IMAGED = tuple(mode for mode, (_title, needs, may) in MODES.items() if "image" in (*needs, *may))
MISSING = {
    "image": _("choose the image that your video begins with."),
    "end_image": _("choose the image that your video ends on."),
    "video": _("choose the video to extend."),
}


def target_of(mode: str) -> Target:
    """What a prompt is for in a mode: where the video begins with something that is sent, only what moves is told."""
    return "i2v" if mode in SHAPED else "t2v"


def inputs_of(mode: str) -> tuple[str, ...]:
    """The pictures and clips that a mode has."""
    return MODES[mode][1] + MODES[mode][2]


def mode_of(values: Mapping[str, Any]) -> str:
    """The mode that fits what is given."""
    for name, mode in (("video", "extend"), ("end_image", "ends"), ("image", "picture")):
        if values.get(name):
            return mode
    return "text"


def spec_of(params: Mapping[str, Any]) -> VideoSpec:
    """The film that parameters ask for; the files are not looked at, and need not be chosen yet."""
    needed = MODES[params.get("mode") or mode_of(params)][1]
    files = {name: Path(name) for name in MISSING if params.get(name) or name in needed}
    return video_request({"prompt": "…", **params}, files).spec
