"""One shot as JSON and as text: what the grammar knows comes back the same."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.prompts import vocabulary
from workers.prompts.read import normal, read
from workers.prompts.shot import PromptError, Shot, Subject, from_json, tidy
from workers.prompts.write import write

PLAIN = (
    "walks red hair old and tired wearing a long coat in the rain beside an open door slowly happy calm golden "
    "of with smoke near high low moving 3.5 m tall left centre it's full shot café Ada The looks is smiling, then;"
)
WORDS = st.sampled_from([*PLAIN.split(), "Mr. Fox", "wait... now"])
PHRASES = st.lists(WORDS, max_size=8).map(" ".join)
NAMES = st.sampled_from(
    [*vocabulary.TYPE_OF, "old man", "glass teapot", "zorblax", "two dogs", "Darth Vader", "the sea"]
)
SUBJECTS = st.builds(
    Subject,
    sub_type=NAMES,
    appearance=PHRASES,
    action=PHRASES,
    expression=PHRASES,
    position=PHRASES,
    is_main_subject=st.booleans(),
)
CAMERAS = st.one_of(PHRASES, st.sampled_from([move.value for move in vocabulary.CAMERA_MOVES]))
SHOTS = st.builds(
    Shot,
    subjects=st.lists(SUBJECTS, max_size=3).map(tuple),
    camera_motion=CAMERAS,
    environment=PHRASES,
    lighting=PHRASES,
    **{name: st.sampled_from(["", *values]) for name, values in vocabulary.VALUES.items()},
)
QUICK = settings(max_examples=120, deadline=None, derandomize=True, database=None)


@QUICK
@given(shot=SHOTS.map(normal))
def test_a_shot_in_normal_form_comes_back_from_its_text(shot):
    assert read(write(shot)).shot == shot


@QUICK
@given(shot=SHOTS.map(normal))
def test_a_shot_comes_back_from_its_json(shot):
    told = json.loads(json.dumps(shot.to_json()))
    assert from_json(told) == shot == read(json.dumps(told)).shot == normal(shot)


@QUICK
@given(shot=SHOTS.map(normal))
def test_a_text_of_the_grammar_keeps_every_field(shot):
    text = write(shot)
    assert write(read(text).shot) == text


@QUICK
@given(shot=SHOTS.map(normal))
def test_a_film_from_a_picture_is_told_only_what_moves(shot):
    moving = [each for each in shot.subjects if each.action or each.expression]
    bare = [Subject(sub_type=each.sub_type, action=each.action, expression=each.expression) for each in moving]
    assert write(shot, "i2v") == write(Shot(subjects=tuple(bare), camera_motion=shot.camera_motion), "i2v")
    if not moving:
        assert write(shot, "i2v") == (f"{shot.camera_motion}." if shot.camera_motion else "")


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in vocabulary.VALUES.items() for value in values]
)
def test_every_value_goes_to_text_and_back(name, value):
    shot = Shot(**{name: value})
    assert read(write(shot)).shot == shot
    term = vocabulary.term(name, value)
    for words in (value, term.title, *term.also, *term.seed):
        assert getattr(from_json({name: words}), name) == value or words in other_words(name, value)


def other_words(name, value):
    """Words that stand at a term before this one."""
    return {word for term in vocabulary.FIELDS[name] if term.value != value for word in (*term.also, *term.seed)}


def test_the_whole_shot_reads_as_the_captions_do():
    woman = Subject(
        type="Human", sub_type="Woman", action="walks along the beach", appearance="long red hair",
        expression="calm", position="on the left", is_main_subject=True,
    )  # fmt: skip
    dog = Subject(type="Animal", sub_type="Dog", appearance="small and white")
    shot = Shot(
        subjects=(woman, dog), shot_type="medium_shot", shot_angle="low_angle", shot_position="side_view",
        camera_motion="pan-left", environment="a wide beach", lighting="warm lighting",
    )  # fmt: skip
    assert write(shot) == (
        "A medium shot from a low angle, in side view. A woman walks along the beach. She has long red hair. "
        "She looks calm. In the frame, she is on the left. A dog. It is small and white. "
        "The setting is a wide beach. The lighting is warm. The camera pans left."
    )
    assert write(shot, "i2v") == "A woman walks along the beach. She looks calm. The camera pans left."


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ([], "shot", "object"),
        ({"shot_type": "huge"}, "shot_type", "long_shot, full_shot, medium_shot"),
        ({"shot_angle": 3}, "shot_angle", "eye_level"),
        ({"lighting": ["soft"]}, "lighting", "text"),
        ({"enviroment": "a beach"}, "enviroment", "Did you mean environment?"),
        ({"subjects": "a swan"}, "subjects", "list"),
        ({"subjects": [{}] * 9}, "subjects", "at most 8"),
        ({"subjects": [{"action": 1}]}, "subjects[0].action", "text"),
        ({"subjects": [{}, {"TYPES": {"kind": "x"}}]}, "subjects[1].TYPES.kind", "no field"),
        ({"subjects": [{"is_main_subject": "yes"}]}, "subjects[0].is_main_subject", "true or false"),
        ({"environment": "x" * 1001}, "environment", "at most 1,000 characters; this one has 1,001"),
    ],
)
def test_what_cannot_be_names_its_field(data, field, words):
    with pytest.raises(PromptError) as caught:
        from_json(data)
    assert list(caught.value.errors) == [field]
    assert words in caught.value.errors[field]


SEED = {
    "shot": ("extreme-wide", "wide", "medium", "close-up", "extreme-close-up", "over-the-shoulder"),
    "movement": (
        *("static", "pan-left", "pan-right", "tilt-up", "tilt-down", "zoom-in", "zoom-out", "dolly-in", "dolly-out"),
        *("tracking", "dutch-angle"),
    ),
    "angle": ("birdseye", "high-angle", "eye-level", "low-angle", "wormseye"),
}


@pytest.mark.parametrize(("list_", "value"), [(name, value) for name, values in SEED.items() for value in values])
def test_every_choice_of_the_camera_director_has_its_field(list_, value):
    found = vocabulary.director(**{list_: value})
    shot = from_json(found)
    assert found and read(write(shot)).shot == tidy(shot)


def test_the_camera_director_maps_as_the_captions_say():
    assert vocabulary.director("over-the-shoulder", "tracking", "wormseye") == {
        "shot_position": "over_the_shoulder",
        "shot_angle": "low_angle",
        "camera_motion": "The camera tracks the subject",
    }
    assert vocabulary.director("wide", angle="birdseye") == {"shot_type": "full_shot", "shot_position": "overhead_view"}
    assert vocabulary.director(movement="dutch-angle")["shot_angle"] == "other"
    with pytest.raises(KeyError):
        vocabulary.director("sideways")


def test_the_grammar_is_pure():
    code = (
        "import sys; import workers.prompts.compose, workers.prompts.nano; "
        "sys.exit(bool({'torch', 'django', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
