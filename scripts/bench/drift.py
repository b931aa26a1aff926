"""Colour drift: what a film of ten windows loses, in both overlap modes, with and without noise on the history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.bench.chart import line_chart
from scripts.bench.report import Section

WINDOWS, SEEDS, LEVELS = 10, 4, 255
STILLS = (("red", "circle", "sky"), ("yellow", "star", "night"), ("blue", "square", "grey"), ("white", "heart", "sea"))
MARGIN = 0.5  # an object's pixel is nearer to its colour than to the scene by this factor
MODES = tuple((overlap, noise) for overlap in ("latent", "reencode") for noise in (0, 20))

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Drift:
    """How one window differs from the first: colour of background and object (distance of the means, in levels of
    255), fidelity (decibels of PSNR against the first window's last frame) and saturation (ratio of the means)."""

    background: float
    thing: float
    psnr: float
    saturation: float


def masks(frame: Array, colour: Array, scene: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where object and background are in a frame [H, W, 3]; what lies between, such as an edge, is in neither.

    `colour` [3] and `scene` [H, W, 3] are what was asked for, all in 0..255.
    """
    near, far = np.linalg.norm(frame - colour, axis=-1), np.linalg.norm(frame - scene, axis=-1)
    return near < MARGIN * far, far < MARGIN * near


def drifts(windows: Sequence[Array], colour: Array, scene: Array) -> list[Drift]:
    """Compare each window [T, H, W, 3] of a film of a still scene with the first one, which comes out as no drift.

    Where the first window does not show the object or the background that was asked for, that figure is NaN.
    """
    films = [window.astype(np.float64) for window in windows]
    reference = films[0][-1]
    places = masks(reference, colour, scene)
    first = [_colour(films[0], place) for place in places]
    found = []
    for film in films:
        moved = [float(np.linalg.norm(_colour(film, place) - was)) for place, was in zip(places, first, strict=True)]
        error = float(np.mean((film - reference) ** 2))
        fidelity = 10 * np.log10(LEVELS**2 / max(error, 1e-2))
        found.append(Drift(moved[1], moved[0], float(fidelity), _saturation(film) / max(_saturation(films[0]), 1e-6)))
    return found


def _colour(film: Array, place: NDArray[np.bool_]) -> Array:
    return np.asarray(film[:, place].mean((0, 1)) if place.any() else np.full(3, np.nan))


def _saturation(film: Array) -> float:
    """The mean of (largest - smallest channel) / largest channel."""
    high, low = film.max(-1), film.min(-1)
    return float(np.mean((high - low) / np.maximum(high, 1.0)))


def measure(overlap: str, noise: int, seeds: int, steps: int) -> Iterator[list[Drift]]:
    """Make films of a still scene on the nano model and yield the drift of each window."""
    from workers.engines.skyreels.engine import SkyReelsEngine
    from workers.engines.skyreels.nano_lab import captions, paint, world
    from workers.engines.skyreels.request.spec import VideoSpec, frames_of, latents_of

    engine = SkyReelsEngine("nano")
    for seed in range(seeds):
        colour, shape, scene = STILLS[seed % len(STILLS)]
        prompt = captions.canonical(world.Spec(colour, shape, "still", scene))
        one = VideoSpec.for_model("nano", prompt, ratio="1:1")
        added = latents_of(one.base_num_frames) - latents_of(one.overlap_history)
        frames = frames_of(latents_of(one.base_num_frames) + (WINDOWS - 1) * added)
        values = {"overlap": overlap, "addnoise_condition": noise, "seed": seed, "steps": steps or one.steps}
        spec = VideoSpec.for_model("nano", prompt, ratio="1:1", num_frames=frames, **values)
        empty = ((paint.background(scene, (spec.width, spec.height)) + 1) / 2 * LEVELS).permute(1, 2, 0).numpy()
        asked = np.array(world.COLOURS[colour], np.float64)
        yield drifts([window.frames for window in engine.stream(spec)], asked, empty)


def summary(films: Sequence[Sequence[Drift]]) -> Array:
    """The mean over films, [windows, 4]: background, object, PSNR, saturation; NaN where no film shows it."""
    values = np.array([[(d.background, d.thing, d.psnr, d.saturation) for d in film] for film in films])
    known = ~np.isnan(values)
    count = known.sum(0)
    return np.where(count > 0, np.where(known, values, 0).sum(0) / np.maximum(count, 1), np.nan)


def run(quick: bool) -> Section:
    """Measure all modes."""
    seeds, steps = (1, 4) if quick else (SEEDS, 0)
    found = {mode: summary(list(measure(*mode, seeds, steps))) for mode in MODES}
    last = WINDOWS - 1
    rows = [
        {
            "overlap": overlap,
            "noise on the history": str(noise),
            "background, windows 2 / 5 / 10": _levels(values[[1, 4, last], 0]),
            "object, windows 2 / 5 / 10": _levels(values[[1, 4, last], 1]),
            "PSNR, windows 2 / 5 / 10": " / ".join(f"{value:.1f} dB" for value in values[[1, 4, last], 2]),
            "saturation, window 10": f"{values[last, 3]:.2f}×",
        }
        for (overlap, noise), values in found.items()
    ]
    calm = min(found, key=lambda mode: float(np.nan_to_num(found[mode][last, 0], nan=np.inf)))
    note = (
        f"nano at 128×128, {WINDOWS} windows of a still scene, mean of {seeds} seeds. Colours: distance of the mean "
        "from that of the first window, in levels of 255; PSNR against the first window's last frame. In this run the "
        f"background moved least with overlap **{calm[0]}** and noise {calm[1]}."
    )
    curves = {
        f"{overlap}, noise {noise}": [(i + 1.0, float(np.nan_to_num(value))) for i, value in enumerate(values[:, 0])]
        for (overlap, noise), values in found.items()
    }
    chart = line_chart("Colour drift of the background", "window", "levels of 255", curves, whole=True)
    return Section("Colour drift", rows, note, {"bench-drift.svg": chart})


def _levels(values: Array) -> str:
    return " / ".join("–" if np.isnan(value) else f"{value:.1f}" for value in values)
