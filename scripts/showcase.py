"""Make the films and pictures of the public pages with the models that ship: `make showcase`.

Every film is made by nano and enlarged by the studio's own Upscale, through the tasks that the tools run. Prompts and
seeds stand here. The pages get a lighter copy of the result. `make showcase ARGS=--picture` draws only the share
picture again, from the posters; `ARGS=--tools` makes only the films of Restyle and Video looks, and their pictures;
`ARGS=--avatar` makes only that of Talking avatar.
"""

import itertools
import json
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from workers.engines.skyreels import cards
from workers.engines.skyreels.request.restyle import STRENGTH
from workers.engines.upscale.cards import DEFAULT as UPSCALER
from workers.media.film import OPTIONS, join, write
from workers.media.looks import LOOKS, graded
from workers.media.probe import MediaInfo, probe, read_frames
from workers.media.stills import pick, read_picture
from workers.tasks import registry as tasks
from workers.tasks.registry import MadeAsset

STATIC = Path(__file__).resolve().parents[1] / "static"
OUT, FILTERS = STATIC / "clips", STATIC / "filters"
SHARE, FONT = STATIC / "img" / "share.jpg", STATIC / "fonts" / "inter-latin.woff2"
NANO = cards.get("nano")
FACTOR = 4  # times as large
FPS = 24  # instead of nano's 8

# Pages show the films small: their copies need fewer bits than what the studio keeps.
LIGHT = {"crf": "27", "preset": "veryslow", "bf": "3"}
POSTER_QUALITY = 80
STILL = (320, 192)  # pixels of a still in the strip of windows

SHARE_SIZE = (1200, 630)  # what the networks ask for
SHARE_PAPER, SHARE_TEXT, SHARE_MUTED = "#0b0c10", "#f2f3f5", "#a5a8b0"
SHARE_FRAME, SHARE_BEAM, SHARE_LAMP = "#23252c", "#8a6234", "#f2a33c"  # of the mark


@dataclass(frozen=True, slots=True)
class Shot:
    """One film of the showcase: it hangs on the wall, or lies in the gallery of the landing page."""

    prompt: str
    seed: int
    ratio: str = "16:9"
    windows: int = 1
    place: str = "wall"

    @property
    def name(self) -> str:
        return re.sub(r"\W+", "-", self.prompt)


SHOTS = [
    Shot("a red heart grows in the night sky", 1),
    Shot("a yellow star moves up at sunset", 2),
    Shot("a crimson ball glides to the right over the ocean", 1),
    Shot("a white circle moves up in the night sky", 1),
    Shot("a green square moves right over the city", 1),
    Shot("a blue heart moves left at sunset", 1),
    Shot("a purple ring moves right in the blue sky", 1),
    Shot("an orange ring grows on a black background", 2),
    Shot("a cyan circle moves down over the city", 1),
    Shot("a purple triangle moves down in the night sky", 1),
    Shot("a white heart grows at sunset", 1),
    Shot("a blue circle moves left over a meadow", 1),
    Shot("a cyan heart shrinks on a black background", 1),
    Shot("a yellow circle grows in the blue sky", 1),
    # In an order whose rows of three, and on a phone of one and two, are full.
    Shot("an orange circle bounces at sunset", 1, windows=3, place="gallery"),
    Shot("an orange triangle moves down in the night sky", 1, ratio="9:16", place="gallery"),
    Shot("a green heart grows on a black background", 1, ratio="1:1", place="gallery"),
    Shot("a yellow circle moves up at sunset", 1, ratio="9:16", place="gallery"),
    Shot("a blue ring grows in the night sky", 1, ratio="1:1", place="gallery"),
    Shot("a red triangle moves right over a meadow", 1, place="gallery"),
]
WINDOWS_OF = SHOTS[14]  # its windows are shown one by one
COMPARED = SHOTS[1]  # it is shown before and after Upscale
RESTYLED, NEW_LOOK = SHOTS[5], "a yellow heart moves left at sunset"  # before and after Restyle
GRADED, GRADES = SHOTS[4], ("sepia", "noir", "cool", "vintage")  # it is shown with one look after another
SPOKEN = {  # what a talking avatar says in two seconds, without its sound
    "portrait": "young-creator",
    "text": "Every film begins with a voice.",
    "voice": "bella",
    "expressiveness": 0.8,
    "made_width": 640,
    "made_height": 384,
}
LOOKED_AT = STATIC / "looks" / "realistic.webp"  # what the small pictures of the looks are made from
SHARED = [SHOTS[i] for i in (0, 1, 3, 8, 7, 5, 9, 10, 4, 12, 2, 6)]  # on the share picture, in rows of three


def made(shot: Shot, folder: Path) -> tuple[MadeAsset, dict[str, Any]]:
    """Return the film that nano makes of a shot, and its recipe."""
    params = {
        "prompt": shot.prompt,
        "negative_prompt": "",
        "ratio": shot.ratio,
        "num_frames": NANO.base_num_frames + (shot.windows - 1) * (NANO.base_num_frames - NANO.overlap_history),
        "style": "realistic",
        "steps": NANO.steps,
        "guidance_scale": NANO.guidance_scale,
        "shift": NANO.shift,
        "seed": shot.seed,
    }
    answer = tasks.get("video")(tasks.Request(params=params, folder=folder))
    return answer.assets[0], dict(answer.recipe)


def enlarged(film: MadeAsset, folder: Path) -> tuple[MadeAsset, dict[str, Any]]:
    """Return a film as the tool Upscale makes it larger and smoother, and the recipe of that."""
    params = {"kind": "video", "factor": FACTOR, "fps": FPS, "model_id": UPSCALER}
    asked = tasks.Request(params=params, folder=folder, inputs={"source": [film.files["file"]]})
    answer = tasks.get("upscale")(asked)
    return answer.assets[0], dict(answer.recipe)


def light(frames: Iterable[NDArray[np.uint8]], out: Path, recipe: dict[str, Any]) -> MediaInfo:
    """Write frames of one size at `out`, compressed for a page, with the recipe in the comment; returns what it is."""
    pictures = iter(frames)
    first = next(pictures)
    height, width, _ = first.shape
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "film.mp4"
        write(whole, itertools.chain([first], pictures), width, height, FPS, OPTIONS | LIGHT)
        join([whole], out, FPS, json.dumps(recipe, sort_keys=True))
    return probe(out)


def poster(film: Path, out: Path, parts: int = 1) -> None:
    """Save the picture in the middle of a film, or of the first of its `parts`."""
    picture = pick(film, parts)[0]
    Image.fromarray(picture).save(out, quality=POSTER_QUALITY, method=6)


def strip_of_windows(film: Path, windows: int, out: Path) -> None:
    """Save one still of each part of a film, side by side."""
    width, height = STILL
    sheet = Image.new("RGB", (width * windows, height))
    for i, picture in enumerate(pick(film, windows)):
        sheet.paste(Image.fromarray(picture).resize(STILL, Image.Resampling.LANCZOS), (i * width, 0))
    sheet.save(out, quality=POSTER_QUALITY, method=6)


def restyled(film: MadeAsset, folder: Path) -> tuple[MadeAsset, dict[str, Any]]:
    """Return a film as the tool Restyle makes it, and the recipe of that."""
    params = {"prompt": NEW_LOOK, "style": "realistic", "strength": STRENGTH, "ratio": RESTYLED.ratio, "seed": 1}
    params |= {"num_frames": film.facts["frames"], "model_id": NANO.id}
    asked = tasks.Request(params=params, folder=folder, inputs={"video": [film.files["file"]]})
    answer = tasks.get("restyle")(asked)
    return answer.assets[0], dict(answer.recipe)


def tools() -> None:
    """Make the films of the tools Restyle and Video looks, and the small pictures of the looks."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / each for each in ("made", "restyled", "enlarged", "enlarged-too")]
        film, made_from = made(RESTYLED, folders[0])
        other, restyled_by = restyled(film, folders[1])
        larger = [
            enlarged(each, folder)[0].files["file"] for each, folder in zip((film, other), folders[2:], strict=True)
        ]
        out = OUT / "restyle.mp4"
        light(before_and_after(*larger), out, {"made": made_from, "restyled": restyled_by})
        poster(out, out.with_suffix(".webp"), parts=2)
    frames = list(read_frames(OUT / f"{GRADED.name}.mp4"))
    light(one_look_after_another(frames), OUT / "looks.mp4", {"made": GRADED.prompt, "looks": GRADES})
    poster(OUT / "looks.mp4", OUT / "looks.webp", parts=2)
    FILTERS.mkdir(exist_ok=True)
    picture = np.asarray(read_picture(LOOKED_AT).convert("RGB"))
    for name in LOOKS:
        Image.fromarray(graded(picture, name)).save(FILTERS / f"{name}.webp", quality=POSTER_QUALITY, method=6)


def avatar() -> None:
    """Make the film of the tool Talking avatar."""
    with tempfile.TemporaryDirectory() as name:
        answer = tasks.get("talking-avatar")(tasks.Request(params=SPOKEN, folder=Path(name)))
        out = OUT / "avatar.mp4"
        frames = itertools.islice(read_frames(answer.assets[0].files["file"]), 2 * FPS)
        light(frames, out, dict(answer.recipe))
    poster(out, out.with_suffix(".webp"))


def one_look_after_another(frames: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a film: left of the middle as they are, right of it with a look that changes."""
    middle = frames[0].shape[1] // 2
    for i, picture in enumerate(frames):
        frame = graded(picture, GRADES[i * len(GRADES) // len(frames)], place=i)
        frame[:, :middle] = picture[:, :middle]
        frame[:, middle - 1 : middle + 1] = 255
        yield frame


def before_and_after(small: Path, large: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a film behind a line that goes to and fro: left of it as nano made it, right of it enlarged.

    What nano made has a third of the frames, and its pixels are drawn as squares.
    """
    before, after = list(read_frames(small)), list(read_frames(large))
    height, width, _ = after[0].shape
    for i, picture in enumerate(after):
        at = round(width * (0.5 - 0.35 * math.cos(2 * math.pi * i / len(after))))
        old = Image.fromarray(before[min(i * len(before) // len(after), len(before) - 1)])
        frame = picture.copy()
        frame[:, :at] = np.asarray(old.resize((width, height), Image.Resampling.NEAREST))[:, :at]
        frame[:, max(0, at - 1) : at + 1] = 255
        yield frame


def share_picture() -> None:
    """Draw the picture that a shared link shows: stills of the wall beside the name and what the studio does."""
    width, height = SHARE_SIZE
    sheet = Image.new("RGB", SHARE_SIZE, SHARE_PAPER)
    columns, gap, wide = 3, 10, 250
    tall = wide * 3 // 5
    left, top = width - columns * (wide + gap), (height - 4 * tall - 3 * gap) // 2
    for i, shot in enumerate(SHARED):
        still = read_picture(OUT / f"{shot.name}.webp").convert("RGB")
        tile = still.resize((wide, tall), Image.Resampling.LANCZOS)
        sheet.paste(tile, (left + i % columns * (wide + gap), top + i // columns * (tall + gap)))
    pen = ImageDraw.Draw(sheet)
    mark(pen, 56, 66, 56)
    pen.text((126, 94), "CineVivid", SHARE_TEXT, font(32, 620), anchor="lm")
    pen.text((56, 228), "Say it.\nWatch it.", SHARE_TEXT, font(76, 650), spacing=10)
    pen.text(
        (56, height - 66), "A video studio\non your own machine", SHARE_MUTED, font(30, 450), spacing=10, anchor="ld"
    )
    SHARE.parent.mkdir(exist_ok=True)
    sheet.save(SHARE, quality=88, optimize=True, progressive=True)


def mark(pen: ImageDraw.ImageDraw, left: int, top: int, side: int) -> None:
    """Draw the mark of the studio, as static/img/mark.svg has it."""

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * side / 32, top + y * side / 32

    pen.rounded_rectangle((at(1, 5), at(31, 27)), 5 * side / 32, SHARE_FRAME)
    pen.polygon([at(7, 16), at(25, 9), at(25, 23)], SHARE_BEAM)
    pen.ellipse((at(5.5, 13), at(11.5, 19)), SHARE_LAMP)


def font(size: int, weight: int) -> ImageFont.FreeTypeFont:
    face = ImageFont.truetype(FONT, size)
    face.set_variation_by_axes([weight])
    return face


def show(shot: Shot) -> dict[str, Any]:
    """Make one film of the showcase in all its forms; returns its row of showcase.json."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        film, made_from = made(shot, Path(first))
        larger, enlarged_by = enlarged(film, Path(second))
        path = OUT / f"{shot.name}.mp4"
        small, large = film.files["file"], larger.files["file"]
        info = light(read_frames(large), path, {"made": made_from, "enlarged": enlarged_by})
        poster(large, path.with_suffix(".webp"))
        if shot is WINDOWS_OF:
            strip_of_windows(large, shot.windows, OUT / "windows.webp")
        if shot is COMPARED:
            light(before_and_after(small, large), OUT / "upscale.mp4", {"made": made_from, "enlarged": enlarged_by})
            poster(OUT / "upscale.mp4", OUT / "upscale.webp", parts=2)  # the line is in the middle
    print(f"{info.bytes:>8} bytes  {shot.prompt}", flush=True)
    return {
        "file": f"clips/{path.name}",
        "poster": f"clips/{path.stem}.webp",
        "place": shot.place,
        "prompt": shot.prompt,
        "ratio": shot.ratio,
        "windows": shot.windows,
        "width": info.width,
        "height": info.height,
        "seconds": round(info.seconds, 1),
        "model": made_from["model"],
        "seed": shot.seed,
        "enlarged": {"model": enlarged_by["model"], "factor": FACTOR, "fps": FPS},
    }


def main() -> int:
    if "--tools" in sys.argv[1:]:
        tools()
        return 0
    if "--avatar" in sys.argv[1:]:
        avatar()
        return 0
    if "--picture" not in sys.argv[1:]:
        shutil.rmtree(OUT, ignore_errors=True)
        OUT.mkdir(parents=True)
        rows: list[dict[str, Any]] = []
        for shot in SHOTS:
            rows.append(show(shot))
            (OUT / "showcase.json").write_text(json.dumps(rows, indent=1) + "\n")
        tools()
        avatar()
    share_picture()
    return 0


if __name__ == "__main__":
    sys.exit(main())
