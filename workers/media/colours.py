"""The colours of one picture on the outlines of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

LEVELS = 8  # of each channel: colours that are nearer than this are one
SHARE = 0.002  # of the picture that a colour takes at least to be looked at for itself


def recoloured(picture: Picture, like: Picture) -> Picture:
    """Return an RGB picture [H, W, 3] in the colours that `like`, of the same size, has at the same places.

    Every colour of the picture moves by the median of what its pixels have become, so that things may stand up to half
    of their width elsewhere in `like`. A colour that is rare, as at edges, moves as the nearest one that is not.
    """
    flat = picture.reshape(-1, 3)
    moved = like.reshape(-1, 3).astype(np.int16) - flat
    bins = flat.astype(np.int32) * LEVELS // 256 @ np.array([LEVELS * LEVELS, LEVELS, 1])
    found, which, counts = np.unique(bins, return_inverse=True, return_counts=True)
    means = np.stack([flat[which == i].mean(0) for i in range(len(found))])
    common = np.flatnonzero(counts >= min(SHARE * len(flat), counts.max()))
    shifts = np.stack([np.median(moved[which == i], axis=0) for i in common])
    nearest = np.linalg.norm(means[:, None] - means[None, common], axis=-1).argmin(1)
    made = (flat + shifts[nearest][which]).clip(0, 255)
    shown: Picture = np.rint(made).astype(np.uint8).reshape(picture.shape)
    return shown
