"""Measure the draft engine of the talking avatar on presenters and rendered faces, into docs/avatar.md.

Each portrait says the text of `scripts.evaluate_lips` and is measured as its clips are, by a path of its own; some also
follow a rendered clip, of which it is known what its head does. Each is made in a process of its own; figures and films
stay in var/avatar/, so that a run can be continued: `--faces young-creator` measures that one anew.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import shutil
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts import evaluate_lips as lips
from scripts.faces import PEOPLE, Clip, Pose, Scene, shown
from scripts.measuring import ROOT, measured, publish
from workers.voice.base import Speech, Timed

FOLDER = ROOT / "var" / "avatar"
PAGE, SHEETS = ROOT / "docs" / "avatar.md", ROOT / "docs"
FPS = Fraction(25)
SEED, LIVELY = 3, 0.5
DRIVER = Scene((PEOPLE["jonas"],), (Pose(320, 230, 210),), 12.0, moves=1.6)
FAR = 0.45  # how far from the figure the wall must not change, in distances between the eyes' outer corners


class Face(NamedTuple):
    """A portrait, the sides of its film in pixels, and whether it follows a clip."""

    portrait: str
    width: int = 1280
    height: int = 720
    driven: bool = False


FACES = {
    **{slug: Face(slug) for slug in ("professional-woman", "business-man", "young-creator", "senior-presenter")},
    **{name: Face(name) for name in ("mara", "jonas", "ada", "turned")},
    "upright": Face("young-creator", 720, 1280),
    "large": Face("professional-woman", 1920, 1080),
    "driven-woman": Face("professional-woman", driven=True),
    "driven-creator": Face("young-creator", driven=True),
    "driven-mara": Face("mara", driven=True),
}


def portrait(name: str) -> Path:
    """Return the picture of a presenter, or of a rendered face before a wall with straight lines."""
    if name not in (*PEOPLE, "turned"):
        from workers import presenters

        return presenters.path(name)
    file = FOLDER / f"{name}.png"
    if not file.exists():
        person, yaw = (PEOPLE["mara"], 25.0) if name == "turned" else (PEOPLE[name], 0.0)
        scene = Scene((person,), (Pose(640, 330, 300, yaw=yaw),), 1, moves=0, speaks=0)
        picture = shown(scene, 0.8, 1280, 720)
        file.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
    return file


def measure(name: str) -> dict[str, Any]:
    """Make one film in this process and measure it."""
    from workers import avatar
    from workers.clips import FileClip
    from workers.lips.landmarks import size_of

    face = FACES[name]
    folder = FOLDER / name
    work, out = folder / "work", folder / "film.mp4"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    speech = None if face.driven else lips.spoken(lips.VOICE)
    asked = avatar.Asked(
        portrait(face.portrait), face.width, face.height, expressiveness=LIVELY, seed=SEED,
        driver=_driver() if face.driven else None,
    )  # fmt: skip
    marks: dict[str, float] = {}
    began, used = time.perf_counter(), _cpu()
    info = avatar.talk_film(
        asked, speech, work, out, engine=avatar.engine(),
        on_progress=lambda told: marks.setdefault(told.stage, time.perf_counter() - began) and None,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - began, _cpu() - used
    film = FileClip(out, face.width, face.height, FPS, info.frames)
    track = lips.seen_again(film, None)
    told: dict[str, Any] = {
        "face": name,
        "driven": face.driven,
        "sides": f"{face.width} x {face.height}",
        "eyes": float(np.median([size_of(points) for points in track.points if np.isfinite(points[0, 0])])),
        "frames": info.frames,
        "seen": track.seen,
        "psnr": _wall(asked, film),
        "render_fps": info.frames / (wall - marks["talking"]),
        "whole_fps": info.frames / wall,
        "cpu": 1000 * cpu / info.frames,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if speech is None:
        return told | _followed(track)
    phones = lips.aligned(speech.samples, speech.rate, lips.TEXT)
    if (face.width, face.height) == (1280, 720):
        lips.sheet(film, track, phones, SHEETS / f"avatar-{name}-mouths.webp")
        heads(film, track, SHEETS / f"avatar-{name}.webp")
    gaps = np.array([lips._gap(track.at(at)) for at in range(info.frames)])
    return told | lips.compared(gaps, phones, lips.silent(speech.samples, speech.rate, info.frames))


def _driver() -> Path:
    """Write the clip that is followed, and return where."""
    from workers.media import film

    path = FOLDER / "driver.mp4"
    if not path.exists():
        clip = Clip((DRIVER,), 640, 480)
        film.write(path.with_suffix(".part"), clip.read(), clip.width, clip.height, clip.fps)
        path.with_suffix(".part").replace(path)
    return path


def _followed(track: Any) -> dict[str, Any]:
    """Compare what the head of a film does with what that of the clip did, as it was rendered."""
    from workers.lips.driven import pose

    frames = len(track)
    at = np.arange(frames) / float(FPS)
    poses = np.array([pose(points) if np.isfinite(points[0, 0]) else (np.nan,) * 3 for points in track.points])
    gaps = np.array([lips._gap(track.at(place)) for place in range(frames)])
    # As `scripts.faces.shown` moves heads; its angles turn a face the other way about x and z.
    speaking = np.maximum(0, np.sin(2 * math.pi * 2.3 * at) * np.sin(2 * math.pi * 0.37 * at))
    truth = {
        "yaw": np.sin(0.9 * at), "pitch": np.sin(1.3 * at + 2), "roll": -np.sin(0.7 * at + 1), "mouth": speaking,
    }  # fmt: skip
    seen = {"yaw": poses[:, 0], "pitch": poses[:, 1], "roll": poses[:, 2], "mouth": gaps}
    fits = np.isfinite(gaps)
    # Lids are measured as shares of how far they are usually open; a blink is a dip within two frames.
    open_ = np.array([_open(points) for points in track.points])
    dips = open_ < 0.6 * np.nanpercentile(open_, 85)
    meant = np.round(np.arange(2.6, frames / float(FPS), 3.1) * float(FPS)).astype(int)
    hit = sum(bool(dips[max(0, place - 2) : place + 3].any()) for place in meant)
    near = np.zeros(frames, bool)
    for place in meant:
        near[max(0, place - 5) : place + 6] = True
    return {name: float(np.corrcoef(truth[name][fits], seen[name][fits])[0, 1]) for name in truth} | {
        "blinks": f"{hit} of {len(meant)}",
        "others": int((np.diff((dips & ~near).astype(int)) == 1).sum()),
    }


def _open(points: NDArray[np.float32]) -> float:
    pairs = ((159, 145, 33, 133), (386, 374, 263, 362))
    each = [
        np.linalg.norm(points[a, :2] - points[b, :2]) / np.linalg.norm(points[c] - points[d]) for a, b, c, d in pairs
    ]
    return float(np.mean(each))


def _wall(asked: Any, film: Any) -> float:
    """Return the PSNR of the wall away from the figure, over all frames of a film, against the portrait."""
    from workers.avatar import cut_portrait
    from workers.lips.figure import Head, taken_apart

    cut = cut_portrait(asked)
    head = Head.of(cut.points)
    share = taken_apart(cut.picture, head).share
    near = cv2.dilate((share > 0).astype(np.uint8), np.ones((2 * round(FAR * head.size) + 1,) * 2, np.uint8))
    away = near == 0
    if not away.any():
        return float("nan")
    given = cut.picture[away].astype(np.float32)
    errors = [float(np.square(frame[away] - given).mean()) for frame in film.read()]
    return float(10 * np.log10(255**2 / max(float(np.mean(errors)), 1e-9)))


def heads(film: Any, track: Any, out: Path) -> None:
    """Save a head where it is farthest to each side, up, down and aside, and the eyes through a blink."""
    from workers.lips.driven import pose

    poses = np.array([pose(points) for points in track.points])
    eyes = np.array([_open(points) for points in track.points])
    shut = int(np.argmin(eyes[4:-4])) + 4
    rest = int(np.argmin(np.abs(poses).sum(1) + (eyes < 0.8 * eyes.max())))
    whole = [rest, *(int(pick(poses[:, axis])) for axis in range(3) for pick in (np.argmin, np.argmax))]
    blink = list(range(shut - 3, shut + 4))
    wanted = {*whole, *blink}
    frames = {at: frame.copy() for at, frame in enumerate(film.read()) if at in wanted}
    side, strip = 260, 96
    picture = np.full((side + strip + 12, 7 * (side + 4), 3), 24, np.uint8)
    for column, at in enumerate(whole):
        x, y = track.points[whole[0]][:, :2].mean(0)
        half = 2.0 * float(np.linalg.norm(track.points[whole[0]][263] - track.points[whole[0]][33]))
        square = cv2.getRectSubPix(frames[at], (round(2 * half),) * 2, (float(x), float(y)))
        left = column * (side + 4) + 2
        picture[2 : side + 2, left : left + side] = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    for column, at in enumerate(blink):
        points = track.points[at]
        x, y = (points[33, :2] + points[263, :2]) / 2
        half = 0.75 * float(np.linalg.norm(points[263] - points[33]))
        part = cv2.getRectSubPix(frames[at], (round(2 * half), round(2 * half * strip / side)), (float(x), float(y)))
        left = column * (side + 4) + 2
        picture[side + 8 : side + 8 + strip, left : left + side] = cv2.resize(
            part, (side, strip), interpolation=cv2.INTER_AREA
        )
    from PIL import Image

    Image.fromarray(picture).save(out, quality=80)


def long_memory(seconds: int) -> dict[str, Any]:
    """Let a portrait speak for so many seconds, and return the process's memory (MB) along the way."""
    from workers.avatar import FPS as RATE
    from workers.avatar import Asked, cut_portrait
    from workers.lips.avatar import Draft
    from workers.lips.base import Role

    said = lips.spoken("skylark")
    times = math.ceil(seconds / said.seconds)
    phonemes = tuple(
        Timed(part.text, part.start + turn * said.seconds, part.end + turn * said.seconds)
        for turn in range(times)
        for part in said.phonemes
    )
    speech = Speech(np.tile(said.samples, times), said.rate, (), phonemes)
    cut = cut_portrait(Asked(portrait("professional-woman"), 1280, 720))
    role = Role(cut.picture, cut.points, speech, Fraction(RATE), seconds * RATE, FOLDER)
    told: dict[str, Any] = {"seconds": seconds, "after": {}}
    began, count = time.perf_counter(), 0
    for count, _ in enumerate(Draft().talk(role), 1):
        if count % (20 * RATE) == 0:
            found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
            told["after"][f"{count // RATE} s"] = round(int(found[1]) / 1024) if found else 0
    told["draw_fps"] = count / (time.perf_counter() - began)
    return told


def _cpu() -> float:
    """Return the seconds that this process and its children have computed."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def table(results: list[dict[str, Any]]) -> str:
    """Return the figures as two tables of Markdown: of what speaks, and of what follows a clip."""
    lines = [
        "| face | film | eyes (px) | r at best lag | r at 0 | lag (ms) | control | closed on b, p, m "
        "| PSNR of the wall (dB) | frames a second: drawn and written, whole | CPU a frame (ms) | memory (MB) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        if not one["driven"]:
            lines.append(
                f"| {one['face']} | {one['sides']} | {one['eyes']:.0f} | {one['r']:.2f} | {one['r0']:.2f} "
                f"| {one['lag']:+.0f} | {one['control']:.2f} | {one['shut']} of {one['lips']} | {one['psnr']:.1f} "
                f"| {one['render_fps']:.0f}, {one['whole_fps']:.0f} | {one['cpu']:.0f} | {one['memory']:.0f} |"
            )
    lines += [
        "",
        "| follows a clip | r of yaw | r of pitch | r of roll | r of the mouth | blinks hit | others "
        "| PSNR of the wall (dB) | frames a second: drawn and written, whole |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        if one["driven"]:
            lines.append(
                f"| {one['face']} | {one['yaw']:.2f} | {one['pitch']:.2f} | {one['roll']:.2f} | {one['mouth']:.2f} "
                f"| {one['blinks']} | {one['others']} | {one['psnr']:.1f} "
                f"| {one['render_fps']:.0f}, {one['whole_fps']:.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    names = list(FACES)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--faces", nargs="*", choices=names, help="measure these anew; without it, all that are not yet"
    )
    parser.add_argument("--one", choices=names, help=argparse.SUPPRESS)
    parser.add_argument(
        "--memory", type=int, metavar="SECONDS", help="only watch the memory over a film of this length"
    )
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    lips.FOLDER.mkdir(parents=True, exist_ok=True)
    if asked.memory:
        (FOLDER / "memory.txt").write_text(json.dumps(long_memory(asked.memory)))
        print((FOLDER / "memory.txt").read_text())
        return
    if asked.one:
        (FOLDER / f"{asked.one}.json").write_text(json.dumps(measure(asked.one)))
        return
    publish(PAGE, table(measured("scripts.evaluate_avatar", FOLDER, names, asked.faces)))


if __name__ == "__main__":
    main()
