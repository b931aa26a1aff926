"""Finds the watermark in pictures."""

import numpy as np

from workers.media.watermark import Watermark


def likeness(picture):
    """How much the corner of a picture [H, W, 3] looks like the name: 1 when it is nothing else, about 0 without it."""
    mark = Watermark(picture.shape[1], picture.shape[0])
    corner, name = picture[mark.rows, mark.columns].mean(axis=2), mark.adds[..., 0]
    return 0.0 if corner.std() < 1 else float(np.corrcoef(corner.ravel(), name.ravel())[0, 1])


def is_marked(picture):
    return likeness(picture) > 0.5
