"""Which words of a prompt an embedded model does not know, and the nearest prompt that it does."""

import random

import pytest

from workers.engines.skyreels import cards
from workers.engines.skyreels.nano_lab import captions

EMBEDDED = [card for card in cards.all() if card.embedded]
nano = cards.get("nano")


@pytest.mark.parametrize(
    ("prompt", "unknown", "suggestion"),
    [
        ("a golden retriever on the beach", ["retriever"], "a golden circle moves right over the sea"),
        ("A Red Circel boucnes, at sunset!", ["circel", "boucnes"], "a red circle bounces at sunset"),
        ("a pink diamond in a forest", ["pink", "diamond", "forest"], "a red square moves right over a meadow"),
        ("قطة حمراء تقفز في الحديقة", ["قطة", "حمراء", "تقفز", "الحديقة"], "a red circle bounces over a meadow"),
        ("一个红色的圆圈向右移动", ["一个红色的圆圈向右移动"], "a red circle moves right in the blue sky"),
        ("🐶 in the park", ["🐶"], "a yellow circle moves right over a meadow"),
        ("a black ball on a black background", ["black"], "a white ball moves right on a black background"),
        ("zxqv wrtp", ["zxqv", "wrtp"], "a yellow circle moves right in the blue sky"),
    ],
)
def test_unknown_words_are_named_once_and_rewritten_in_words_that_nano_knows(prompt, unknown, suggestion):
    assert nano.unknown_words(prompt) == unknown
    assert nano.nearest(prompt) == suggestion
    assert nano.unknown_words(suggestion) == [], "one click is enough"


@pytest.mark.parametrize("card", EMBEDDED, ids=lambda card: card.id)
def test_a_prompt_of_known_words_needs_no_word_about_it(card):
    for prompt in ("", "…", "the a in", "It's the red circle's, and they don't!", *card.examples):
        assert card.unknown_words(prompt) == [] and card.nearest(prompt) == ""


def test_what_nano_was_trained_on_is_known():
    rng = random.Random(5)
    for _ in range(300):
        spec = captions.sample_rich(rng)
        assert nano.unknown_words(captions.canonical(spec)) == []


def test_a_model_that_understands_every_language_says_nothing():
    assert cards.get("SkyReels-V2-DF-1.3B-540P").unknown_words("a golden retriever") == []


@pytest.mark.parametrize("card", EMBEDDED, ids=lambda card: card.id)
def test_a_prompt_of_the_longest_length_is_read_at_once(card):
    prompt = " ".join(f"word{number}" for number in range(250))[:2000]
    assert len(card.unknown_words(prompt)) > 200 and card.nearest(prompt)
