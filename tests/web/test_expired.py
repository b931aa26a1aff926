"""Nothing that was typed is lost: not with an expired form, not with an ended session, and no page makes two jobs."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from apps.library.models import Generation
from tests.factories import GenerationFactory
from tests.params import PARAMS

URL = "/home/tools/to-video"
TYPED = PARAMS | {"prompt": "a blue star rises over the sea"}
HERE = {"HTTP_HOST": "localhost"}
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def strict(ada):
    browser = Client(enforce_csrf_checks=True, **HERE)
    browser.force_login(ada)
    return browser


def sent_again(html):
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))


def test_an_expired_form_comes_back_with_what_was_typed_and_works(strict):
    answer = strict.post(URL, TYPED, HTTP_ORIGIN="http://localhost")
    html = answer.content.decode()
    assert answer.status_code == 403 and TYPED["prompt"] in html and "Back to home" in html
    again = sent_again(html)
    assert again["prompt"] == TYPED["prompt"] and again["num_frames"] == str(TYPED["num_frames"])
    assert strict.post(URL, again, HTTP_ORIGIN="http://localhost").status_code == 302
    assert Generation.objects.get().params["prompt"] == TYPED["prompt"]


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "http://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_REFERER": "http://evil.example/http://localhost/"},
        {},
        {"HTTP_ORIGIN": "http://localhost", "HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
)
def test_a_form_of_another_site_is_never_offered_with_a_token(strict, headers):
    html = strict.post(URL, TYPED, **headers).content.decode()
    assert TYPED["prompt"] not in html and "This form has expired." in html


def test_passwords_are_typed_again(db):
    browser = Client(enforce_csrf_checks=True, **HERE)
    sent = {"login": "ada@example.org", "password": "very-secret-words"}
    html = browser.post("/accounts/login/", sent, HTTP_ORIGIN="http://localhost").content.decode()
    assert "very-secret-words" not in html and 'type="password"' in html and "ada@example.org" in html


def test_on_the_tool_page_the_expired_form_takes_the_place_of_the_page(strict):
    answer = strict.post(URL, TYPED, HTTP_ORIGIN="http://localhost", **HTMX)
    assert (answer["HX-Retarget"], answer["HX-Reselect"]) == ("#main", "#main")


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_signed_out_form_waits_behind_the_sign_in(client, ada, headers):
    ada.set_password("a-long-enough-phrase")
    ada.save()
    answer = client.post(URL, TYPED, **headers)
    there = answer.headers.get("HX-Redirect") or answer.url
    assert there == f"/accounts/login/?next={URL}"
    client.post(there, {"login": ada.email, "password": "a-long-enough-phrase", "next": URL})
    form = client.get(URL).context["form"]
    assert form["prompt"].value() == TYPED["prompt"] and form["num_frames"].value() == str(TYPED["num_frames"])
    assert client.get(URL).context["form"]["prompt"].value() != TYPED["prompt"]


def test_the_quote_of_somebody_who_is_signed_out_says_so(client, db):
    assert "You are signed out." in client.post(f"{URL}/quote", TYPED, **HTMX).content.decode()
    assert client.post(f"{URL}/quote", TYPED).url == f"/accounts/login/?next={URL}"


def test_a_page_sent_twice_makes_one_job(page):
    once = page.get(URL).context["once"]
    assert [page.post(URL, TYPED | {"once": once}).status_code for _ in range(2)] == [302, 302]
    assert Generation.objects.count() == 1
    page.post(URL, TYPED | {"once": once, "prompt": "another one"})
    assert Generation.objects.count() == 2, "what was changed is another request"
    fresh = re.search(r'id="once" name="once" value="(\w+)"', page.post(URL, TYPED, **HTMX).content.decode())[1]
    assert fresh != once


@pytest.mark.parametrize("lost", [{"deleted_at": timezone.now()}, {"status": "failed", "finished_at": timezone.now()}])
def test_a_page_sent_again_when_its_job_is_gone_makes_another_one(page, lost):
    sent = TYPED | {"once": page.get(URL).context["once"]}
    page.post(URL, sent)
    first = Generation.objects.get()
    Generation.objects.update(**lost)
    for _ in range(2):
        answer = page.post(URL, sent, **HTMX).content.decode()
    second = Generation.objects.exclude(pk=first.pk).get()
    assert f"generation-{second.pk}" in answer and str(first.pk) not in answer


def test_without_scripts_pages_with_a_running_job_reload_themselves(page, ada):
    tag = '<noscript><meta http-equiv="refresh"'
    assert tag not in page.get(URL).content.decode()
    job = GenerationFactory(user=ada, status="running")
    for path in (URL, "/home/my-library", job.get_absolute_url()):
        html = page.get(path).content.decode()
        assert tag in html and "reloads every" in html, path
    assert tag not in page.get(f"{URL}?write=1").content.decode(), "nobody's typing is thrown away"


def test_small_things_that_were_wrong(page):
    assert page.get("/accounts/tokens/").url == "/accounts/tokens"
    html = page.get("/accounts/profile").content.decode()
    assert html.count('href="/accounts/tokens"') == 2, "in the account's navigation and in the menu"
    assert "Your display name." in html
    wrong = page.post("/accounts/password/change/", {"oldpassword": "", "password1": "", "password2": ""})
    html = wrong.content.decode()
    assert "Current password" in html and "Current password is missing." in html
    assert re.search(r'<input[^>]*name="oldpassword"[^>]*autofocus', html)
