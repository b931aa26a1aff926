"""What nobody sends on purpose is refused in the one shape, and never breaks anything: on every database."""

import base64
import re

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.billing import services as billing
from apps.billing.views import PAGE_SIZE as CREDITS_PAGE_SIZE
from apps.library.views import PAGE_SIZE
from tests.factories import AssetFactory, GenerationFactory
from tests.params import PARAMS

V1 = "/api/v1"
START = f"{V1}/tools/to-video/"
LISTS = [f"{V1}/generations/", f"{V1}/assets/"]


def told(answer, status, code):
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer["Content-Type"] == "application/problem+json"
    return body


def cursor(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        *("é", "a" * 5000, cursor("p=abc"), cursor("p=2026-13-45"), cursor("p=\x00"), cursor("p=")),
        *(cursor("p=0001-01-01 00:00:00+14:00"), cursor("p=9999-12-31 23:59:59-14:00"), cursor("p=99999-01-01")),
        *(cursor("r=x"), cursor(f"r={'9' * 5000}"), cursor("o=-1"), cursor(f"o={'9' * 5000}"), cursor("p=1e400")),
        *("AAAA", cursor("x=1"), cursor("p"), cursor("o=0&r=0")),
    ],
)
@pytest.mark.parametrize("address", LISTS)
def test_a_cursor_that_is_none(api, address, value):
    assert "cursor" in told(api.get(address, {"cursor": value}), 422, "validation_failed")["errors"]


def test_the_cursors_of_a_list_lead_through_it_and_back(api, ada):
    jobs = [str(GenerationFactory(user=ada, held=False).pk) for _ in range(5)]
    found, address = [], f"{LISTS[0]}?page_size=2"
    while address:
        page = api.get(address).json()
        found += [job["id"] for job in page["results"]]
        last, address = page, page["next"]
    assert found == jobs[::-1]
    assert [job["id"] for job in api.get(last["previous"]).json()["results"]] == found[2:4]


@pytest.mark.parametrize("size", ["0", "-1", "101", "abc", "", "9" * 5000, "1.5"])
def test_a_page_of_no_size(api, size):
    assert "page_size" in told(api.get(LISTS[0], {"page_size": size}), 422, "validation_failed")["errors"]


@pytest.mark.parametrize(
    ("address", "name", "sentence"),
    [
        (LISTS[0], "stauts", "Unknown parameter 'stauts'. Did you mean 'status'?"),
        (LISTS[1], "knd", "Unknown parameter 'knd'. Did you mean 'kind'?"),
        (LISTS[1], "status", "Unknown parameter 'status'."),
    ],
)
def test_a_parameter_of_a_list_that_nobody_reads(api, address, name, sentence):
    assert told(api.get(address, {name: "x"}), 422, "validation_failed")["errors"] == {name: [sentence]}


@pytest.mark.parametrize("query", [{"status": "x"}, {"status": ["failed"] * 2}])
def test_a_filter_of_a_list_that_is_none(api, query):
    told(api.get(LISTS[0], query), 422, "validation_failed")


@pytest.mark.parametrize("path", [f"{LISTS[0]}?cursor=%00", f"{LISTS[0]}?tool=a%00", f"{V1}/tools/a%00b/", "/api/%00"])
def test_a_nul_in_an_address(api, path):
    told(api.get(path), 400, "invalid_request")


HOSTILE = ["\x00", "a\x00b", "x" * 300_000, 10**400, -(10**400), 1e308, 2**63, True, [], {}, [[["x"]]], {"a": "b"}, ""]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: f"{type(value).__name__} {value!s:.9}")
def test_a_value_of_another_kind_in_any_field(api, value):
    for name in (*PARAMS, "image", "video", "end_image", "mode", "model_id", "resolution", "overlap", "finish", "fps"):
        answer = api.post(f"{START}quote/", PARAMS | {name: value}, format="json")
        assert answer.status_code in (200, 422), (name, answer.content)
        if answer.status_code == 422:
            told(answer, 422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [
        *('{"prompt": NaN}', '{"steps": Infinity}', '{"steps": 1' + "0" * 5000 + "}", '{"prompt": "\\ud83d"}', "\xff"),
        *('{"\\ud83d": 1}', "[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, '{"a":' * 30 + "1" + "}" * 30, "{"),
        *('{"prompt": "a", "prompt": "b"}', "'x'", '{"prompt": "x"} {}'),
    ],
    ids=lambda body: body[:20],
)
def test_json_that_is_none(api, body):
    told(api.post(START, body.encode("latin-1"), content_type="application/json"), 400, "invalid_request")


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "[[[]]]"])
def test_json_that_is_no_object(api, body):
    told(api.post(START, body, content_type="application/json"), 422, "validation_failed")


def test_numbers_that_are_none(api):
    for name in ("guidance_scale", "shift", "steps", "seed", "num_frames"):
        for value in ("NaN", "Infinity", "-inf", "1e999", "9" * 5000):
            answer = api.post(START, PARAMS | {name: value}, format="json")
            assert name in told(answer, 422, "validation_failed")["errors"], value
    told(api.post(START, '{"prompt": "x", "shift": 1e999}', content_type="application/json"), 422, "validation_failed")


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=é",
        "multipart/form-data; boundary=b",
    ],
)
@pytest.mark.parametrize("address", [START, f"{V1}/assets/"])
def test_a_form_that_is_none(api, address, kind):
    told(api.generic("POST", address, b"x", content_type=kind), 400, "invalid_request")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "x" * 500, ""])
def test_a_content_type_that_is_not_understood(api, kind):
    told(api.generic("POST", START, b"{}", content_type=kind), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "application/xml;q=0.9", "nothing", "x" * 9000, "a/b," * 99]
)
def test_a_format_that_there_is_not(api, accept):
    told(api.get(f"{V1}/account/", HTTP_ACCEPT=accept), 406, "not_acceptable")


def test_another_word_for_a_format(api):
    told(api.get(f"{V1}/account/?format=xml"), 406, "not_acceptable")
    assert api.get(f"{V1}/account/?format=json").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/api", "/api/", "/api/v2/", "/api/v1", "/api/v1/nothing", "/api/v1/generations/x/", "/api/v1/tools/a$b/"),
        *("/api/v1/%FF%FE/", "/api/v1/generations/00000000-0000-0000-0000-00000000000g/", "/api/v1/tools/é/"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("debug", [True, False])
def test_an_address_that_there_is_not(api, ada, settings, path, method, debug):
    settings.DEBUG = debug
    told(getattr(api, method)(path), 404, "not_found")
    signed_in = Client(enforce_csrf_checks=True)
    signed_in.force_login(ada)
    told(getattr(signed_in, method)(path), 404, "not_found")


@pytest.mark.parametrize("debug", [True, False])
def test_an_address_without_its_last_slash_names_the_one_with_it(api, settings, debug):
    settings.DEBUG = debug
    for answer in (api.post(START[:-1], PARAMS, format="json"), api.get(LISTS[0][:-1])):
        assert re.search(
            r"Did you mean /api/v1/(tools/to-video|generations)/\?", told(answer, 404, "not_found")["detail"]
        )


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "PUT", "PATCH", "X" * 200])
def test_a_method_that_there_is_not(api, method):
    told(api.generic(method, START), 405, "method_not_allowed")
    told(api.generic(method, LISTS[0]), 405, "method_not_allowed")


def test_a_session_without_its_csrf_token(ada):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(ada)
    told(client.post(START, PARAMS, format="json"), 403, "csrf_failed")


@pytest.mark.parametrize("key", ["\x00", "a\x00b", "\x7f", "a\nb"])
def test_a_key_that_cannot_be_stored(api, key):
    told(api.post(START, PARAMS, format="json", HTTP_IDEMPOTENCY_KEY=key), 400, "invalid_header")


@pytest.mark.parametrize("value", ["Bearer \x00", "Bearer é", "Bearer ", "Bearer a b", "bearer " + "x" * 9000])
def test_a_token_that_is_none(db, value):
    told(APIClient(HTTP_AUTHORIZATION=value).get(f"{V1}/account/"), 401, "invalid_token")


NUL = "%00"
PAGES = [
    *(
        f"/home/my-library?q={NUL}",
        f"/home/my-library?show={NUL}&sort={NUL}&page={NUL}",
        "/home/my-library?page=" + "9" * 5000,
    ),
    *(
        f"/home/tools/to-video?from={NUL}",
        f"/home/tools/to-video?image={NUL}&prompt={NUL}&mode={NUL}",
        "/home/tools/%00",
    ),
    *(f"/home/tools/to-video/quote?prompt={NUL}&image={NUL}&seed={'9' * 5000}", f"/home/my-library/uploads?page={NUL}"),
    *(f"/accounts/login/?next={NUL}", f"/start?prompt={NUL}", f"/accounts/link/{NUL}/x", "/accounts/link/MQ/%00"),
    *(f"/accounts/confirm-email/{NUL}/", "/accounts/password/reset/key/zzzzzzzzzzzzz-x/", "/live/x/index.m3u8", "/%FF"),
    *(f"/accounts/link/{base64.urlsafe_b64encode(bytes([0])).decode().rstrip('=')}/x", f"/accounts/link/{'9' * 900}/x"),
    f"/accounts/link/{base64.urlsafe_b64encode(b'9' * 30).decode().rstrip('=')}/x",
]


@pytest.mark.parametrize("address", PAGES, ids=lambda address: address[:60])
def test_a_page_is_asked_for_nonsense(page, address):
    assert page.get(address).status_code < 500


@pytest.mark.parametrize(
    "cookie", ['sessionid="\\000aaaaaaaaaa"', 'csrftoken="\\000"', 'messages="\\000"', "sessionid=é"]
)
def test_a_cookie_is_nonsense(client, db, cookie):
    client.cookies.clear()
    for address in ("/", "/home/my-library", f"{V1}/account/"):
        assert client.get(address, headers={"cookie": cookie}).status_code < 500


def test_a_file_is_asked_for_nonsense(page, ada):
    file = AssetFactory(generation__user=ada)
    for name in ("Range", "If-Range", "If-None-Match", "If-Modified-Since", "If-Match", "Authorization"):
        for value in (
            "\x00",
            "é",
            "bytes=" + "9" * 5000 + "-",
            "W/",
            '"',
            "*",
            "Sun, 99 Nov 9999 99:99:99 GMT",
            "Bearer \x00",
        ):
            assert page.get(file.file_url, headers={name: value}).status_code < 500, (name, value)


@pytest.mark.parametrize(
    "to", ["foo", "library:trash", "reverse me", "%zz", "\\evil", "a.b", "//evil.example", "http://["]
)
@pytest.mark.parametrize(
    "form", ["my-library/uploads/delete", "my-library/zip", "my-library/trash/delete", "jobs/restore"]
)
def test_a_form_wants_to_go_back_to_nowhere(page, form, to):
    answer = page.post(f"/home/{form}", {"next": to, "id": "x"})
    assert (answer.status_code, answer.url.startswith("/home/my-library")) == (302, True)


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-13-01T00:00:00Z", "2026-01-01", "é"]
)
def test_activity_since_no_moment(page, moment):
    assert page.get("/home/activity", {"since": moment}).status_code == 200
    assert page.post("/home/activity/seen", {"until": moment}).status_code == 302


def test_the_cursor_of_another_list_leads_to_the_first_page(page, ada):
    GenerationFactory.create_batch(PAGE_SIZE + 1, user=ada, held=False)
    for number in range(CREDITS_PAGE_SIZE):
        billing.grant(ada, 1, f"more:{number}")
    lists = {address: page.get(address).context["page"] for address in ("/home/my-library", "/home/credits")}
    (jobs, credits) = lists.values()
    assert jobs.after and credits.after
    for address, other in zip((*lists, "/home/my-library/uploads"), (credits, jobs, credits), strict=True):
        for name in ("before", "after"):
            answer = page.get(address, {name: other.after})
            assert answer.status_code == 200 and not answer.context["page"].before
