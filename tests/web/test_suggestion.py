"""The suggestion beside the prompt of a tool."""

import html
import re

import pytest

from apps.billing import services as billing
from apps.library.models import Generation
from apps.tools import videos
from tests.params import PARAMS
from tests.workers.prompts.conftest import tiny, tiny_folder  # noqa: F401
from workers.engines.skyreels import cards
from workers.prompts.changes import pieces
from workers.prompts.compose import compose

SUGGEST, TOOL = "/home/tools/prompt/suggestion", "/home/tools/to-video"
MINE = "a swan glides over a lake"
HTMX = {"HTTP_HX_REQUEST": "true"}


def test_the_rules_answer_at_once_with_changed_words_marked(page, ada):
    told = page.post(SUGGEST, {"prompt": MINE, "suggest_seed": "4"}, **HTMX).content.decode()
    want = compose(MINE, 4, model="nano")
    assert html.unescape(re.search(r'data-whole="([^"]*)"', told)[1]) == want.prompt
    assert "<ins" in told and "<del" in told and "added:" in told and "removed:" in told
    assert all(word in told for word in ("Use it", "Another", "Keep mine"))
    assert not Generation.objects.exists() and billing.balance(ada) == 100


def test_the_parts_of_a_suggestion_are_whole_sentences():
    found = pieces(compose(MINE, 1).changes)
    assert [piece.text.strip() for piece in found if piece.part is not None] == [
        "A full shot from a low angle.",
        "It has fine, lifelike detail and natural movements.",
        "The lighting is soft and natural.",
        "The camera follows at a steady distance.",
    ]


@pytest.mark.parametrize("prompt", ["", "x" * 2001, '{"shot_type": "huge"}'])
def test_what_cannot_be_used_is_said_in_the_panel(page, prompt):
    assert 'role="alert"' in page.post(SUGGEST, {"prompt": prompt}, **HTMX).content.decode()


def test_what_is_typed_stays_text(page):
    assert "<b>" not in page.post(SUGGEST, {"prompt": "a <b>swan</b>"}, **HTMX).content.decode()


def test_without_a_script_it_leads_to_the_tool_prompt_or_the_builder(page):
    answer = page.post(SUGGEST, {"prompt": MINE, "mode": "picture"})
    assert answer["Location"] == "/home/tools/prompt?prompt=a+swan+glides+over+a+lake&target=i2v&model_id="
    assert MINE in page.get(answer["Location"]).content.decode()
    assert page.post(SUGGEST, {"prompt": MINE, "build": "1"})["Location"].startswith("/home/tools/prompt/builder?")
    told = page.get(TOOL).content.decode()
    assert told.count(SUGGEST) >= 3 and 'name="prompt_original"' in told and 'name="prompt_enhancer"' not in told


@pytest.mark.django_db(transaction=True)
def test_a_model_is_a_job_whose_progress_stands_in_the_panel(page, ada, worker, wait_until, tiny):  # noqa: F811
    told = page.post(SUGGEST, {"prompt": "a red ball"}, **HTMX).content.decode()
    assert "Ask Tiny" in told and billing.balance(ada) == 100, "nothing is paid for unasked"
    told = page.post(SUGGEST, {"prompt": "a red ball", "suggest_engine": tiny}, **HTMX).content.decode()
    job = Generation.objects.get()
    follow = f"{SUGGEST}/{job.pk}"
    assert follow in told and "<progress" in told
    wait_until(lambda: Generation.objects.get().status == "succeeded")
    assert "data-suggested" in page.get(follow, **HTMX).content.decode()


def test_a_strangers_suggestion_is_not_found(page, ben):
    job = Generation.objects.create(user=ben, tool="prompt", params={"prompt": "a swan"}, data={})
    assert page.get(f"{SUGGEST}/{job.pk}").status_code == 404


def test_the_own_prompt_is_kept_with_one_that_was_suggested(api):
    asked = {"prompt": "a red circle moves right over the sea", "prompt_original": "a ball", "num_frames": 17}
    job = api.post("/api/v1/tools/to-video/", asked, format="json").json()
    assert Generation.objects.get(pk=job["id"]).params["prompt_original"] == "a ball"
    same = api.post("/api/v1/tools/to-video/", asked | {"prompt_original": asked["prompt"]}, format="json").json()
    assert "prompt_original" not in Generation.objects.get(pk=same["id"]).params
    long = api.post("/api/v1/tools/to-video/", asked | {"prompt_original": "x" * 2001}, format="json")
    assert long.status_code == 422 and "prompt_original" in long.json()["errors"]


@pytest.mark.django_db(transaction=True)
def test_the_page_of_a_film_shows_both_prompts(page, ada, worker, wait_until):
    page.post(TOOL, PARAMS | {"prompt": "a red circle moves right over the sea", "prompt_original": "a ball"})
    job = Generation.objects.get()
    wait_until(lambda: Generation.objects.get().status == "succeeded")
    job.refresh_from_db()
    recipe = job.asset.recipe
    assert (recipe["prompt_original"], recipe["prompt_enhanced"]) == ("a ball", job.params["prompt"])
    told = page.get(job.get_absolute_url()).content.decode()
    assert "Yours" in told and "a ball" in told


def test_a_part_that_only_strikes_words_out_leaves_them_out(page):
    asked = {"prompt": "a majestic red dog moves right over the sea, stormy", "suggest_seed": "1"}
    told = page.post(SUGGEST, asked, **HTMX).content.decode()
    parts = re.findall(r"<li>(.*?)</li>", told, re.DOTALL)
    assert any("<ins>" not in part for part in parts)
    assert all(("Leave this out" in part) == ("<ins>" not in part) for part in parts)


def test_another_model_is_named_only_where_there_is_one(page, monkeypatch):
    asked = {"prompt": "a retriever runs"}
    monkeypatch.setattr(videos, "models", lambda: [videos.MODEL])
    assert "Choose another model" not in page.post(SUGGEST, asked, **HTMX).content.decode()
    monkeypatch.setattr(videos, "models", lambda: [videos.MODEL, cards.get("SkyReels-V2-DF-1.3B-540P")])
    assert "Choose another model for the rest." in page.post(SUGGEST, asked, **HTMX).content.decode()


def test_the_tool_prompt_begins_with_words_of_the_model(page):
    told = html.unescape(page.get("/home/tools/prompt").content.decode())
    assert f'placeholder="{videos.MODEL.examples[0]}"' in told
    assert "For model" in told and "Made by" not in told


@pytest.mark.django_db(transaction=True)
def test_what_is_over_at_once_is_told_no_time_and_no_start(page, worker, wait_until):
    asked = {"prompt": "a red ball", "engine": "shot-grammar"}
    assert "You can leave this page" not in page.post("/home/tools/prompt", asked, **HTMX).content.decode()
    wait_until(lambda: Generation.objects.get().status == "succeeded")
    assert "about" not in page.post("/home/tools/prompt/quote", asked, **HTMX).content.decode()
    assert "You can leave this page" in page.post(TOOL, PARAMS, **HTMX).content.decode()
