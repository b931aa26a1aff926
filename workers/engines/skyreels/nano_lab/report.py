"""What was measured, as a table against the bars, as contact sheets, and in the model card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import captions, world
from .score import Array, Reading

BEGIN, END = "<!-- scores -->", "<!-- /scores -->"
ATTRIBUTES = ("colour", "shape", "motion", "scene")
COLUMNS = (*ATTRIBUTES, "direction", "rotate/still")
DIRECTIONS = ("left", "right", "up", "down")
# What the model is to reach; ``first``, ``last`` (decibels) and ``kept`` are figures of :attr:`Result.extra`.
BARS: dict[str, dict[str, float]] = {
    "text to video": {"colour": 0.95, "direction": 0.9, "shape": 0.85, "scene": 0.95, "rotate/still": 0.85},
    "our sampler": {"colour": 0.95, "direction": 0.9, "shape": 0.85, "scene": 0.95, "rotate/still": 0.85},
    "image to video": {"first": 28.0, "kept": 0.9},
    "image and end frame": {"last": 25.0},
    "extension, the 12 new frames": {"motion": 0.9, "colour": 0.9},
    "10 windows, the last": {"colour": 0.9},
    "a clip of four seconds": {"seconds": 20.0, "loading": 3.0, "gigabytes": 1.2},
}
AT_MOST = ("seconds", "loading", "gigabytes")
# Modes of which the shares may lie this far below those of another mode, on the prompts and the noise that both had.
WITHIN = 0.05
AGAINST = {"async": "text", "engine-async": "engine"}


def chance() -> dict[str, float]:
    """What blind guessing gives, per attribute."""
    tables = (world.COLOURS, world.SHAPES, world.MOTIONS, world.SCENES)
    return {k: 1 / len(t) for k, t in zip(ATTRIBUTES, tables, strict=True)} | {"direction": 1 / len(world.MOTIONS)}


@dataclass(slots=True)
class Result:
    """Readings of one mode beside what was asked, seconds a clip, and figures of its own (decibels, frames)."""

    mode: str
    specs: list[world.Spec] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    extra: dict[str, list[float]] = field(default_factory=dict)
    judged: tuple[str, ...] = ATTRIBUTES

    def add(self, spec: world.Spec, reading: Reading, seconds: float, **extra: float) -> None:
        """Note one clip."""
        self.specs.append(spec)
        self.readings.append(reading)
        self.seconds.append(seconds)
        for name, value in extra.items():
            self.extra.setdefault(name, []).append(value)

    def rate(self, attribute: str) -> float | None:
        """Part of the clips asked for ``attribute`` (or ``direction``, ``rotate/still``) that show it."""
        pairs = list(zip(self.specs, self.readings, strict=True))
        if attribute == "direction":
            return _mean([r.motion == s.motion for s, r in pairs if s.motion in DIRECTIONS])
        if attribute == "rotate/still":
            return _mean([r.motion == s.motion for s, r in pairs if s.motion in ("rotate", "still")])
        return _mean([r.matches(s)[attribute] for s, r in pairs])

    def all_four(self) -> float | None:
        """Part of the clips with every judged attribute as asked."""
        pairs = zip(self.specs, self.readings, strict=True)
        return _mean([all(r.matches(s)[k] for k in self.judged) for s, r in pairs])

    def confusions(self) -> list[str]:
        """The commonest errors as ``attribute: asked > read xN``."""
        counts: dict[str, int] = {}
        for s, r in zip(self.specs, self.readings, strict=True):
            for k in self.judged:
                if not r.matches(s)[k]:
                    key = f"{k}: {getattr(s, k)} > {getattr(r, k)}"
                    counts[key] = counts.get(key, 0) + 1
        return [f"{k} x{n}" for k, n in sorted(counts.items(), key=lambda kv: -kv[1])]


def _mean(values: Sequence[bool | float]) -> float | None:
    return float(np.mean(values)) if values else None


def misses(result: Result) -> list[str]:
    """The bars that were not reached, with what was."""
    out = []
    for name, bar in BARS.get(result.mode, {}).items():
        found = float(np.median(result.extra[name])) if name in result.extra else result.rate(name)
        if name == "kept":
            found = float(np.mean(result.extra[name]))
        if found is not None and (found > bar if name in AT_MOST else found < bar):
            out.append(f"{result.mode}: {name} {found:.3g} (bar {bar:g})")
    return out


def header() -> str:
    """Of the table of scores, with the chance level beside each figure's name."""
    base = chance()
    names = [f"{c} ({base[c]:.2f})" if c in base else f"{c} (0.10)" for c in COLUMNS]
    return (
        "| mode (chance) | n | "
        + " | ".join(names)
        + " | all judged | s/clip | more |\n"
        + "|---" * (len(COLUMNS) + 5)
        + "|"
    )


def row(r: Result) -> str:
    """The scores of one mode as a row of the table."""
    columns = COLUMNS if "motion" in r.judged else ("colour", "shape", "scene")
    cells = ["–" if c not in columns or (v := r.rate(c)) is None else f"{v:.3f}" for c in COLUMNS]
    more = []
    if "gigabytes" in r.extra:
        more.append(", ".join(f"{name} {value[0]:.2f}" for name, value in r.extra.items()))
    if "clean" in r.extra:
        found = r.extra["clean"]
        more.append(f"{np.mean(found):.3f} of the picture scene or object (worst {min(found):.3f})")
    shares = [name for name in r.extra if name.startswith("both ") or name == "camera"]
    if shares:
        more.append(", ".join(f"{name} {np.mean(r.extra[name]):.3f}" for name in shares))
    if "first" in r.extra:
        more.append(f"first frame {np.median(r.extra['first']):.1f} dB (worst {min(r.extra['first']):.1f})")
        more.append(f"last frame {np.median(r.extra['last']):.1f} dB (worst {min(r.extra['last']):.1f})")
        more.append(f"colour and shape at the end {np.mean(r.extra['kept']):.3f}")
    score = r.all_four()
    cells += ["–" if score is None else f"{score:.3f}", f"{np.median(r.seconds):.1f}", "; ".join(more)]
    return f"| {r.mode} | {len(r.seconds)} | " + " | ".join(cells) + " |"


class Scores:
    """Rows measured so far, a file for each mode: a table may be measured in parts, and by several processes.

    Args:
        place: of the files.
        folder: a diffusers folder; rows of other weights do not count.
        seed: of prompts and noise; rows of other seeds do not count.
    """

    def __init__(self, place: Path, folder: Path, seed: int = 1) -> None:
        self.place, self.seed = place, seed
        self.place.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        for file in sorted((*folder.rglob("*.safetensors"), *folder.rglob("config.json"))):
            digest.update(file.read_bytes())
        self.weights = digest.hexdigest()

    def put(self, name: str, result: Result) -> None:
        """Keep the row of a mode, and what every clip showed as asked."""
        kept: dict[str, Any] = {"weights": self.weights, "seed": self.seed, "mode": result.mode}
        kept |= {"row": row(result), "missed": misses(result)}
        pairs = zip(result.specs, result.readings, strict=True)
        kept["clips"] = [{"asked": captions.canonical(s)} | r.matches(s) for s, r in pairs]
        (self.place / f"{name}.json").write_text(json.dumps(kept, indent=1))

    def page(self, names: Iterable[str]) -> str:
        """The table of the modes that were measured with these weights, those of :data:`AGAINST` beside each other, and
        the bars that they missed or that nothing was measured for.
        """
        files = {name: self.place / f"{name}.json" for name in names}
        found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
        mine = (self.weights, self.seed)
        ours = {name: kept for name, kept in found.items() if (kept["weights"], kept["seed"]) == mine}
        missed = [text for kept in ours.values() for text in kept["missed"]]
        told = [header(), *(kept["row"] for kept in ours.values()), ""]
        for name, other in AGAINST.items():
            if name in ours and other in ours:
                line, below = _compare(ours[name], ours[other])
                told += [line, ""] if line else []
                missed += below
        told.append(f"Bars missed: {'; '.join(missed) or 'none'}.")
        if open_bars := [mode for mode in BARS if mode not in {kept["mode"] for kept in ours.values()}]:
            told.append(f"Bars not measured: {', '.join(open_bars)}.")
        return "\n".join(told)


def _compare(kept: dict[str, Any], other: dict[str, Any]) -> tuple[str, list[str]]:
    """Shares of two modes on the same prompts as a line, and those of the first that lie too far below."""
    same = [pair for pair in zip(kept["clips"], other["clips"], strict=False) if pair[0]["asked"] == pair[1]["asked"]]
    if not same:
        return "", []
    mode, against = kept["mode"], other["mode"]
    shares = {a: [sum(pair[side][a] for pair in same) / len(same) for side in (0, 1)] for a in ATTRIBUTES}
    listed = ", ".join(f"{a} {mine:.3f} / {theirs:.3f}" for a, (mine, theirs) in shares.items())
    alone = [sum(pair[side]["shape"] > pair[1 - side]["shape"] for pair in same) for side in (0, 1)]
    below = [
        f"{mode}: {a} {mine:.3g} against {theirs:.3g} (bar: within {WITHIN:g})"
        for a, (mine, theirs) in shares.items()
        if theirs - mine > WITHIN + 1e-9
    ]
    line = f"{mode[0].upper()}{mode[1:]} / {against}, on the same {len(same)} prompts: {listed}"
    return f"{line} (shape right in one alone: {alone[0]} / {alone[1]}).", below


def picture(frame: Array) -> Image.Image:
    """``[H, W, 3]`` in 0..1 as a picture."""
    return Image.fromarray((frame * 255).round().clip(0, 255).astype(np.uint8))


def sheet(clips: Sequence[Array], path: Path, columns: int = 2, picks: int = 5, zoom: float = 0.5) -> None:
    """Contact sheet: clips below each other in ``columns``, ``picks`` frames of each."""
    strips = []
    for clip in clips:
        at = np.linspace(0, len(clip) - 1, picks).round().astype(int)
        strip = picture(np.concatenate([clip[i] for i in at], 1))
        strips.append(strip.resize((round(strip.width * zoom), round(strip.height * zoom)), Image.Resampling.LANCZOS))
    w, h = strips[0].width + 6, strips[0].height + 3
    out = Image.new("RGB", (w * columns, h * -(-len(strips) // columns)), "white")
    for i, strip in enumerate(strips):
        out.paste(strip, ((i % columns) * w, (i // columns) * h))
    out.save(path)


def write_card(text: str, card: Path) -> None:
    """Put ``text`` between the score marks of the model card."""
    page = card.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    card.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
