"""The API: one way in for programs, one shape for everything that is refused."""

import pytest
from rest_framework.exceptions import APIException
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken
from apps.billing import services as billing
from apps.errors import CATALOGUE
from apps.library.models import Generation
from apps.problems import BY_STATUS, exception_handler
from tests.factories import AssetFactory, GenerationFactory
from tests.params import PARAMS

URL = "/api/v1/tools/to-video/"
PROBLEM = {"type", "title", "status", "detail", "code", "advice"}


def test_it_starts_a_job_and_says_where_it_is(api, ada):
    answer = api.post(URL, {"prompt": "a red circle moves right", "num_frames": 21}, format="json")
    assert answer.status_code == 202
    job = Generation.objects.get(user=ada)
    body = answer.json()
    assert body["id"] == str(job.pk)
    assert answer["Location"].endswith(f"/api/v1/generations/{job.pk}/")
    assert (body["status"], body["progress"]["position"], body["credits"]["held"]) == ("queued", 1, body["cost"])
    assert body["params"]["seed"] is not None
    assert api.get(answer["Location"]).json()["id"] == body["id"]


def test_the_same_key_gives_the_same_job(api, ada):
    jobs = [api.post(URL, {"prompt": "star"}, format="json", HTTP_IDEMPOTENCY_KEY="k").json()["id"] for _ in range(3)]
    assert len(set(jobs)) == 1
    assert Generation.objects.filter(user=ada).count() == 1


def test_the_same_key_for_another_request_is_refused(api):
    api.post(URL, {"prompt": "star"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    answer = api.post(URL, {"prompt": "ring"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (answer.status_code, answer.json()["code"]) == (409, "duplicate_request")


def test_a_key_that_is_too_long_is_refused_and_not_cut(api):
    answers = [
        api.post(URL, {"prompt": "star"}, format="json", HTTP_IDEMPOTENCY_KEY="k" * 200 + end) for end in ("a", "")
    ]
    assert [answer.status_code for answer in answers] == [400, 202]
    told = answers[0].json()
    assert (told["code"], told["header"]) == ("invalid_header", "Idempotency-Key")
    assert "201 characters; it has at most 200" in told["detail"]


def test_two_people_may_use_the_same_key(api, ben):
    _, secret = ApiToken.objects.issue(ben, "test")
    bens = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    answers = [who.post(URL, {"prompt": "star"}, format="json", HTTP_IDEMPOTENCY_KEY="k") for who in (api, bens)]
    assert [answer.status_code for answer in answers] == [202, 202]


def test_a_quote_costs_nothing(api, ada):
    answer = api.post(f"{URL}quote/", PARAMS, format="json").json()
    assert (answer["credits"], answer["seconds"]) == (2, None)  # a quarter of the recommended steps
    assert "21 frames" in answer["summary"]
    assert billing.balance(ada) == 100


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"prompt": " "}, "prompt", "Prompt: describe"),
        ({"prompt": "x" * 2001}, "prompt", "2000"),
        ({"num_frames": 23}, "num_frames", "Nearest: 21 or 25"),
        ({"num_frames": 997}, "num_frames", "the longest here"),
        ({"num_frames": 0}, "num_frames", "Length: choose 5 or more."),
        ({"num_frames": 10**400}, "num_frames", "Length: choose 1457 or less."),
        ({"ratio": "2:7"}, "ratio", "2:7"),
        ({"steps": 0}, "steps", "Steps: choose 4 or more."),
        ({"seed": -1}, "seed", "Seed: choose 0 or more."),
        ({"style": "baroque"}, "style", "baroque"),
    ],
)
def test_bad_input_is_said_on_its_field_before_credits_move(api, ada, change, field, sentence):
    answer = api.post(URL, PARAMS | change, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    body = answer.json()
    assert body["code"] == "validation_failed"
    assert sentence in " ".join(body["errors"][field])
    assert (billing.balance(ada), Generation.objects.count()) == (100, 0)


def test_the_schema_says_how_long_a_film_can_be(client, db):
    schemas = client.get("/api/v1/schema/?format=json").json()["components"]["schemas"]
    (length,) = (it["properties"]["num_frames"] for it in schemas.values() if "num_frames" in it.get("properties", {}))
    assert (length["minimum"], length["maximum"]) == (5, 1457)


def test_too_few_credits_are_told_with_the_numbers(api, ada):
    body = api.post(URL, PARAMS | {"num_frames": 105, "steps": 100}, format="json").json()
    assert (body["code"], body["status"], body["needed"], body["balance"]) == ("insufficient_credits", 402, 165, 100)
    assert Generation.objects.count() == 0


def test_too_many_jobs_are_refused(api, ada, settings):
    settings.MAX_ACTIVE_JOBS = 1
    api.post(URL, PARAMS, format="json")
    answer = api.post(URL, PARAMS, format="json")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_jobs")
    assert billing.held(ada) == 2


def test_it_cancels_and_says_what_came_back(api, ada):
    job = GenerationFactory(user=ada)
    body = api.post(f"/api/v1/generations/{job.pk}/cancel/").json()
    assert (body["status"], body["credits"]) == ("cancelled", {"held": 30, "captured": 0, "released": 30})
    again = api.post(f"/api/v1/generations/{job.pk}/cancel/")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")


def test_it_deletes(api, ada):
    asset = AssetFactory(generation__user=ada)
    assert api.delete(f"/api/v1/generations/{asset.generation_id}/").status_code == 204
    assert api.get(f"/api/v1/generations/{asset.generation_id}/").status_code == 404
    assert api.get(asset.file_url).status_code == 404


def test_the_list_is_the_callers_own_newest_first_and_filtered(api, ada, ben):
    mine = [GenerationFactory(user=ada), AssetFactory(generation__user=ada).generation]
    GenerationFactory(user=ben)
    ids = [job["id"] for job in api.get("/api/v1/generations/").json()["results"]]
    assert ids == [str(job.pk) for job in reversed(mine)]
    done = api.get("/api/v1/generations/?status=succeeded").json()["results"]
    assert [job["assets"][0]["width"] for job in done] == [64]


def test_a_long_list_asks_as_few_questions_as_a_short_one(api, ada, django_assert_max_num_queries):
    def fill(number):
        for _ in range(number):
            AssetFactory(generation__user=ada, generation__cost=1)

    fill(2)
    with django_assert_max_num_queries(8) as few:
        api.get("/api/v1/generations/")
    fill(15)
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert len(api.get("/api/v1/generations/").json()["results"]) == 17


def test_a_strangers_job_is_not_there(api, ben):
    job = GenerationFactory(user=ben)
    for answer in (
        api.get(f"/api/v1/generations/{job.pk}/"),
        api.post(f"/api/v1/generations/{job.pk}/cancel/"),
        api.delete(f"/api/v1/generations/{job.pk}/"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "authentication_required"), ({"HTTP_AUTHORIZATION": "Bearer cv_wrong"}, "invalid_token")],
)
def test_without_a_token_nothing_is_told(db, headers, code):
    answer = APIClient(**headers).post(URL, PARAMS, format="json")
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_dead_at_once(api, ada):
    assert api.get("/api/v1/account/").json() == {"email": "ada@example.org", "credits": 100, "held": 0}
    ada.api_tokens.all().revoke()
    assert api.get("/api/v1/account/").json()["code"] == "invalid_token"


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (lambda api: api.post(URL, "{", content_type="application/json"), 400, "invalid_request"),
        (lambda api: api.post(URL, "x", content_type="text/x-unknown"), 415, "unsupported_media_type"),
        (lambda api: api.get(URL), 405, "method_not_allowed"),
        (lambda api: api.get("/api/v1/nothing/here/"), 404, "not_found"),
        (lambda api: api.get("/api/v1/generations/not-a-uuid/"), 404, "not_found"),
    ],
)
def test_every_refusal_has_the_same_shape(api, call, status, code):
    answer = call(api)
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert body.keys() >= PROBLEM
    assert answer["Content-Type"] == "application/problem+json"


def test_too_many_requests_are_told_when_to_come_back(api, monkeypatch):
    from rest_framework.throttling import UserRateThrottle

    monkeypatch.setattr(UserRateThrottle, "THROTTLE_RATES", {"user": "2/min"})
    answers = [api.get("/api/v1/account/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert 0 < int(answers[2]["Retry-After"]) <= 61


def test_the_catalogue_is_complete_and_consistent():
    assert len(CATALOGUE) >= 26
    for code, entry in CATALOGUE.items():
        assert code == entry.code
        assert 400 <= entry.status < 600
        assert entry.title.endswith(".") and entry.advice.endswith(".")


@pytest.mark.parametrize("headers", [{}, {"HTTP_AUTHORIZATION": "Bearer cv_wrong"}])
def test_who_is_not_known_is_counted_by_address(api, monkeypatch, headers):
    from rest_framework.throttling import AnonRateThrottle

    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "3/min"})
    stranger = APIClient(**headers)
    answers = [stranger.get("/api/v1/account/") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[3].json()["code"] == "rate_limited" and 0 < int(answers[3]["Retry-After"]) <= 61
    assert APIClient(REMOTE_ADDR="10.0.0.9", **headers).get("/api/v1/account/").status_code == 401
    assert api.get("/api/v1/account/").status_code == 200, "a token that is right works from the same address"


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "internal_error"), (503, "unavailable"), (406, "not_acceptable"), (429, "rate_limited")],
)
def test_an_error_that_nobody_named_is_told_by_its_status_and_not_as_a_film_that_failed(status, code):
    error = APIException("Something of a library.")
    error.status_code = status
    assert exception_handler(error, {}).data["code"] == code


def test_every_status_of_the_table_is_that_of_its_row():
    odd = {status: code for status, code in BY_STATUS.items() if CATALOGUE[code].status != status}
    assert odd == {502: "external_service", 504: "external_service"}, "answered by whoever stands in front of us"


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, '{"factor": "\\ud800"}', '{"\\udc00": [{}]}'])
def test_json_that_cannot_be_stored_is_refused(api, body):
    answer = api.post("/api/v1/tools/upscale/quote/", body, content_type="application/json")
    assert answer.status_code == 400 and answer.json()["code"] == "invalid_request"


def test_a_program_gives_a_job_a_title_and_takes_it_back(api, ada):
    job = GenerationFactory(user=ada)
    address = f"/api/v1/generations/{job.pk}/"
    assert api.patch(address, {"title": "  The circle\nleaves "}, format="json").json()["title"] == "The circle leaves"
    assert api.patch(address, {"title": ""}, format="json").json()["title"] == PARAMS["prompt"]
    for wrong in ({}, {"title": "x" * 201}, {"title": ["x"]}, {"title": "x", "prompt": "y"}, {"title": None}):
        assert api.patch(address, wrong, format="json").status_code == 422, wrong
    assert api.put(address, {"title": "x"}, format="json").status_code == 405
