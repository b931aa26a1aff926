"""What is to be seen in a film, measured on its decoded frames."""

from pathlib import Path

import av
import numpy as np

COLOURS = {
    "red": (230, 40, 40),
    "green": (40, 200, 60),
    "blue": (50, 80, 240),
    "yellow": (250, 225, 50),
    "orange": (250, 140, 30),
    "purple": (165, 60, 215),
    "white": (248, 248, 248),
    "cyan": (50, 220, 230),
}


def frames(path: Path) -> np.ndarray:
    """All frames as float [T, H, W, 3]."""
    with av.open(str(path)) as film:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]).astype(float)


def moving_colour(path: Path) -> str:
    """The name of the colour of what moves: the pixels that differ most from the film's still background."""
    clip = frames(path)
    distance = np.linalg.norm(clip - np.median(clip, axis=0), axis=-1)
    moving = clip[distance > max(60.0, float(np.percentile(distance, 97)))]
    names = list(COLOURS)
    palette = np.array([COLOURS[name] for name in names], float)
    nearest = np.linalg.norm(moving[:, None] - palette, axis=-1).argmin(axis=1)
    return names[int(np.bincount(nearest, minlength=len(names)).argmax())]
