"""No line of the log holds a secret, in either format, whatever goes wrong."""

import io
import json
import logging
import time

import pytest
import structlog
from django.conf import settings as django_settings
from django.core.signing import dumps
from django.test import Client
from django.utils.log import AdminEmailHandler

from apps.accounts.links import sign_in_url
from apps.accounts.models import ApiToken
from cinevivid.logs import formatter

PLANTED = "Pl4nted-horse-77"


@pytest.fixture(params=["json", "console"])
def log(request):
    """Every line of every library while a test runs, as one handler of the site writes them."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(as_json=request.param == "json", known=["Kn0wn-secret"]))
    root, loud = logging.getLogger(), [logging.getLogger(name) for name in ("", "django", "django.request", "apps")]
    before = [each.level for each in loud]
    root.addHandler(handler)
    for each in loud:
        each.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    for each, level in zip(loud, before, strict=True):
        each.setLevel(level)


@pytest.fixture
def visitor(settings, ada):
    """A browser whose every header, cookie and field is a secret, on a site with one broken page."""
    settings.ROOT_URLCONF = "tests.web.raising"
    headers = ("AUTHORIZATION", "X_CSRFTOKEN", "X_API_KEY", "USER_AGENT", "X_REQUEST_ID", "X_CORRELATION_ID", "REFERER")
    client = Client(raise_request_exception=False, **{f"HTTP_{name}": f"Bearer {PLANTED}" for name in headers})
    client.cookies["sessionid"] = client.cookies["other"] = PLANTED
    return client


def test_a_number_of_secrets_is_none_of_them(log):
    structlog.get_logger("apps.tools").info("old_rows_removed", tokens=3, token="cv_" + "x" * 20)
    assert "3" in log.getvalue() and "x" * 20 not in log.getvalue()


@pytest.mark.parametrize("method", ["get", "post", "put"])
def test_an_error_is_told_without_what_the_view_held(log, visitor, method):
    answer = getattr(visitor, method)(f"/raise/{PLANTED}?token={PLANTED}&q={PLANTED}", {"password": PLANTED})
    assert answer.status_code == 500
    assert "kinds of secrets" in log.getvalue()
    assert "in raising" in log.getvalue()
    assert PLANTED not in log.getvalue()


@pytest.mark.parametrize("host", [f"ada:{PLANTED}@evil.example", "evil.example"])
def test_a_host_that_is_not_ours_is_told_in_one_line(log, visitor, settings, host):
    settings.ALLOWED_HOSTS = ["localhost"]
    assert visitor.get("/", HTTP_HOST=host).status_code == 400
    assert "Invalid HTTP_HOST header" in log.getvalue()
    assert "evil.example" in log.getvalue()
    assert "Traceback" not in log.getvalue()
    assert PLANTED not in log.getvalue()


def test_refusals_name_the_route_and_not_the_path(log, visitor, ada, settings):
    link = sign_in_url(ada).partition(settings.SITE_URL)[2]
    for path in (link, f"/accounts/confirm-email/{dumps(PLANTED)}/", f"/accounts/password/reset/key/1-{PLANTED}/"):
        Client(enforce_csrf_checks=True).post(path, {"password1": PLANTED})
        for _ in range(25):
            visitor.get(path)
        visitor.get(f"{path}/wrong?token={PLANTED}")
    key = link.rpartition("/")[2]
    assert "/accounts/link/<str:uid>/<str:token>" in log.getvalue()
    assert all(text in log.getvalue() for text in ("Forbidden", "Too Many Requests", "Not Found", "(no route)"))
    assert key not in log.getvalue()
    assert PLANTED not in log.getvalue()
    assert dumps(PLANTED).partition(":")[0] not in log.getvalue()


def test_account_pages_tell_nothing_of_what_was_entered(log, visitor, ada, page, mailoutbox):
    visitor.post("/accounts/signup/", {"email": "new@example.org", "password1": PLANTED})
    visitor.post("/accounts/signup/", {"email": "new2@example.org", "password1": "12345"})
    visitor.post("/accounts/login/", {"login": "new@example.org", "password": PLANTED})
    visitor.post("/accounts/password/reset/", {"email": ada.email, "password": PLANTED})
    page.post("/accounts/tokens", {"name": "script"})
    assert ApiToken.objects.of(ada).count() == 1
    lines = log.getvalue()
    assert "request_finished" in lines
    assert PLANTED not in lines
    assert "cv_" not in lines
    links = [word for mail in mailoutbox for word in mail.body.split() if word.startswith("http")]
    assert links
    assert not [link for link in links if link.rstrip("/").rpartition("/")[2] in lines and "key/" in link]


@pytest.mark.parametrize(
    "line",
    [
        "connecting to postgres://cinevivid:{}@db:5432/cinevivid",
        "redis://:{}@redis:6379/0 did not answer",
        "EMAIL_URL=smtp+tls://studio%40example.org:{}@mail.example:587",
        "GET https://s3.example/film.mp4?X-Amz-Signature={}&X-Amz-Credential={} failed",
        "POST /api?access_token={}",
        "Authorization: Bearer {}",
        "Cookie: sessionid={}; csrftoken={}",
        "got {{'password1': ['{}'], 'Authorization': 'Basic {}'}}",
        '{{"password": "{}", "refresh_token": "{}"}}',
        "WebSocket /accounts/link/MQ/{} closed",
    ],
)
@pytest.mark.parametrize("how", ["message", "argument", "exception", "field"])
def test_secrets_in_the_words_of_a_library_are_hidden(log, line, how):
    text, library = line.format(*[PLANTED] * line.count("{}")), logging.getLogger("some.library")
    if how == "message":
        library.error(text)
    elif how == "argument":
        library.error("it said %s", text)
    elif how == "field":
        structlog.get_logger("apps.test").error("failed", reason=text, password=PLANTED, more={"api_key": PLANTED})
    else:
        try:
            raise ConnectionError(text)
        except ConnectionError:
            library.exception("it broke")
    assert log.getvalue().count("\n") >= 1
    assert PLANTED not in log.getvalue()


def test_the_studios_own_secrets_are_hidden_wherever_they_stand(log):
    logging.getLogger("some.library").error("signing with Kn0wn-secret failed")
    assert "signing with *** failed" in log.getvalue()
    assert django_settings.SECRET_KEY in django_settings.KNOWN_SECRETS


def test_a_json_line_is_one_object_with_a_plain_traceback(visitor):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter(as_json=True, known=[]))
    logging.getLogger().addHandler(handler)
    try:
        visitor.get("/raise/x")
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert any(line.get("exception", "").startswith("Traceback (most recent call last)") for line in lines)


def test_an_error_costs_no_more_than_a_page(log, visitor):
    visitor.get("/raise/x")
    start = time.thread_time()
    for _ in range(10):
        visitor.get("/raise/x")
    assert (time.thread_time() - start) / 10 < 0.05


@pytest.mark.parametrize("debug", [True, False])
def test_the_page_and_the_mail_of_an_error_show_no_value(visitor, settings, mailoutbox, debug):
    settings.DEBUG, settings.ADMINS = debug, [("Op", "op@example.org")]
    answer = visitor.post(f"/raise/key?token={PLANTED}", {"password": PLANTED})
    handler = AdminEmailHandler(include_html=True)
    logging.getLogger("django.request").addHandler(handler)
    try:
        visitor.post("/raise/key", {"password": PLANTED})
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    pages = [answer.content.decode()] if debug else []
    for text in (*pages, mailoutbox[-1].body, mailoutbox[-1].alternatives[0][0]):
        assert "raising" in text
        assert PLANTED not in text
        assert settings.SECRET_KEY not in text
