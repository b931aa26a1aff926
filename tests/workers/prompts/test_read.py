"""What people write becomes a shot: shot words are found, and nothing is lost."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.prompts.read import other_language, read
from workers.prompts.vocabulary import lexicon
from workers.prompts.write import write


def told(text):
    """The fields of a shot that have something."""
    shot = read(text).shot.to_json()
    found = {name: value for name, value in shot.items() if value and name != "subjects"}
    return found, [(each["TYPES"]["type"], each["TYPES"]["sub_type"], each["action"]) for each in shot["subjects"]]


@pytest.mark.parametrize(
    ("text", "fields", "subjects"),
    [
        ("a swan glides over a lake", {}, [("Animal", "Swan", "glides over a lake")]),
        (
            "close-up of a swan at night, low angle, the camera circles it",
            {"shot_type": "close_up", "shot_angle": "low_angle", "camera_motion": "The camera circles it"},
            [("Animal", "Swan", "at night")],
        ),
        (
            "An old man walks his dog at sunset while the camera pans left.",
            {"camera_motion": "The camera pans left"},
            [("Human", "Old man", "walks his dog at sunset")],
        ),
        (
            "medium shot, a chef cooks pasta in a kitchen, warm lighting, slow zoom in",
            {"shot_type": "medium_shot", "lighting": "warm", "camera_motion": "The camera slowly zooms in"},
            [("Human", "Chef", "cooks pasta in a kitchen")],
        ),
        ("Wide shot. Horses gallop", {"shot_type": "long_shot"}, [("Animal", "Horses", "gallop")]),
        (
            "Two dogs play in the snow. Children laugh. The background is a hill.",
            {"environment": "a hill"},
            [("Animal", "Two dogs", "play in the snow"), ("Human", "Children", "laugh")],
        ),
        ("A ship in aerial view", {"shot_position": "aerial_view"}, [("Vehicles", "Ship", "in aerial view")]),
        ("Darth Vader walks", {}, [("Other", "Darth Vader", "walks")]),
        ("Everything is quiet", {}, [("Other", "Everything", "is quiet")]),
    ],
)
def test_a_free_prompt_is_a_sensible_shot(text, fields, subjects):
    assert told(text) == (fields, subjects)


def test_how_somebody_looks_feels_and_where_they_are_is_told_apart():
    (woman,) = read(
        "A woman runs. She is wearing a red coat. She looks afraid. In the frame, she is on the left."
    ).shot.subjects
    assert (woman.action, woman.appearance) == ("runs", "wearing a red coat")
    assert (woman.expression, woman.position) == ("afraid", "on the left")
    (man,) = read("A man sits. He is smiling. He is eating soup.").shot.subjects
    assert (man.expression, man.action) == ("smiling", "sits, eating soup")


SAID = st.sampled_from(
    sorted(
        lexicon(
            "a an the swan woman robot glides, runs. sits; over lake at night slowly red with hat it looks happy "
            "camera pans and left close-up of long shot from above light zorblax 3 it's"
        )
    )
)
SMALL = lexicon("a an the it is are of has have looks look in he she they")


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(words=st.lists(SAID, min_size=1, max_size=20))
def test_no_word_is_lost(words):
    text = " ".join(words)
    shot = read(text).shot
    kept = f"{write(shot)} {shot.to_json()}".lower().replace("_", " ").replace("-", " ")
    for word in re.findall(r"[\w']+", text.lower().replace("-", " ")):
        assert word in kept or word in SMALL, (text, shot)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("un gato duerme en la silla bajo la luna", "in Spanish"),
        ("eine Katze läuft durch den Schnee und die Sonne scheint", "in German"),
        ("un chat dort sur une chaise avec les enfants", "in French"),
        ("一只猫在月光下行走", "not in English"),
        ("кошка идёт под луной", "not in English"),
        ("a cat walks under the moon", ""),
        ("swan", ""),
        ("Café in Las Vegas at night", ""),
    ],
)
def test_other_languages_are_recognised(text, language):
    assert other_language(text) == language


def test_a_prompt_in_another_language_is_kept_with_a_note():
    reading = read("un gato duerme en la silla bajo la luna.")
    assert reading.shot.environment == "un gato duerme en la silla bajo la luna"
    assert "is in Spanish" in reading.notes[0]


@pytest.mark.parametrize(
    ("text", "field", "value", "words"),
    [
        ("close-up and long shot of a man", "shot_type", "close_up", "more than one shot size (Close-up, Long shot)"),
        (
            "long shot of a man, then a close-up",
            "shot_type",
            "long_shot",
            "more than one shot size (Long shot, Close-up)",
        ),
        ("a man from above, low angle", "shot_angle", "low_angle", "two camera angles"),
    ],
)
def test_of_what_excludes_each_other_the_first_is_taken_and_said(text, field, value, words):
    reading = read(text)
    assert getattr(reading.shot, field) == value
    assert any(words in note for note in reading.notes)


def test_a_camera_that_stands_and_moves_is_noted_and_both_stay():
    reading = read("static camera, a dog runs, the camera pans left")
    assert reading.shot.camera_motion == "The camera is static. The camera pans left"
    assert "static and to move" in reading.notes[0]


def test_a_blank_of_a_template_is_named():
    (note,) = read("A {animal} in {{ place }}").notes
    assert "{animal}, {{ place }} look like blanks" in note
