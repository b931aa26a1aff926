"""Presenters: their portraits are there, well framed, and have a face that the lips find and can open."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workers import presenters
from workers.engines.voice import cards
from workers.lips.base import Pick
from workers.lips.draw import with_mouth
from workers.lips.landmarks import landmarker, size_of, turned
from workers.lips.shape import Frame
from workers.lips.tracking import pick_face
from workers.lips.visemes import Mouth
from workers.media.talking import check_portrait

SLUGS = [presenter.slug for presenter in presenters.PRESENTERS]
SMALL = Path(__file__).resolve().parents[2] / "static" / "presenters"
# What a film of a ratio shows of a portrait, and its size.
CUTS = {
    "wide": ((0, 420, 1920, 1500), (1280, 720)),
    "tall": ((420, 0, 1500, 1920), (720, 1280)),
    "square": ((0, 0, 1920, 1920), (1080, 1080)),
}
CHIN = 152
LIDS = ((159, 145, 33, 133), (386, 374, 263, 362))  # the upper and the lower, and the corners, of both eyes
BROWS = (105, 334)


def portrait(slug, cut):
    box, size = CUTS[cut]
    with Image.open(presenters.path(slug)) as picture:
        return np.asarray(picture.convert("RGB").crop(box).resize(size, Image.Resampling.LANCZOS))


def test_the_presenters_are_four_in_this_order():
    assert SLUGS == ["professional-woman", "business-man", "young-creator", "senior-presenter"]
    assert presenters.get("young-creator").title == "Young creator"
    with pytest.raises(KeyError):
        presenters.path("nobody")


@pytest.mark.parametrize("slug", SLUGS)
def test_a_presenter_has_pictures_and_a_voice_that_there_is(slug):
    presenter = presenters.get(slug)
    assert cards.get(presenter.voice).voice.sex == ("female" if "woman" in presenter.alt else "male")
    with Image.open(presenters.path(slug)) as picture:
        assert picture.size == (1920, 1920)
        check_portrait(*picture.size)
    with Image.open(SMALL / f"{slug}.webp") as picture:
        assert picture.size == (480, 480)
    with Image.open(SMALL / "whole" / f"{slug}.webp") as picture:
        assert picture.size == (640, 640)


def test_the_portraits_weigh_little():
    assert sum(presenters.path(slug).stat().st_size for slug in SLUGS) < 2_000_000
    assert all((SMALL / f"{slug}.webp").stat().st_size < 60_000 for slug in SLUGS)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("slug", SLUGS)
def test_one_face_is_found_surely_whatever_the_ratio(slug, cut):
    picture = portrait(slug, cut)
    face = pick_face(picture, Pick())
    assert len(landmarker().faces(picture)) == 1
    assert face.score > 0.99
    assert abs(turned(face.points)) < 12
    left, _, right, _ = face.box
    height, width = picture.shape[:2]
    assert abs((left + right) / 2 / width - 0.5) < 0.04
    eyes = face.points[[33, 263], 1].mean() / height
    assert 0.36 < eyes < 0.5  # a little above the middle
    assert size_of(face.points) > 0.11 * min(height, width)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("slug", SLUGS)
def test_mouths_are_closed_and_eyes_open_with_room_for_a_lid(slug, cut):
    points = pick_face(portrait(slug, cut), Pick()).points
    places = Frame.of(points).places
    assert places[14, 1] - places[13, 1] < 0.035
    for (upper, lower, outer, inner), brow in zip(LIDS, BROWS, strict=True):
        wide = np.linalg.norm(points[inner, :2] - points[outer, :2])
        gap = np.linalg.norm(points[lower, :2] - points[upper, :2])
        assert 0.25 < gap / wide < 0.55
        assert points[upper, 1] - points[brow, 1] > 0.4 * gap  # skin above the eye, of which a lid is made


@pytest.mark.parametrize("slug", SLUGS)
def test_their_mouths_open_and_close_where_the_lips_are(slug):
    picture = portrait(slug, "wide")
    face = pick_face(picture, Pick())
    gaps = []
    for mouth in (Mouth(closed=1.0), Mouth(open=0.45), Mouth(open=1.0)):
        seen = landmarker().again(with_mouth(picture, face.points, mouth), face.points)
        assert seen is not None
        assert seen.score > 0.95
        places = Frame.of(seen.points).places
        gaps.append(places[14, 1] - places[13, 1])
        assert abs(places[CHIN, 0]) < 0.12
    assert all(less < more for less, more in pairwise(gaps))
    assert gaps[0] < 0.03
    assert gaps[2] > 0.1
