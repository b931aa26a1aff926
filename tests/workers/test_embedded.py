"""The rows of the models that ship with the software: what they say of themselves, and what follows from it."""

import json

import pytest

from tests.second_world import CARD
from tests.workers.conftest import whole
from workers.engines.image import cards as pictures
from workers.engines.skyreels import cards
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.nano_lab import export as nano_export
from workers.engines.skyreels.request.spec import FRAMES_PER_LATENT, VideoSpec, is_frame_count
from workers.engines.skyreels.storybook_lab import export as storybook_export
from workers.engines.skyreels.storybook_lab import world
from workers.prompts.compose import SMALL_WORLDS
from workers.weights import catalog

LABS = {"nano": (nano_export, cards.TIPS_OF_NANO), "storybook": (storybook_export, cards.TIPS_OF_STORYBOOK)}
EMBEDDED = [card for card in cards.all() if card.embedded]
# With the one that is still in training.
WORLDS = EMBEDDED if CARD.id in {card.id for card in EMBEDDED} else [*EMBEDDED, CARD]


@pytest.fixture(params=LABS)
def row(request, tmp_path):
    """The row of a model whose folder its workshop has just described."""
    lab, tips = LABS[request.param]
    folder = tmp_path / request.param
    folder.mkdir()
    (folder / "world.json").write_text(json.dumps(lab.description()), encoding="utf-8")
    return cards.of_folder(folder, tips)


def test_what_its_workshop_says_is_its_row(row):
    assert row.title == f"SkyReels-V2 {row.id}" and row.builtin == row.embedded and row.tier == "embedded"
    assert row.long and row.fps == 8 and is_frame_count(row.base_num_frames) and is_frame_count(row.overlap_history)
    assert row.overlap_history < row.base_num_frames and (row.steps, row.asynchronous_block) == (16, 1)
    assert set(row.ratios) == {"16:9", "9:16", "1:1"} and row.limits.endswith(".")
    assert row.folder() is None, "without its weights it is not on this machine"


def test_its_examples_tips_and_stills_are_in_its_words(row):
    told = [*row.examples, *row.world["stills"]["examples"], *(str(tip.values["words"]) for tip in row.tips)]
    assert len(row.examples) == 6 and row.world["stills"]["limits"]
    assert {word for text in told for word in row.unknown_words(text)} == set()
    assert row.looks == ("realistic",)


def test_its_prompts_are_written_in_its_sentences(row):
    assert row.id in SMALL_WORLDS
    assert row.unknown_words(SMALL_WORLDS[row.id]("a zeppelin", 1, False).prompt) == []


def test_the_storybook_has_sides_of_whole_patches_of_its_transformer():
    sizes = storybook_export.description()["sizes"]
    assert {ratio: tuple(size) for ratio, size in sizes.items()} == world.SIZES
    assert all(side % 32 == 0 for size in sizes.values() for side in size), "four cells of eight pixels"
    assert (world.WINDOW - 1) % FRAMES_PER_LATENT == 0


@pytest.mark.parametrize("card", WORLDS, ids=lambda card: card.id)
def test_a_folder_says_what_its_workshop_would_say(card):
    assert card.world == LABS[card.id][0].description()
    assert card.folder() == card.embedded and card.disk_gb <= 0.04


def test_the_default_is_the_first_of_its_kind():
    assert EMBEDDED[0].id == cards.DEFAULT_ID == catalog.chosen("video")
    assert catalog.chosen("image") == f"{cards.DEFAULT_ID}-image"


@pytest.mark.parametrize("card", WORLDS, ids=lambda card: card.id)
def test_an_embedded_model_makes_pictures_as_well(card, monkeypatch):
    monkeypatch.setitem(catalog._cards, card.id, card)
    still = pictures.frame_of(card)
    assert still.folder() == card.folder() and still.tier == "embedded" and still.ratios[0] == "1:1"
    assert still.sizes.items() >= card.sizes.items() and still.limits == card.world["stills"]["limits"]
    assert [still.steps(quality) for quality in (30, 70, 100)] == [10, 18, 24]
    assert all(still.unknown_words(text) == [] for text in still.examples)


@pytest.mark.parametrize("card", WORLDS, ids=lambda card: card.id)
def test_an_embedded_model_makes_films_of_all_its_sizes(card, monkeypatch):
    monkeypatch.setitem(catalog._cards, card.id, card)
    engine = SkyReelsEngine(card.id)
    for ratio, (width, height) in card.sizes.items():
        asked = VideoSpec.for_model(card.id, card.examples[0], ratio=ratio, num_frames=9, steps=1, guidance_scale=1)
        assert whole(engine.stream(asked)).shape == (9, height, width, 3)
