"""A rough prompt becomes a fuller one at once; what the user said is kept."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.engines.skyreels.nano_lab import captions
from workers.engines.skyreels.nano_lab.world import sample_spec
from workers.prompts import nano, nano_words, storybook, storybook_words
from workers.prompts.changes import changes
from workers.prompts.compose import compose
from workers.prompts.shot import PromptError

ROUGH = (
    "a swan glides over a lake", "An old man walks his dog. He is smiling!", "neon city at night, rain falling",
    "a chef cooks in a modern kitchen", "anime girl dancing", "sailboat", "a whale swims under water",
    "Everything is quiet",
)  # fmt: skip


def words(text):
    return re.findall(r"[\w']+", text.lower())


def test_shot_detail_light_and_camera_are_added():
    told = compose("a swan glides over a lake", 1)
    assert told.prompt == (
        "A full shot from a low angle. A swan glides over a lake. It has fine, lifelike detail and natural movements. "
        "The lighting is soft and natural. The camera follows at a steady distance."
    )
    assert (told.shot.shot_type, told.shot.shot_angle, told.shot.lighting) == (
        "full_shot",
        "low_angle",
        "soft and natural",
    )
    assert told.engine == "shot-grammar" and not told.notes


@pytest.mark.parametrize("prompt", ROUGH)
def test_the_same_seed_gives_the_same_words_and_no_word_goes(prompt):
    for seed in range(30):
        told = compose(prompt, seed)
        assert told == compose(prompt, seed)
        assert " ".join(words(prompt)) in " ".join(words(told.prompt))
    assert len({compose(prompt, seed).prompt for seed in range(30)}) > 2


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(prompt=st.text(min_size=1, max_size=200).filter(str.strip), seed=st.integers(0, 2**31 - 1))
def test_whatever_is_typed_is_kept(prompt, seed):
    told = compose(prompt, seed)
    assert words(prompt) == [] or " ".join(words(" ".join(prompt.split()))) in " ".join(words(told.prompt))


def test_what_is_said_already_is_not_said_twice():
    text = "Close-up of a swan at night, low angle, the camera circles it"
    told = compose(text, 1)
    assert told.prompt == f"{text}."
    assert told.notes == ("Your prompt says everything already, so nothing was added.",)


@pytest.mark.parametrize(
    ("prompt", "never"),
    [
        ("a swan at night", "lighting"),
        ("a swan in the light of candles", "lighting"),
        ("a horse at sunrise", "lighting"),
        ("a planet in space", "lighting"),
        ("a black and white drawing of a cat", "lighting"),
        ("a cat, static shot", "camera"),
        ("a cat, zooming in", "camera"),
        ("a drone flies over a city, drone view", "camera"),
        ("portrait of a woman", " shot"),
        ("a dog seen from above", "angle"),
        ("a house in aerial view", "eye level"),
    ],
)
def test_nothing_contradicts_what_is_said(prompt, never):
    for seed in range(40):
        told = compose(prompt, seed).prompt.lower()
        assert never not in told[: told.index(prompt)] + told[told.index(prompt) + len(prompt) :]


def test_a_film_from_a_picture_has_only_a_motion_added():
    assert compose("a swan glides", 3, target="i2v").prompt == "A swan glides. The camera slowly moves closer."


def test_a_prompt_that_is_json_is_written_out():
    told = compose('{"subjects": [{"TYPES": {"sub_type": "Woman"}, "action": "walks"}], "shot_type": "close_up"}', 1)
    assert told.prompt.startswith("A close-up. A woman walks.")
    assert "JSON" in told.notes[0]


@pytest.mark.parametrize("prompt", ["un gato duerme en la silla bajo la luna", "一只猫在月光下行走"])
def test_another_language_is_kept_as_it_is(prompt):
    told = compose(prompt, 1)
    assert told.prompt == prompt and "kept as it is" in told.notes[0]
    assert [span.kind for span in told.changes] == ["kept"]


@pytest.mark.parametrize(
    ("prompt", "field", "words"),
    [
        ("", "prompt", "Write what should be seen."),
        (" \n\t", "prompt", "Write what should be seen."),
        ("x" * 10_000, "prompt", "at most 2,000 characters; this one has 10,000"),
        ('{"shot_type": "huge"}', "prompt.shot_type", "one of long_shot"),
        ("{}", "prompt", "Nothing of this shot can be said"),
    ],
)
def test_what_cannot_be_used_names_its_field(prompt, field, words):
    with pytest.raises(PromptError) as caught:
        compose(prompt, 1)
    assert words in caught.value.errors[field]


def test_a_prompt_grows_no_longer_than_can_be_sent():
    prompt = ("a swan glides over a quiet lake, " * 61)[:1995].strip(" ,")
    told = compose(prompt, 1)
    assert told.prompt == prompt and "as long as can be" in told.notes[0]


def test_braces_do_nothing_but_get_a_note():
    told = compose("A {animal.__class__} in {0} {place}", 1)
    assert "A {animal.__class__} in {0} {place}." in told.prompt
    assert "look like blanks" in told.notes[0]


def test_changes_lead_from_one_text_to_the_other():
    spans = changes("a swan glides", "A full shot. A white swan glides.")
    assert [(span.kind, span.text) for span in spans] == [
        ("kept", "A "),
        ("added", "full shot. A white "),
        ("kept", "swan glides."),
    ]
    spans = changes("a red swan", "A blue swan.")
    assert [(span.kind, span.text.strip()) for span in spans] == [
        ("kept", "A"), ("removed", "red"), ("added", "blue"), ("kept", "swan."),
    ]  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(before=st.text(alphabet="ab. \nA", max_size=40), after=st.text(alphabet="ab. \nA", max_size=40))
def test_the_spans_make_the_new_text(before, after):
    spans = changes(before, after)
    assert "".join(span.text for span in spans if span.kind != "removed") == after.lstrip()


def test_nano_is_written_for_in_its_own_sentences():
    draw = random.Random(0)
    for turn in range(600):
        spec = captions.sample_rich(draw) if turn % 2 else sample_spec(draw)
        if spec.legal:
            text = " ".join(piece for piece, _ in captions.pieces(spec, draw)).replace(" ,", ",")
            told = compose(text, turn, model="nano")
            assert told.prompt == captions.canonical(spec), text
            assert not told.notes


@pytest.mark.parametrize(
    ("model", "idea", "whole", "vocabulary"),
    [
        ("nano", "a ball", r"an? \w+ circle [\w ]+", nano_words.vocabulary()),
        ("storybook", "a puppy", r"an? \w+ dog [\w ]+", storybook_words.vocabulary()),
        ("storybook", "a lady in red", r"a woman in a red dress [\w ]+", storybook_words.vocabulary()),
    ],
)
def test_what_a_small_world_leaves_open_is_drawn_and_every_word_of_it_is_known(model, idea, whole, vocabulary):
    for seed in range(50):
        told = compose(idea, seed, model=model).prompt
        assert re.fullmatch(whole, told)
        assert set(re.findall(r"[\w']+", told.lower())) <= set(vocabulary)
    assert len({compose(idea, seed, model=model).prompt for seed in range(50)}) > 20


def test_words_that_a_small_world_does_not_have_are_named():
    told = compose("a golden retriever runs on the beach", 1, model="nano")
    assert "nano does not know “retriever”, “runs”." in told.notes[0]
    assert "yellow" in told.prompt and "over the sea" in told.prompt
    assert "nano does not know “gato”." in compose("gato", 1, model="nano").notes[0]
    told = compose("a white retriever runs on the beach", 1, model="storybook")
    assert "The storybook model does not draw “retriever”." in told.notes[0]
    assert "a white dog walks" in told.prompt and "at the beach" in told.prompt
    assert "The storybook model does not draw “gato”." in compose("gato", 1, model="storybook").notes[0]


@pytest.mark.parametrize(
    ("model", "whole", "open_ended", "added"),
    [
        ("nano", "a red ball moves left", "a red ball", "(moves left|moves right|bounces)"),
        ("storybook", "a girl waves", "a white dog", "(walks to the (left|right)|stands|jumps|sits)"),
        ("storybook", "walking to the left", "at night", "someone [a-z ]+"),
    ],
)
def test_a_small_world_is_told_no_scene_where_a_picture_shows_one(model, whole, open_ended, added):
    assert compose(whole, 1, target="i2v", model=model).prompt == whole
    for seed in range(9):
        told = compose(open_ended, seed, target="i2v", model=model).prompt
        assert re.fullmatch(f"{open_ended},? {added}", told)


def test_two_of_a_kind_are_two():
    assert compose("two red balls at night", 1, model="nano").prompt.count("red circle") == 2
    assert re.fullmatch(
        r"an orange cat [\w ]+ and a (white|brown|black|grey) cat [\w ]+ at night",
        compose("two orange cats at night", 1, model="storybook").prompt,
    )


WORDS = {
    nano: ("a", "red", "crimson", "pink", "ball", "circle", "planet", "star", "dog", "bounces", "runs", "grows", "two",
     "moves left", "rotates", "in the night sky", "over", "sea", "and", "retriever", "zxqv", "the camera pans left",
     "black", "on a black background", "🐶", "红色", "at sunset"),
    storybook: ("a", "red", "crimson", "black", "pink", "girl", "kid", "lady", "in", "raincoat", "with dark hair",
     "cat", "dog", "boat", "ball", "balloon", "waves", "runs", "sails", "to the left", "rises", "sits", "on the sea",
     "sea", "path", "two", "and", "retriever", "zxqv", "the camera pans left", "close-up", "at dusk", "by day", "🐶",
     "红色", "indoors", "t-shirt"),
}  # fmt: skip


@pytest.mark.parametrize("world", [nano, storybook])
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_the_composer_and_the_quote_read_a_small_world_alike(world, data, seed):
    prompt = " ".join(data.draw(st.lists(st.sampled_from(WORDS[world]), min_size=1, max_size=12)))
    told, nearest, unknown = compose(prompt, seed, model=world.MODEL), world.nearest(prompt), world.unknown(prompt)
    assert all(f"“{word}”" in told.notes[0] for word in unknown[:6]) and bool(told.notes) == bool(unknown)
    assert world.unknown(told.prompt) == world.unknown(nearest) == []
    asked, written, near = (world.asked(text) for text in (prompt, told.prompt, nearest))
    if world is nano:
        assert asked.around["scene"] in ("", written.around["scene"])
        assert asked.around["camera"] == written.around["camera"] == near.around["camera"]
        for thing in (written.things[0], near.things[0]):
            assert asked.things[0]["colour"] in ("", thing["colour"])
            assert asked.things[0]["shape"] in ("", thing["shape"])
