"""Prompts of the storybook's world: what they say, the nearest that can be drawn, and whole sentences."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workers.engines.skyreels.storybook_lab import captions, world
from workers.prompts import storybook
from workers.prompts.compose import compose
from workers.prompts.small_world import spelled
from workers.prompts.storybook_words import CHILD_WORDS


def shown(sentence):
    """What a whole sentence asks to be drawn, as the workshop's painter would be told it."""
    found = storybook.asked(sentence)
    storybook.settle(found, lambda values, usual: usual)
    return [
        world.Spec(
            *(thing[name] for name in ("figure", "colour", "action")),
            *(found.around[name] for name in ("scene", "light")),
            found.around["camera"] or "still",
        )
        for thing in found.things
    ]


def is_legal(figures):
    """Whether the world has all of it: what goes together in `world.sample`, `sample_pair` and `sample_camera`."""
    first, *more = figures
    if not all(
        spec.colour in world.colours(spec.figure)
        and spec.action in world.ACTIONS[spec.figure]
        and spec.scene in world.PLACES[spec.figure]
        for spec in figures
    ):
        return False
    if more:
        ways = {spec.action if spec.action in world.GOES else "" for spec in figures}
        kinds = {(spec.figure, spec.colour) for spec in figures}
        people = all(spec.figure in (*world.PEOPLE, *world.PETS) for spec in figures)
        return people and len(ways) == 1 and len(kinds) == 2 and first.camera == "still"
    if first.camera == "portrait":
        return first.figure in world.PEOPLE and first.action in ("stand", "wave")
    return first.steady or first.action in ("stand", "wave", "sit", "jump")


def test_what_it_was_trained_on_is_wholly_known_and_written_in_the_plainest_words():
    draw = random.Random(0)
    for turn in range(900):
        spec = draw.choice((world.sample, world.sample_pair, world.sample_camera))(draw, turn % 8 == 0)
        text = " ".join(piece for piece, _ in captions.pieces(spec, draw)).replace(" ,", ",")
        assert storybook.unknown(text) == storybook.unknown(captions.canonical(spec)) == [], text
        told, found = compose(text, turn, model="storybook"), storybook.asked(text)
        assert not told.notes and is_legal(shown(told.prompt)), text
        hair, child = any(thing["look"] for thing in found.things), set(CHILD_WORDS) & set(spelled(text))
        if found.around["light"] and not hair and not child:  # else the sentence says more than the plainest, or less
            assert told.prompt == captions.canonical(spec), text


@pytest.mark.parametrize(
    ("prompt", "unknown", "nearest"),
    [
        ("a lady in red", [], "a lady in a red dress stands on a meadow"),
        ("a puppy strolls to the left", [], "a brown puppy strolls to the left on a meadow"),
        ("a yacht at dusk", [], "a red yacht sails to the right on the sea at dusk"),
        ("a boy on a forest path", ["path"], "a boy in a green shirt stands in the forest"),
        ("a kitten sleeps in the living room", ["sleeps"], "an orange kitten sits in the living room"),
        ("sailing at sunset", [], "a red boat sailing to the right on the sea at sunset"),
        ("a woman in red and a man in blue", [],
         "a woman in a red dress stands and a man in a blue shirt stands on a meadow"),
        ("a kid in a t-shirt", [], "a kid in a green t-shirt stands on a meadow"),
        ("a blonde girl, close-up", [], "a blonde girl in a yellow dress stands on a meadow, close-up"),
        ("A wizard in a red cloak rides a dragon", ["wizard", "cloak", "rides", "dragon"],
         "a man in a red shirt walks to the right on a meadow"),
        ("قطة في الغابة", ["قطة", "الغابة"], "an orange cat stands in the forest"),
        ("🐶 in the park", ["🐶", "park"], "a brown dog stands on a meadow"),
        ("a red umbrela jmups", ["umbrela", "jmups"], "a girl in a red dress jumps on a meadow"),
        ("zxqv wrtp", ["zxqv", "wrtp"], "a girl in a yellow dress stands on a meadow"),
    ],
)  # fmt: skip
def test_words_come_near_what_can_be_drawn(prompt, unknown, nearest):
    assert storybook.unknown(prompt) == unknown
    assert storybook.nearest(prompt) == nearest
    assert storybook.unknown(nearest) == [], "one click is enough"


@pytest.mark.parametrize("prompt", ["A girl in a yellow raincoat strolls along the beach at dusk.", *world.EXAMPLES])
def test_sentences_of_the_world_are_wholly_known_and_keep_their_meaning(prompt):
    assert storybook.unknown(prompt) == []
    (written,), (near,) = shown(compose(prompt, 3, model="storybook").prompt), shown(storybook.nearest(prompt))
    assert (written.figure, written.colour, written.scene) == (near.figure, near.colour, near.scene)


@pytest.mark.parametrize(
    ("prompt", "in_vain", "nearest"),
    [
        ("a blue cat", ["blue"], "a grey cat stands on a meadow"),
        ("a woman in black", ["black"], "a woman in a blue dress stands on a meadow"),
        ("a dark-haired woman with black hair", [], "a dark-haired woman in a red dress stands on a meadow"),
        ("a dog waves", ["waves"], "a brown dog stands on a meadow"),
        ("a man on the sea", ["sea"], "a man in a blue shirt stands at the beach"),
        ("a girl and a red boat", ["red", "boat"], "a girl in a yellow dress stands on a meadow"),
        ("a girl walks left and a dog sits", ["sits"],
         "a girl in a yellow dress walks left and a brown dog walks to the left on a meadow"),
        ("the camera pans left as a boy walks to the right", ["camera", "pans", "left"],
         "a boy in a green shirt walks to the right on a meadow"),
        ("a man in a dress", ["dress"], "a man in a blue shirt stands on a meadow"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_and_replaced(prompt, in_vain, nearest):
    assert storybook.unknown(prompt) == in_vain
    assert storybook.nearest(prompt) == nearest


IDEAS = st.lists(
    st.sampled_from([phrase for table in storybook.TABLES.values() for phrases in table.values() for phrase in phrases]
                    + ["and", "a", "two", ",", "with", "retriever", "🐈", "дом"]),
    max_size=10,
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@example(words=["guy", "schoolgirl", "rising"], seed=0)
@given(words=IDEAS, seed=st.integers(0, 2**31 - 1))
def test_every_sentence_that_is_composed_is_known_and_legal_in_the_world(words, seed):
    prompt = " ".join(words)
    for told in (storybook.compose(prompt, seed).prompt, storybook.nearest(prompt)):
        assert storybook.unknown(told) == [] and storybook.nearest(told) == told, (prompt, told)
        assert is_legal(shown(told)), (prompt, told)
