"""An instruct model answers with a shot, always; where it says nonsense or never ends, the rules answer."""

import json

import jsonschema
import pytest

from workers.base import Cancelled, EngineError, Progress
from workers.engines import registry
from workers.engines.instruct import cards
from workers.engines.instruct.engine import Writer, check
from workers.enhance import enhance
from workers.prompts.compose import compose
from workers.prompts.schema import schema, suggestion
from workers.prompts.shot import from_json
from workers.weights import catalog

SHORT = 6  # characters of a text, so that fifty answers take seconds


@pytest.fixture
def writer(tiny):
    made = Writer(tiny, longest=SHORT, max_new_tokens=400, max_seconds=60)
    made.load()
    return made


def test_fifty_answers_of_fifty_fit_the_schema(writer):
    answers = [writer.answer("a swan on a lake", seed) for seed in range(50)]
    for answer in answers:
        data = json.loads(answer)
        jsonschema.validate(data, schema(SHORT))
        assert from_json(data).subjects[0].sub_type
    assert len(set(answers)) > 40


def test_the_same_seed_gives_the_same_answer(writer):
    assert writer.answer("a swan", 7) == writer.answer("a swan", 7)


def test_nonsense_is_not_handed_on(writer):
    told = writer.enhance("a violinist plays in a red room", 3)
    assert told.prompt == compose("a violinist plays in a red room", 3).prompt
    assert told.engine == "shot-grammar"
    assert told.notes[0] == "Tiny wrote about something else, so the rules answered."


@pytest.mark.parametrize("budget", [{"max_new_tokens": 5}, {"max_seconds": 0.0}])
def test_a_model_that_never_ends_is_left(tiny, budget):
    told = Writer(tiny, **budget).enhance("a swan on a lake", 3)
    assert told.prompt == compose("a swan on a lake", 3).prompt
    assert told.notes[0] == "Tiny did not finish in time, so the rules answered."


def test_what_a_model_says_well_is_the_suggestion():
    shot = {
        "subjects": [{"TYPES": {"type": "Animal", "sub_type": "Swan"}, "action": "glides over a lake"}],
        "shot_type": "long_shot",
        "camera_motion": "The camera pans left",
    }
    told = suggestion("a swan on a lake", json.dumps(shot), 1, "some-model", "t2v")
    assert told.prompt == "A long shot. A swan glides over a lake. The camera pans left."
    assert (told.engine, told.original, told.seed) == ("some-model", "a swan on a lake", 1)
    assert suggestion("a red car", json.dumps(shot), 1, "some-model", "t2v") is None
    assert suggestion("a swan on a lake", '{"subjects": [', 1, "some-model", "t2v") is None


def test_a_model_is_read_once_for_all_jobs_and_let_go_for_a_film(tiny, monkeypatch):
    steps = []
    monkeypatch.setattr("workers.engines.instruct.engine.MAX_NEW_TOKENS", 5)
    for seed in (1, 2):
        enhance("a swan", seed, on_progress=steps.append)
    writer = registry.get("prompt", tiny)
    assert writer.loads == 1
    assert {step.stage for step in steps} == {"loading", "writing"}
    registry.make_room(writer)
    assert writer._loaded is not None, "it made room for itself"
    registry.make_room(None)
    assert writer._loaded is None
    enhance("a swan", 3, keep=False)
    assert writer.loads == 2 and writer._loaded is None


def test_a_cancelled_job_stops_the_model(tiny):
    def cancel(now: Progress) -> None:
        if now.step == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        Writer(tiny).enhance("a swan", 1, on_progress=cancel)


def test_nano_has_its_own_sentences_whatever_writes(tiny):
    told = enhance("a red ball", 1, engine=tiny, model="nano")
    assert told.prompt == compose("a red ball", 1, model="nano").prompt
    assert "written by the rules" in told.notes[0]


def test_the_rules_are_the_choice_where_none_is_made(monkeypatch):
    monkeypatch.delenv("CINEVIVID_PROMPT_ENGINE", raising=False)
    assert catalog.chosen("prompt") == "shot-grammar"
    assert enhance("a swan", 1) == compose("a swan", 1)
    assert registry.get("prompt").enhance("a swan", 1) == compose("a swan", 1)


def test_a_model_that_is_not_here_or_unknown_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    for engine, code in (
        ("Qwen2.5-32B-Instruct", "model_not_ready"),
        ("nano", "model_unknown"),
        ("x", "model_unknown"),
    ):
        with pytest.raises(EngineError) as caught:
            enhance("a swan", 1, engine=engine)
        assert caught.value.code == code


def test_a_model_that_is_too_large_is_not_tried(tiny, monkeypatch):
    from workers.engines.instruct import engine

    monkeypatch.setattr(engine.os, "sysconf", lambda name: 1)
    with pytest.raises(EngineError) as caught:
        Writer(tiny).load()
    assert caught.value.code == "memory_short"
    large = cards.get("Qwen2.5-32B-Instruct")
    assert not cards.fits(large, 24.0) and cards.fits(large, 80.0) and cards.fits(large, None)


def test_a_folder_is_checked_before_it_is_used(tiny, tiny_folder, tmp_path):
    card = cards.get(tiny)
    check(card, tiny_folder / tiny)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineError) as caught:
        check(card, tmp_path)
    assert caught.value.code == "model_broken"


def test_the_catalogue_says_where_they_come_from():
    rows = {card.id: (card.repo, card.licence, card.disk_gb) for card in cards.all() if card.repo}
    assert rows["Qwen2.5-32B-Instruct"] == ("Qwen/Qwen2.5-32B-Instruct", "Apache-2.0", 65.5)
    assert {"Qwen2.5-7B-Instruct", "Qwen2.5-1.5B-Instruct", "Qwen2.5-0.5B-Instruct"} <= rows.keys()
