"""Whatever is sent to the pages and the API of prompts is used or refused, and never breaks them."""

import html
import json
import re

import pytest
from django.test import Client
from django.utils import translation

from apps.billing import services as billing
from apps.library.models import Generation
from tests.workers.prompts.conftest import tiny, tiny_folder  # noqa: F401
from workers.prompts.compose import MAX_PROMPT

COMPOSE, ENHANCE = "/api/v1/prompts/compose/", "/api/v1/prompts/enhance/"
SUGGEST, BUILDER = "/home/tools/prompt/suggestion", "/home/tools/prompt/builder"
TOOL, VIDEO = "/home/tools/prompt", "/home/tools/to-video"
HTMX = {"HTTP_HX_REQUEST": "true"}
HUGE = json.dumps({"subjects": [{"TYPES": {"sub_type": "Swan"}, "action": "glides " * 120}] * 8})
REFUSED = {
    "x" * 10_000: "at most 2,000 characters; this one has 10,000",
    " \u200b\u2060 ": "rite what should be seen",
    '{"subjects": [{"TYPES": ': "begins as JSON, and cannot be read from line 1, column 24 on",
    '{"a":' * 3000 + "1" + "}" * 3000: "nested too deeply",
    '{"lighting": "\\ud800"}': "lighting has half a character",
    '{"\\ud800<b>": 1}': "here is no field ?<b>",
    '[{"shot_type": "close_up"}]': "hot is an object",
    '{"lighting": NaN}': "lighting is a text",
}
TAKEN = (
    "🦢🌊🎬", "👨‍👩‍👧‍👦", "بجعة تسبح في بحيرة عند الغروب", "a \u202eswan\u202c glides", "<script>alert(1)</script>",
    "{{ settings.SECRET_KEY }} {0} %s", "{place} at night", "[1, 2]", '"a swan"', "....", "a swan\nglides\r\nover",
    "a\x07\x1bswan",
)  # fmt: skip


def of_page(answer):
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_prompt_is_refused_everywhere_with_the_same_sentence(api, page, text):
    said = REFUSED[text]
    if text.isprintable():  # the API has its own sentence for an empty text
        answer = api.post(COMPOSE, {"text": text}, format="json")
        assert answer.status_code == 422 and said in str(answer.json()["errors"])
    answer = api.post(ENHANCE, {"prompt": text}, format="json")
    assert answer.status_code == 422 and said in answer.json()["errors"]["prompt"][0]
    assert said in of_page(page.post(SUGGEST, {"prompt": text}, **HTMX))
    answer = page.post(TOOL, {"prompt": text, "seed": "1"}, **HTMX)
    assert answer.status_code == 422 and said in of_page(answer)
    answer = page.post(BUILDER, {"paste": text, "read": "1", "sub_type-0": "Dog", "shot_type": "close_up"}, **HTMX)
    assert answer.status_code == 422 and (said in of_page(answer) or not text.isprintable())
    assert "A close-up. A dog." in of_page(answer), "what was chosen before stays"
    assert not Generation.objects.exists()


@pytest.mark.parametrize("text", TAKEN, ids=range(len(TAKEN)))
def test_whatever_else_is_typed_is_used_and_stays_text(api, page, text):
    told = api.post(COMPOSE, {"text": text}, format="json").json()
    again = api.post(COMPOSE, {"shot": told["shot"]}, format="json").json()
    assert (again["shot"], again["text"]) == (told["shot"], told["text"])
    for target in ("t2v", "i2v"):
        told = api.post(ENHANCE, {"prompt": text, "seed": 1, "target": target}, format="json").json()
        assert told["prompt"] == told["prompt"].strip() != ""
    for answer in (
        page.post(SUGGEST, {"prompt": text}, **HTMX),
        page.post(BUILDER, {"paste": text, "read": "1"}, **HTMX),
    ):
        assert answer.status_code == 200 and b"<script>alert" not in answer.content


def test_a_shot_too_long_for_a_prompt_is_refused_before_it_is_paid_and_used(api, page):
    answer = api.post(ENHANCE, {"prompt": HUGE}, format="json")
    assert "as text this shot has" in answer.json()["errors"]["prompt"][0]
    told = api.post(COMPOSE, {"text": HUGE}, format="json").json()
    assert len(told["text"]) > MAX_PROMPT and "at most 2,000 characters" in told["notes"][-1]
    answer = page.post(BUILDER, {"paste": HUGE, "read": "1"}, **HTMX)
    assert "at most 2,000 characters" in of_page(answer)
    answer = page.post(BUILDER, {f"action-{row}": "run " * 200 for row in range(8)} | {"use": "1"}, **HTMX)
    assert answer.status_code == 200 and "at most 2,000 characters" in of_page(answer)


def test_characters_that_no_text_has_do_not_reach_a_shot(api, page):
    told = api.post(COMPOSE, {"shot": {"lighting": "so\x00ft\x07 light"}}, format="json").json()
    assert told["shot"]["lighting"] == "so ft light"
    assert "A dog." in of_page(page.post(BUILDER, {"sub_type-0": "d\x00og\u200b", "camera_words": "\x00"}, **HTMX))


def test_choices_that_do_not_exist_are_refused_and_the_others_stay(page):
    answer = page.post(BUILDER, {"shot_type": "<b>", "sub_type-0": "Dog", "lighting": "x" * 1001, "live": "1"}, **HTMX)
    told = of_page(answer)
    assert answer.status_code == 422 and "shot_type is one of" in told and "at most 1,000" in told
    assert "built-text" not in told, "the prompt stays as it was"
    told = of_page(page.post(BUILDER, {"shot_type": "<b>", "sub_type-0": "Dog"}))
    assert 'value="Dog"' in told


@pytest.mark.parametrize("body", ["[1]", "3", '"a swan"', "null"])
def test_a_body_that_is_no_object_is_refused(api, body):
    for where in (COMPOSE, ENHANCE):
        answer = api.post(where, body, content_type="application/json", HTTP_IDEMPOTENCY_KEY="again")
        assert answer.status_code == 422, where


def test_a_file_is_no_prompt(api):
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("prompt.txt", b"a swan")
    assert api.post(ENHANCE, {"prompt": file}, format="multipart").status_code in (413, 415, 422)


def test_a_page_of_another_site_cannot_ask(ada):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    for where in (SUGGEST, BUILDER):
        assert strict.post(where, {"prompt": "a swan"}, **HTMX).status_code == 403
    assert strict.post(ENHANCE, {"prompt": "a swan"}, content_type="application/json").status_code in (401, 403)


def test_a_long_prompt_of_any_script_reaches_the_next_page_without_a_long_address(page):
    text = "一只天鹅游过湖面。" * 220
    for values, at in (({}, TOOL), ({"build": "1"}, BUILDER)):
        answer = page.post(SUGGEST, {"prompt": text, "mode": "picture", **values})
        assert answer["Location"].startswith(at) and len(answer["Location"]) < 4000
        told = page.get(answer["Location"])
        assert text[:300] in of_page(told), at
        assert re.search(r'value="i2v"[^>]* (checked|selected)', told.content.decode())
        assert text[:300] not in of_page(page.get(at)), "once"
    used = page.post(BUILDER, {"environment": "湖面" * 450, "use": "1"})
    assert "湖面" * 450 in of_page(page.get(used["Location"]))


@pytest.mark.django_db(transaction=True)
def test_without_credits_a_model_is_not_asked_and_the_panel_says_so(page, ada, tiny):  # noqa: F811
    billing.hold(ada, billing.balance(ada), "generation:other")
    told = of_page(page.post(SUGGEST, {"prompt": "a red ball", "suggest_engine": tiny}, **HTMX))
    assert 'role="alert">You need 5 more credits. The rules of the shot grammar cost nothing.<' in told
    assert not Generation.objects.exists()


def test_a_job_of_another_tool_or_in_the_trash_is_no_suggestion_and_a_cancelled_one_closes_the_panel(page, ada):
    from django.utils import timezone

    def status(**columns):
        job = Generation.objects.create(user=ada, params={"prompt": "a swan"}, **columns)
        return page.get(f"{SUGGEST}/{job.pk}", **HTMX)

    assert status(tool="to-video").status_code == 404
    assert status(tool="prompt", deleted_at=timezone.now()).status_code == 404
    ended = {"tool": "prompt", "finished_at": timezone.now()}
    assert status(**ended, status="cancelled").content == b""
    assert "not finished" in of_page(status(**ended, status="failed"))
    assert "Cancel" in of_page(status(tool="prompt"))


def test_the_sentences_are_those_of_the_readers_language(api, page, monkeypatch):
    ask = {"prompt": '{"shot_type": "huge"}'}
    assert "shot_type is one of" in api.post(ENHANCE, ask, format="json").json()["errors"]["prompt"][0]
    monkeypatch.setattr(translation._trans, "gettext", lambda text: f"«{text}»" if text else "", raising=False)
    assert "«{name} is" not in str(api.post(ENHANCE, ask, format="json").json())
    assert "«shot_type is one of long_shot" in api.post(ENHANCE, ask, format="json").json()["errors"]["prompt"][0]
    assert api.post(ENHANCE, {}, format="json").json()["errors"]["prompt"] == ["«Prompt»: «write what should be seen.»"]
    told = api.post(COMPOSE, {"text": "close-up and long shot of a man"}, format="json").json()
    assert told["notes"][0].startswith("«You ask for more than one shot size («Close-up», «Long shot»)")
    told = of_page(page.post(SUGGEST, {"prompt": "a swan", "model_id": "nano"}, **HTMX))
    assert "«nano does not know “swan”." in told
