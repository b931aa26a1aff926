"""Measure the draft engine of lip sync on rendered faces and a filmed one, by a path of its own, into docs/lips.md.

Each clip is rendered, synced and measured in a process of its own; figures and films stay in var/lips/, so that a run
can be continued: `--clips cut two` measures these anew. What is measured comes from the film that was written: its
lips are found again, and compared with the sound as pocketsphinx aligns it with the text.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.faces import PEOPLE, Clip, Pose, Scene
from scripts.measuring import ROOT, measured, publish
from workers.lips.base import Pick
from workers.voice.base import Speech, Timed

FOLDER = ROOT / "var" / "lips"
PAGE, SHEETS = ROOT / "docs" / "lips.md", ROOT / "docs"
TEXT = (
    "Hello, and welcome aboard. Before I show you the map, I would like you to meet my team. "
    "Big brown bears move above the river. Oh wow, that was amazing!"
)
VOICE, WIDTH, HEIGHT, FPS = "drew", 1280, 720, Fraction(25)
SECONDS = 10.1  # of the clips, a little more than the text takes
LONGEST_LAG = 0.04  # seconds
SHIFTS = (2.0, 2.6, 3.3)  # seconds by which the controls are out of step
# How far the mouth is open for a phoneme, by the height of vowels and the place of consonants as textbooks have them,
# a diphthong from its first vowel to its second; nothing of the engine's own is used here.
OPEN = {
    **dict.fromkeys(("AA", "AE"), (1.0, 1.0)),
    **dict.fromkeys(("AO", "EH"), (0.75, 0.75)),
    "AH": (0.6, 0.6),  # also where it is unstressed
    **dict.fromkeys(("AW", "AY"), (1.0, 0.4)),
    "OY": (0.75, 0.4),
    "OW": (0.6, 0.35),
    "EY": (0.6, 0.4),
    **dict.fromkeys(("ER", "IH", "UH"), (0.45, 0.45)),
    **dict.fromkeys(("IY", "UW"), (0.3, 0.3)),
    **dict.fromkeys(("B", "P", "M"), (0.0, 0.0)),
    **dict.fromkeys(("F", "V", "S", "Z", "SH", "ZH", "CH", "JH", "W"), (0.15, 0.15)),
}
CONSONANT = (0.25, 0.25)
BLUR = 0.1  # seconds
QUIET = 0.03  # of what is loud
# "Tears of Steel", see the README.md beside it. In one shot of it a man speaks; towards its end, something that stands
# before him covers his mouth.
FILMED, FILMED_FRAMES = ROOT / "tests" / "data" / "clips" / "tears-of-steel.mp4", 240
SHOT, MOUTH = range(65, 185), range(65, 161)  # frames with the man, and those in which his mouth is in view


def front(name: str, **pose: float) -> Scene:
    """Return a scene with one person in the middle."""
    return Scene((PEOPLE[name],), (replace(Pose(WIDTH / 2, 340, 300), **pose),), SECONDS)


@dataclass(frozen=True, slots=True)
class Filmed:
    """Frames of the filmed clip in an `order` of their own, at FPS, as `workers.lips.base.Clip`."""

    order: tuple[int, ...]
    width: int = 640
    height: int = 360
    fps: Fraction = FPS

    @property
    def frames(self) -> int:
        return len(self.order)

    def read(self, first: int = 0) -> Iterator[NDArray[np.uint8]]:
        from workers.clips import FileClip

        pictures = list(FileClip(FILMED, self.width, self.height, Fraction(24), FILMED_FRAMES).read())
        for place in self.order[first:]:
            yield pictures[place]

    def shows(self, frames: range, at: int) -> bool:
        """Return whether what is seen at a place is one of these frames of the clip; the last one stands."""
        return self.order[min(at, self.frames - 1)] in frames


def clips() -> dict[str, tuple[Clip | Filmed, Pick | None]]:
    """Return the clips that are measured, and the face that speaks in them."""
    two = Scene((PEOPLE["mara"], PEOPLE["jonas"]), (Pose(380, 330, 250), Pose(900, 340, 240)), SECONDS)
    far = Scene((PEOPLE["ada"],), (Pose(520, 400, 84),), SECONDS)
    nobody = Scene((), (), 1.2, wall=(96, 120, 92))
    cut = (
        replace(front("mara"), seconds=3.4),
        nobody,
        replace(front("mara", x=760.0, y=380.0, width=220.0, yaw=-18.0), seconds=5.5, wall=(170, 140, 120)),
    )
    there, back = MOUTH, MOUTH[::-1]
    return {
        "front": (Clip((front("mara"),), WIDTH, HEIGHT), None),
        "beard": (Clip((front("jonas"),), WIDTH, HEIGHT), None),
        "glasses": (Clip((front("ada"),), WIDTH, HEIGHT), None),
        "turned": (Clip((front("mara", yaw=30.0),), WIDTH, HEIGHT), None),
        "two": (Clip((two,), WIDTH, HEIGHT), Pick(0, point=(900.0, 340.0))),
        "small": (Clip((far,), WIDTH, HEIGHT), None),
        "cut": (Clip(cut, WIDTH, HEIGHT), None),
        "filmed": (Filmed(tuple(range(FILMED_FRAMES))), Pick(72, point=(498.0, 110.0))),
        "to-and-fro": (
            Filmed((*range(55, 65), *there, *back, *there, *range(185, 240))),
            Pick(17, point=(498.0, 110.0)),
        ),
    }


def spoken(slug: str) -> Speech:
    """Return the text as a voice says it; it is said once."""
    file = FOLDER / f"{slug}.npz"
    if not file.exists():
        from workers.engines import voice

        made = voice.say(TEXT, slug)
        told = json.dumps([[part.text, part.start, part.end] for part in made.phonemes])
        np.savez(file, samples=made.samples, rate=made.rate, phonemes=told)
    with np.load(file) as saved:
        phonemes = tuple(Timed(*part) for part in json.loads(str(saved["phonemes"])))
        return Speech(saved["samples"], int(saved["rate"]), (), phonemes)


def measure(name: str) -> dict[str, Any]:
    """Render, sync and measure one clip in this process."""
    from workers.clips import FileClip
    from workers.lips.landmarks import size_of
    from workers.lipsync import Asked, engine, sync_film
    from workers.media import film

    clip, pick = clips()[name]
    folder = FOLDER / name
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    source, out = folder / "source.mp4", folder / "synced.mp4"
    if not source.exists():
        partial = source.with_suffix(".part")
        film.write(partial, clip.read(), clip.width, clip.height, FPS)
        partial.replace(source)
    speech = spoken(VOICE)
    marks: dict[str, float] = {}
    began, used = time.perf_counter(), _cpu()
    sync_film(
        Asked(source, pick), speech, work, out, engine=engine(),
        on_progress=lambda told: marks.setdefault(told.stage, time.perf_counter() - began) and None,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - began, _cpu() - used
    frames = max(clip.frames, int(np.ceil(speech.seconds * FPS)))
    there = FileClip(out, clip.width, clip.height, FPS, frames)
    before = FileClip(source, clip.width, clip.height, FPS, frames)
    mouth = shot = [True] * frames
    if isinstance(clip, Filmed):
        mouth, shot = ([clip.shows(which, at) for at in range(frames)] for which in (MOUTH, SHOT))
    track = seen_again(there, pick, mouth)
    gaps = np.array([_gap(track.at(at)) for at in range(frames)])
    phones = aligned(speech.samples, speech.rate, TEXT)
    found = compared(gaps, phones, silent(speech.samples, speech.rate, frames))
    covered = [there and not seen for there, seen in zip(shot, mouth, strict=True)]
    noise, changed = apart(before, there, track, covered)
    sheet(there, track, phones, SHEETS / f"lips-{name}.webp")
    return {
        "clip": name,
        "eyes": float(np.median([size_of(points) for at in range(frames) if (points := track.at(at)) is not None])),
        "frames": frames,
        "seen": track.seen,
        **found,
        "psnr": noise,
        "untouched": changed,
        "render_fps": frames / (wall - marks["syncing"]),
        "whole_fps": frames / wall,
        "cpu": 1000 * cpu / frames,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def seen_again(clip: Any, pick: Pick | None, mouth: list[bool]) -> Any:
    """Find the face in a film frame by frame, each landmark as it is seen: nothing is smoothed.

    It is looked for only in the frames of `mouth`.
    """
    from workers.lips.base import POINTS, LipsError, Track
    from workers.lips.landmarks import landmarker, shared
    from workers.lips.tracking import pick_face

    finder, last = landmarker(), None
    found = np.full((clip.frames, POINTS, 3), np.nan, np.float32)
    for at, frame in enumerate(clip.read()):
        if not mouth[at]:
            last = None
            continue
        face = finder.again(frame, last.points) if last else None
        if face is None or shared(face.box, last.box) < 0.5:
            try:
                face = pick_face(frame, pick or Pick(index=0))
            except LipsError:
                face = None
        last = face
        if face is not None:
            found[at] = face.points
    return Track(found, np.ones(clip.frames, np.float32))


def _cpu() -> float:
    """Return the seconds that this process and its children have computed."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _gap(points: NDArray[np.float32] | None) -> float:
    """Return the gap between the inner lips in distances between the eyes' outer corners; NaN for no face."""
    if points is None:
        return float("nan")
    size = np.linalg.norm(points[263] - points[33])
    pairs = ((13, 14), (82, 87), (312, 317))
    return float(np.mean([np.linalg.norm(points[a, :2] - points[b, :2]) for a, b in pairs]) / size)


def aligned(samples: NDArray[np.float32], rate: int, text: str) -> list[tuple[str, float, float]]:
    """Return the phonemes of a text, as CMU names them, with their places in seconds, by forced alignment."""
    from pocketsphinx import Decoder

    from scripts.evaluate_speech import HEARD_RATE, plain_words, resampled

    decoder = Decoder(samprate=HEARD_RATE, lm=None, loglevel="FATAL")
    decoder.set_align_text(" ".join(plain_words(text)))
    for begin in (lambda: None, decoder.set_alignment):
        begin()
        decoder.start_utt()
        decoder.process_raw(resampled(samples, rate), full_utt=True)
        decoder.end_utt()
    return [
        (phone.name, phone.start / 100, (phone.start + phone.duration) / 100)
        for word in decoder.get_alignment()
        for phone in word
    ]


def expected(phones: list[tuple[str, float, float]], frames: int) -> NDArray[np.float64]:
    """Return how far the mouth is open in each frame, by a table of phonemes that is blurred; b, p and m stay shut."""
    fine = 20
    rate = float(FPS) * fine
    curve, shut = np.zeros(frames * fine), np.ones(frames * fine)
    for name, start, end in phones:
        if not re.fullmatch("[A-Z]+", name) or name == "SIL":
            continue
        begin, stop = round(start * rate), round(end * rate)
        values = OPEN.get(name, CONSONANT)
        curve[begin:stop] = np.interp(np.linspace(0, 1, stop - begin), (0.3, 0.7), values)
        if values == (0.0, 0.0):
            shut[begin:stop] = 0
    window, edge = np.hanning(round(BLUR * rate) + 2), np.hanning(round(0.04 * rate) + 2)
    blurred = np.convolve(curve, window / window.sum(), "same") * np.convolve(shut, edge / edge.sum(), "same")
    return blurred.reshape(frames, fine).mean(1)


def silent(samples: NDArray[np.float32], rate: int, frames: int) -> NDArray[np.bool_]:
    """Return in which frames nothing is heard: an aligner stretches words into the pauses after them."""
    hop = rate / float(FPS)
    sound = np.pad(np.square(samples, dtype=np.float64), (0, max(0, int((frames + 1) * hop) - len(samples))))
    loud = np.array([np.sqrt(sound[int(at * hop) : int((at + 1) * hop)].mean()) for at in range(frames)])
    return loud < QUIET * np.percentile(loud, 95)


def compared(
    gaps: NDArray[np.float64], phones: list[tuple[str, float, float]], quiet: NDArray[np.bool_]
) -> dict[str, Any]:
    """Compare the lips of a film with its sound."""
    frames = len(gaps)
    curve = np.where(quiet, 0.0, expected(phones, frames))
    spoken = round(phones[-1][2] * FPS)
    usable = np.isfinite(gaps) & (np.arange(frames) < spoken)

    def along(lag: int) -> float:
        at = np.flatnonzero(usable)
        other = at - lag
        fits = (other >= 0) & (other < frames)
        return float(np.corrcoef(gaps[at[fits]], curve[other[fits]])[0, 1])

    most = int(LONGEST_LAG * FPS)
    lags = {lag: along(lag) for lag in range(-most, most + 1)}
    best = max(lags, key=lambda lag: lags[lag])
    # Out of step: the sound goes round, so that every frame has a partner.
    controls = []
    for shift in SHIFTS:
        rolled = np.roll(curve[:spoken], round(shift * FPS))
        inside = usable[:spoken]
        controls.append(float(np.corrcoef(gaps[:spoken][inside], rolled[inside])[0, 1]))
    open_gap = float(np.nanpercentile(gaps[:spoken], 90))
    shut, lips = 0, 0
    for name, start, end in phones:
        near = range(int(start * FPS), int(np.ceil(end * FPS)) + 1)
        values = [gaps[at] for at in near if at < frames and np.isfinite(gaps[at])]
        if name in ("B", "P", "M") and values:
            lips += 1
            shut += min(values) < 0.25 * open_gap
    return {
        "r": lags[best],
        "r0": lags[0],
        "lag": best * 1000 / float(FPS),
        "control": max(abs(value) for value in controls),
        "shut": int(shut),
        "lips": lips,
        "gap_open": open_gap,
    }


def apart(before: Any, after: Any, track: Any, covered: list[bool]) -> tuple[float, float]:
    """Return the PSNR outside of the mouth's surroundings over all frames, and that of frames without a face.

    Frames with the person whose mouth is `covered` are in neither.
    """
    errors, counts, empty = 0.0, 0, []
    for at, (old, new) in enumerate(zip(before.read(), after.read(), strict=True)):
        difference = np.square(old.astype(np.float32) - new.astype(np.float32)).mean(-1)
        points = track.at(at)
        if covered[at]:
            continue
        if points is None:
            empty.append(float(difference.mean()))
            continue
        places = points[:468, :2]
        size = np.linalg.norm(points[263] - points[33])
        low = places[[61, 291, 152, 2, 172, 397]].min(0) - 0.15 * size
        high = places[[61, 291, 152, 2, 172, 397]].max(0) + 0.30 * size
        left, top = np.maximum(low, 0).astype(int)
        right, bottom = np.maximum(high, 0).astype(int)
        difference[top:bottom, left:right] = np.nan
        errors += float(np.nansum(difference))
        counts += int(np.isfinite(difference).sum())
    level = [10 * np.log10(255**2 / max(value, 1e-9)) for value in (errors / max(counts, 1), np.mean(empty or [0.0]))]
    return float(level[0]), float(level[1]) if empty else float("nan")


def sheet(clip: Any, track: Any, phones: list[tuple[str, float, float]], out: Path) -> None:
    """Save mouths as they stand in the middle of m, b, p, open and round vowels, f and s, six of each."""
    rows = {
        "m b p": ("M", "B", "P"), "a": ("AA", "AE", "AY", "AH", "AW"), "o u w": ("OW", "UW", "W"),
        "i e": ("IY", "EH", "EY"), "f v": ("F", "V"), "s z": ("S", "Z"),
    }  # fmt: skip
    wanted: dict[int, list[tuple[int, int]]] = {}
    for row, names in enumerate(rows.values()):
        inside = [(start + end) / 2 for name, start, end in phones if name in names]
        places = [int(at * FPS) for at in inside]
        places = [at for at in places if track.at(at) is not None][:8]
        for column, at in enumerate(places):
            wanted.setdefault(at, []).append((row, column))
    side = 150
    picture = np.full((len(rows) * side, 8 * side + 56, 3), 24, np.uint8)
    for row, label in enumerate(rows):
        cv2.putText(picture, label, (4, row * side + side // 2), 0, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
    for at, frame in enumerate(clip.read()):
        for row, column in wanted.get(at, ()):
            points = track.at(at)
            x, y = (points[78, :2] + points[308, :2]) / 2
            half = 0.62 * float(np.linalg.norm(points[263] - points[33]))
            square = cv2.getRectSubPix(frame, (round(2 * half),) * 2, (float(x), float(y)))
            small = cv2.resize(
                square, (side - 4, side - 4), interpolation=cv2.INTER_AREA if half > 75 else cv2.INTER_CUBIC
            )
            top, left = row * side + 2, 56 + column * side + 2
            picture[top : top + side - 4, left : left + side - 4] = small
    from PIL import Image

    Image.fromarray(picture).save(out, quality=80)


def long_memory(seconds: int) -> dict[str, Any]:
    """Sync a clip of so many seconds of a still picture, and return the process's memory (MB) along the way."""
    from workers.base import Progress
    from workers.lips.base import Track
    from workers.lips.draft import Draft
    from workers.lips.tracking import follow

    scene = replace(front("mara"), moves=0.0, speaks=0.0)
    (picture,) = itertools.islice(Clip((scene,), WIDTH, HEIGHT).read(), 1)
    said = spoken("skylark")
    times = int(np.ceil(seconds / said.seconds))
    phonemes = tuple(
        Timed(part.text, part.start + turn * said.seconds, part.end + turn * said.seconds)
        for turn in range(times)
        for part in said.phonemes
    )
    speech = Speech(np.tile(said.samples, times), said.rate, (), phonemes)

    class Still:
        width, height, fps, frames = WIDTH, HEIGHT, FPS, int(seconds * FPS)

        def read(self, first: int = 0) -> Any:
            return (picture.copy() for _ in range(first, self.frames))

    told: dict[str, Any] = {"seconds": seconds, "after": {}}

    def note(stage: str, at: int) -> None:
        if at % int(20 * FPS) == 0:
            status = Path("/proc/self/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", status)
            told["after"][f"{stage} {at // int(FPS)} s"] = round(int(found[1]) / 1024) if found else 0

    def progress(progress: Progress) -> None:
        note("track", progress.step)

    track: Track = follow(Still(), on_progress=progress)
    began, count = time.perf_counter(), 0
    for count, _ in enumerate(Draft().sync(Still(), speech, track), 1):
        note("draw", count)
    told["draw_fps"] = count / (time.perf_counter() - began)
    return told


def table(results: list[dict[str, Any]]) -> str:
    """Return the figures as a table of Markdown."""
    lines = [
        "| clip | eyes (px) | frames with the face | r at best lag | r at 0 | lag (ms) | control | closed on b, p, m "
        "| PSNR outside (dB) | PSNR without a face (dB) | frames a second: drawn and written, whole "
        "| CPU a frame (ms) | memory (MB) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        empty = "-" if np.isnan(one["untouched"]) else f"{one['untouched']:.1f}"
        lines.append(
            f"| {one['clip']} | {one['eyes']:.0f} | {one['seen']} of {one['frames']} | {one['r']:.2f} "
            f"| {one['r0']:.2f} | {one['lag']:+.0f} | {one['control']:.2f} | {one['shut']} of {one['lips']} "
            f"| {one['psnr']:.1f} | {empty} | {one['render_fps']:.0f}, {one['whole_fps']:.0f} "
            f"| {one['cpu']:.0f} | {one['memory']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    names = list(clips())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--clips", nargs="*", choices=names, help="measure these anew; without it, all that are not yet"
    )
    parser.add_argument("--one", choices=names, help=argparse.SUPPRESS)
    parser.add_argument(
        "--memory", type=int, metavar="SECONDS", help="only watch the memory over a clip of this length"
    )
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if asked.memory:
        (FOLDER / "memory.txt").write_text(json.dumps(long_memory(asked.memory)))
        print((FOLDER / "memory.txt").read_text())
        return
    if asked.one:
        (FOLDER / f"{asked.one}.json").write_text(json.dumps(measure(asked.one)))
        return
    publish(PAGE, table(measured("scripts.evaluate_lips", FOLDER, names, asked.clips)))


if __name__ == "__main__":
    main()
