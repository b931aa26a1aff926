"""Captions of spoken words: how they are broken."""

from workers.media.captions import LEFT_OVER, LONGEST, cues_of


def words_of(text, each=0.5, start=0.0):
    return [(word.strip(",."), start + n * each, start + (n + 1) * each - 0.05) for n, word in enumerate(text.split())]


def test_no_word_is_left_over_for_a_caption_of_its_own():
    text = "They came with a thousand dollars and forty passengers, and nobody saw again"
    cues = cues_of(text, words_of(text))
    assert [cue.text.replace("\n", " ") for cue in cues] == [
        "They came with a thousand dollars and forty passengers,",
        "and nobody saw again",
    ]
    assert all(cue.end - cue.start <= LONGEST for cue in cues) and all(len(cue.text) > LEFT_OVER for cue in cues)
    assert " ".join(" ".join(cue.text.split()) for cue in cues) == text


def test_a_word_after_a_pause_keeps_its_caption():
    text = "They went out to look for the boat. Nothing."
    words = [*words_of("They went out to look for the boat."), ("Nothing", 6.0, 6.4)]
    assert [cue.text for cue in cues_of(text, words)] == ["They went out to look for the boat.", "Nothing."]
