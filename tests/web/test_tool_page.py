"""The text-to-video page: the quote before, the answer after, and a sentence for everything that does not fit."""

import re

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from apps.billing import services as billing
from apps.library.models import Generation
from tests.factories import AssetFactory, GenerationFactory, UserFactory
from tests.params import PARAMS

URL = "/home/tools/to-video"
HTMX = {"HTTP_HX_REQUEST": "true"}


def test_visitors_are_asked_to_sign_in(client, db):
    assert client.get(URL).url == "/accounts/login/?next=/home/tools/to-video"


def test_the_quote_follows_the_form_and_needs_no_prompt(page):
    html = page.get(f"{URL}/quote", PARAMS | {"prompt": "", "num_frames": 33, "steps": 100}).content.decode()
    assert "<strong>52</strong>" in html
    assert "33 frames" in html


def test_words_that_the_model_does_not_know_are_named_before_the_click(page, api):
    asked = PARAMS | {"prompt": "a golden retriever on the beach"}
    html = page.post(f"{URL}/quote", asked).content.decode()
    assert "nano does not know:" in html and "<bdi>retriever</bdi>" in html
    suggestion = "a golden circle moves right over the sea"
    assert f'data-rewrite="{suggestion}"' in html
    quote = api.post("/api/v1/tools/to-video/quote/", asked, format="json").json()
    assert (quote["unknown_words"], quote["suggestion"]) == (["retriever"], suggestion)
    known = page.post(f"{URL}/quote", PARAMS | {"prompt": suggestion}).content.decode()
    assert "does not know" not in known


def test_the_quote_says_how_many_credits_are_lacking(page, ada):
    html = page.post(f"{URL}/quote", PARAMS | {"num_frames": 465, "steps": 30}).content.decode()
    price = int(re.search(r"<strong>(\d+)</strong>", html)[1])
    assert price > 100 and f"You need {price - 100} more credits." in html


def test_the_quote_says_what_does_not_fit(page):
    html = page.get(f"{URL}/quote", PARAMS | {"num_frames": 34}).content.decode()
    assert "Nearest: 33 or 37" in html


def test_pressing_generate_starts_a_job_and_shows_its_card(page, ada):
    answer = page.post(URL, PARAMS, **HTMX)
    job = Generation.objects.get(user=ada)
    assert answer.status_code == 200
    assert f'id="generation-{job.pk}"' in answer.content.decode()
    assert (job.params["seed"], billing.held(ada)) == (7, 2)


def test_without_a_seed_one_is_drawn_and_written_down(page, ada):
    page.post(URL, PARAMS | {"seed": ""})
    page.post(URL, PARAMS | {"seed": ""})
    seeds = {job.params["seed"] for job in Generation.objects.filter(user=ada)}
    assert len(seeds) == 2


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"prompt": ""}, "prompt", "describe what is in the video"),
        ({"prompt": "x" * 2001}, "prompt", "at most 2000 characters"),
        ({"num_frames": 34}, "num_frames", "Nearest: 33 or 37"),
        ({"num_frames": 0}, "num_frames", "Length: choose 5 or more."),
        ({"num_frames": "9" * 400}, "num_frames", "Length: choose 1457 or less."),
        ({"ratio": "5:4"}, "ratio", "“5:4” is not offered"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_bad_input_is_told_on_its_field_before_credits_move(page, ada, headers, change, field, sentence):
    answer = page.post(URL, PARAMS | change, **headers)
    assert answer.status_code == 422
    assert sentence in " ".join(answer.context["form"].errors[field])
    assert sentence in answer.content.decode()
    assert (Generation.objects.count(), billing.balance(ada)) == (0, 100)


def test_too_few_credits_are_told_with_the_numbers(page, ada):
    html = page.post(URL, PARAMS | {"num_frames": 105, "steps": 100}).content.decode()
    assert "You need 65 more credits." in html
    assert Generation.objects.count() == 0


def test_too_many_jobs_at_once_are_told(page, ada, settings):
    settings.MAX_ACTIVE_JOBS = 1
    page.post(URL, PARAMS)
    html = page.post(URL, PARAMS).content.decode()
    assert "You can have 1 jobs waiting or running at once." in html
    assert billing.held(ada) == 2


def test_a_card_asks_for_its_place_in_the_queue_once(ada):
    GenerationFactory.create_batch(2, user=UserFactory(credits=100))
    job = GenerationFactory(user=ada)
    with CaptureQueriesContext(connection) as queries:
        html = render_to_string("components/card.html", {"job": job})
    assert "Number 3 in line" in html and ">3</span>" in re.sub(r"\s", "", html)
    assert sum("COUNT(" in query["sql"] for query in queries) == 1


def test_a_card_plays_what_was_made(page, ada):
    made = [AssetFactory(generation__user=ada, kind=kind) for kind in ("video", "image", "audio")]
    html = page.get("/home/my-library").content.decode()
    for asset, tag in zip(made, ("video", "img", "audio"), strict=True):
        assert re.search(rf'<{tag} class="[^"]+" src="{asset.file_url}"', html), tag
    assert re.search(r'<audio class="sound__player"[^>]+ controls ', html)


def test_cancel_says_what_came_back(page, ada):
    job = GenerationFactory(user=ada)
    html = page.post(f"/home/jobs/{job.pk}/cancel", **HTMX).content.decode()
    assert "30 credits are back in your wallet" in html
    assert 'data-status="cancelled"' in html


def test_cancelling_too_late_is_told_in_a_toast(page, ada):
    job = GenerationFactory(user=ada)
    page.post(f"/home/jobs/{job.pk}/cancel")
    answer = page.post(f"/home/jobs/{job.pk}/cancel", **HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#toasts")
    assert "has ended already" in answer.content.decode()


@pytest.mark.parametrize("verb", ["cancel", "delete", "restore"])
def test_what_changes_a_job_takes_post_from_its_owner_only(page, client, ada, ben, verb):
    job = GenerationFactory(user=ben)
    assert page.get(f"/home/jobs/{job.pk}/{verb}").status_code == 405
    assert page.post(f"/home/jobs/{job.pk}/{verb}").status_code == 404
    job.refresh_from_db()
    assert (job.status, job.deleted_at) == ("queued", None)


def test_a_deleted_film_comes_back(page, ada):
    job = GenerationFactory(user=ada)
    page.post(f"/home/jobs/{job.pk}/delete")
    after = page.get("/home/my-library").content.decode()
    assert f"generation-{job.pk}" not in after
    assert f"/home/jobs/{job.pk}/restore" in after
    page.post(f"/home/jobs/{job.pk}/restore")
    assert f"generation-{job.pk}" in page.get("/home/my-library").content.decode()


@pytest.mark.parametrize("prompt", ["a red star rises", "星" * 2000])
def test_a_landing_prompt_that_cannot_be_made_stays_in_the_form_with_the_reason(page, ada, settings, prompt):
    settings.DEVICE_GB = 0.01
    answer = page.post("/start", {"prompt": prompt}, follow=True)
    assert answer.context["form"]["prompt"].value() == prompt
    assert answer.redirect_chain == [(URL, 302)]
    assert "GB are there" in " ".join(str(message) for message in answer.context["messages"])
    assert Generation.objects.count() == 0
    assert not page.get(URL).context["form"]["prompt"].value()


def test_the_landing_prompt_survives_sign_in(client, ada):
    assert client.post("/start", {"prompt": "a red star rises"}).url == "/accounts/signup/"
    ada.set_password("a-long-enough-phrase")
    ada.save()
    after = client.post("/accounts/login/", {"login": ada.email, "password": "a-long-enough-phrase"})
    assert after.url == "/start"
    assert client.get(after.url).url == URL
    assert Generation.objects.get(user=ada).params["prompt"] == "a red star rises"
    client.get("/start")
    assert Generation.objects.count() == 1


def test_a_landing_prompt_with_unknown_words_waits_in_the_form(page):
    answer = page.post("/start", {"prompt": "a golden retriever on the beach"}, follow=True)
    assert answer.context["form"]["prompt"].value() == "a golden retriever on the beach"
    assert "retriever" in answer.context["quote"].unknown_words and Generation.objects.count() == 0
    assert "Not started yet" in " ".join(str(message) for message in answer.context["messages"])


def test_a_started_landing_prompt_stays_in_the_form(page):
    answer = page.post("/start", {"prompt": "a red star rises"}, follow=True)
    assert answer.context["form"]["prompt"].value() == "a red star rises"
    assert Generation.objects.get().params["prompt"] == "a red star rises"


def test_the_price_is_asked_for_again_when_the_page_comes_back_with_what_was_typed(page):
    trigger = re.search(r'id="quote"[^>]*hx-trigger="([^"]*)"', page.get(URL).content.decode())[1]
    assert "load" in trigger.split(", ")


def test_a_film_deleted_on_its_own_page_leads_to_the_library_where_it_can_be_brought_back(page, ada):
    job = AssetFactory(generation__user=ada, generation__held=False).generation
    there = {"HTTP_HX_CURRENT_URL": f"http://testserver{job.get_absolute_url()}"}
    answer = page.post(f"/home/jobs/{job.pk}/delete", **HTMX, **there)
    assert answer["HX-Redirect"] == "/home/my-library"
    assert f"/home/jobs/{job.pk}/restore" in page.get("/home/my-library").content.decode()
    page.post(f"/home/jobs/{job.pk}/restore")
    elsewhere = page.post(f"/home/jobs/{job.pk}/delete", **HTMX, HTTP_HX_CURRENT_URL=f"http://testserver{URL}")
    assert "HX-Redirect" not in elsewhere and "Undo" in elsewhere.content.decode()


def test_a_quote_says_at_the_field_what_is_cut_off_an_image(page, ada):
    picture = AssetFactory(generation=None, user=ada, kind="image", file="picture.png", width=200, height=96, recipe={})
    asked = PARAMS | {"mode": "picture", "image": str(picture.pk), "ratio": ""}
    html = page.post(f"{URL}/quote", asked, **HTMX).content.decode()
    assert "Cut to 5:3: 20 % of the width is lost." in html and 'id="note-image"' in html
    tall = page.post(f"{URL}/quote", asked | {"ratio": "9:16"}, **HTMX).content.decode()
    assert "Cut to 3:5: 71 % of the width is lost." in tall
    assert "is lost" not in page.post(f"{URL}/quote", PARAMS, **HTMX).content.decode()


def test_after_a_refusal_the_foot_says_what_is_wrong(page):
    html = page.post(URL, PARAMS | {"num_frames": 34}, **HTMX).content.decode()
    assert "Nearest: 33 or 37" in html.split('id="quote"')[1]
    assert "You see the price here" not in html


def test_a_file_that_is_not_chosen_yet_is_no_fault(page):
    html = page.get("/home/tools/upscale/quote?factor=2", HTTP_HX_REQUEST="true").content.decode()
    assert 'id="note-source"' in html and "quote__problem" not in html


def test_a_quote_beyond_the_credits_names_the_longest_that_fits(page, ada):
    asked = PARAMS | {"num_frames": 465, "steps": 30}
    html = page.post(f"{URL}/quote", asked).content.decode()
    seconds = float(re.search(r"([\d.]+) s fit\.", html)[1])
    frames = round(seconds * 8)
    price = page.post(f"{URL}/quote", asked | {"num_frames": frames}).context["quote"].credits
    longer = page.post(f"{URL}/quote", asked | {"num_frames": frames + 12}).context["quote"].credits
    assert price <= billing.balance(ada) < longer


def test_a_card_has_the_shape_and_each_ratio_the_size_that_the_model_makes(page, ada):
    job = GenerationFactory(user=ada, params=PARAMS | {"ratio": "16:9"})
    html = page.get(URL).content.decode()
    assert f'id="generation-{job.pk}"' in html and 'data-ratio="5:3"' in html
    assert re.search(r"data-ratio-size>160 × 96<", html)


def test_a_deleted_card_and_its_undo_count_the_library_anew(page, ada):
    job, _other = GenerationFactory(user=ada), GenerationFactory(user=ada, title="a blue ring")
    in_library = HTMX | {"HTTP_HX_CURRENT_URL": "http://testserver/home/my-library?show=processing"}
    html = page.post(f"/home/jobs/{job.pk}/delete", **in_library).content.decode()
    assert (
        re.search(r'id="shelf-count"[^>]*hx-swap-oob="true">\s*1 item\s*<', html) and 'id="share" hx-swap-oob' in html
    )
    html = page.post(f"/home/jobs/{job.pk}/restore", **in_library).content.decode()
    assert re.search(r'id="shelf-count"[^>]*>\s*1 item\s*<', html), "a cancelled one is not in progress"
    elsewhere = HTMX | {"HTTP_HX_CURRENT_URL": f"http://testserver{URL}"}
    assert "shelf-count" not in page.post(f"/home/jobs/{job.pk}/delete", **elsewhere).content.decode()


def test_a_title_is_what_a_file_is_called_and_found_by_until_it_is_emptied(page, ada):
    film = AssetFactory(generation__user=ada, generation__title=PARAMS["prompt"], file="film.mp4")
    job = film.generation
    page.post(f"/home/jobs/{job.pk}/title", {"title": " Opening  shot "})
    film = type(film).objects.get(pk=film.pk)
    assert (film.generation.title, film.download_name) == ("Opening shot", "opening-shot.mp4")
    assert f"generation-{job.pk}" in page.get("/home/my-library?q=opening").content.decode()
    html = page.get(job.get_absolute_url()).content.decode()
    assert '<h1 class="asset__prompt" dir="auto">Opening shot</h1>' in html and PARAMS["prompt"] in html
    assert page.post(f"/home/jobs/{job.pk}/title", {"title": "x" * 121}).status_code == 422
    page.post(f"/home/jobs/{job.pk}/title", {"title": ""})
    assert type(job).objects.get(pk=job.pk).title == PARAMS["prompt"]
