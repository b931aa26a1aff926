"""Prompts in the model's own language: the API, the tool and the command."""

import json

import pytest
from django.core.management import CommandError, call_command

from apps.billing import services as billing
from apps.library.models import Generation
from tests.workers.prompts.conftest import tiny, tiny_folder  # noqa: F401
from workers.prompts.compose import compose

COMPOSE, ENHANCE = "/api/v1/prompts/compose/", "/api/v1/prompts/enhance/"
SWAN = {"TYPES": {"type": "Animal", "sub_type": "Swan"}, "action": "glides", "appearance": "white feathers"}
SHOT = {"subjects": [SWAN], "shot_type": "close_up", "camera_motion": "pan-left"}


def ask(api, where, **body):
    return api.post(where, body, format="json")


def test_a_shot_becomes_text_and_text_a_shot(api):
    told = ask(api, COMPOSE, shot=SHOT).json()
    assert told["text"] == "A close-up. A swan glides. It has white feathers. The camera pans left."
    again = ask(api, COMPOSE, text=told["text"]).json()
    assert (again["shot"], again["text"]) == (told["shot"], told["text"])
    assert ask(api, COMPOSE, shot=SHOT, target="i2v").json()["text"] == "A swan glides. The camera pans left."


def test_a_text_that_is_json_is_that_shot(api):
    assert ask(api, COMPOSE, text=json.dumps(SHOT)).json() == ask(api, COMPOSE, shot=SHOT).json()


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "shot", "either a shot or a text"),
        ({"shot": SHOT, "text": "a swan"}, "shot", "either a shot or a text"),
        ({"shot": {"shot_type": "huge"}}, "shot.shot_type", "one of long_shot"),
        ({"shot": {"subjects": [{"action": 3}]}}, "shot.subjects[0].action", "is a text"),
        ({"shot": 3}, "shot", "object"),
        ({"text": " "}, "text", "blank"),
        ({"text": "x" * 10_000}, "text", "at most 2,000 characters; this one has 10,000"),
        ({"text": "a swan", "target": "x2v"}, "target", "not a valid choice"),
        ({"txt": "a swan"}, "txt", "Did you mean 'text'?"),
    ],
)
def test_what_cannot_be_composed_names_its_field(api, body, field, words):
    answer = ask(api, COMPOSE, **body)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert words in answer.json()["errors"][field][0]


def test_the_rules_answer_at_once_and_for_nothing(api, ada):
    answer = ask(api, ENHANCE, prompt="a swan glides over a lake", seed=1, model_id="nano")
    told = answer.json()
    assert answer.status_code == 200
    assert told["prompt"] == compose("a swan glides over a lake", 1, model="nano").prompt
    assert (told["original"], told["engine"], told["seed"]) == ("a swan glides over a lake", "shot-grammar", 1)
    assert "".join(span["text"] for span in told["changes"] if span["kind"] != "removed") == told["prompt"]
    assert "nano does not know" in told["notes"][0] and told["shot"]["subjects"]
    assert not Generation.objects.exists() and billing.balance(ada) == 100


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "prompt", "Prompt: write what should be seen."),
        ({"prompt": ""}, "prompt", ""),
        ({"prompt": "x" * 10_000}, "prompt", "Prompt: a prompt has at most 2,000 characters; this one has 10,000."),
        ({"prompt": '{"shot_type": "huge"}'}, "prompt", "shot_type is one of"),
        ({"prompt": "a swan", "engine": "Qwen2.5-32B-Instruct"}, "engine", "is not on this machine"),
        ({"prompt": "a swan", "engine": "nothing"}, "engine", "is not on this machine"),
        ({"prompt": "a swan", "seed": -1}, "seed", "0"),
    ],
)
def test_what_cannot_be_enhanced_names_its_field(api, body, field, words):
    answer = ask(api, ENHANCE, **body)
    assert answer.status_code == 422 and words in answer.json()["errors"][field][0]


@pytest.mark.parametrize("where", [COMPOSE, ENHANCE])
def test_nobody_is_answered_without_an_account(client, db, where):
    assert client.post(where, {"prompt": "a swan"}, "application/json").status_code == 401


def test_asking_too_often_is_refused(api, monkeypatch):
    from rest_framework.throttling import UserRateThrottle

    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", {"user": "1/min"})
    assert ask(api, ENHANCE, prompt="a swan").status_code == 200
    assert ask(api, ENHANCE, prompt="a swan").json()["code"] == "rate_limited"


@pytest.mark.django_db(transaction=True)
def test_a_model_makes_a_job_with_the_suggestion_as_its_data(api, ada, worker, wait_until, tiny):  # noqa: F811
    answer = ask(api, ENHANCE, prompt="a red ball", seed=1)
    assert answer.status_code == 202 and answer.json()["cost"] == 5
    follow = answer["Location"]
    wait_until(lambda: api.get(follow).json()["status"] == "succeeded")
    job = api.get(follow).json()
    assert (job["engine"], job["data"]["prompt"]) == ("shot-grammar", compose("a red ball", 1, model="nano").prompt)
    assert any("Tiny" in note for note in job["data"]["notes"])
    assert job["credits"]["captured"] == 5


@pytest.mark.django_db(transaction=True)
def test_the_tool_shows_the_suggestion_with_what_is_new(page, ada, worker, wait_until):
    assert "Prompt" in page.get("/home/tools/prompt").content.decode()
    asked = {"prompt": "a <b>swan</b>", "seed": "1", "engine": "shot-grammar", "model_id": "nano"}
    page.post("/home/tools/prompt", asked)
    job = Generation.objects.get()
    wait_until(lambda: Generation.objects.get(pk=job.pk).status == "succeeded")
    html = page.get(job.get_absolute_url()).content.decode()
    assert "<ins>" in html and "<b>swan</b>" not in html
    assert billing.balance(ada) == 100 and job.cost == 0


def test_a_film_of_a_shot_that_cannot_be_is_refused_before_it_is_paid(api, ada):
    asked = {"prompt": '{"shot_type": "huge"}', "prompt_enhancer": True, "model_id": "nano"}
    answer = ask(api, "/api/v1/tools/to-video/", **asked)
    assert answer.status_code == 422 and "shot_type is one of" in answer.json()["errors"]["prompt"][0]
    assert billing.balance(ada) == 100


def test_the_command_prints_a_prompt_or_everything(capsys):
    call_command("enhance_prompt", "--prompt", "a swan glides", "--seed", "1")
    assert capsys.readouterr().out == f"{compose('a swan glides', 1).prompt}\n"
    call_command("enhance_prompt", "--prompt", "a ball", "--seed", "1", "--model", "nano", "--json")
    assert json.loads(capsys.readouterr().out) == compose("a ball", 1, model="nano").to_json()
    with pytest.raises(CommandError, match="Write what should be seen"):
        call_command("enhance_prompt", "--prompt", " ")
    with pytest.raises(CommandError, match="No writer of prompts is called nobody"):
        call_command("enhance_prompt", "--prompt", "a swan", "--engine", "nobody")


@pytest.mark.django_db(transaction=True)
def test_a_key_makes_one_job_of_two_requests_and_refuses_another_one(api, ada, tiny):  # noqa: F811
    def sent(key, **body):
        return api.post(ENHANCE, {"prompt": "a red ball", "seed": 1} | body, format="json", HTTP_IDEMPOTENCY_KEY=key)

    first, second = sent("one"), sent("one")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"] and first["Location"] == second["Location"]
    assert Generation.objects.count() == 1 and billing.balance(ada) == 95
    other = sent("one", prompt="a blue ball")
    assert (other.status_code, other.json()["code"]) == (409, "duplicate_request")
    assert sent("two").json()["id"] != first.json()["id"] and billing.balance(ada) == 90
    assert sent("k" * 201).json()["code"] == "invalid_header"
    video = api.post(
        "/api/v1/tools/prompt/", {"prompt": "a red ball", "seed": 1}, format="json", HTTP_IDEMPOTENCY_KEY="one"
    )
    assert video.status_code == 409, "a key is for one address"


def test_the_same_key_makes_the_same_suggestion_of_the_rules(api):
    def told(key):
        return api.post(ENHANCE, {"prompt": "a swan"}, format="json", HTTP_IDEMPOTENCY_KEY=key).json()

    assert told("one") == told("one") and told("one")["seed"] != told("two")["seed"]
