"""The API keeps to its own description: whatever it is sent, it answers with what the description says."""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of, text
from rest_framework.throttling import SimpleRateThrottle
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from apps.accounts.models import ApiToken
from tests.factories import AssetFactory

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
FEW = settings(max_examples=12, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
# In JSON a file cannot be sent, and what stands for one is a text that is no id.
schemathesis.openapi.format("binary", text(max_size=40))
REFUSED = {"400", "401", "406", "429", "503"}


@pytest.fixture
def reference(db, monkeypatch):
    """The API's description, as it is served; nobody is asked to wait."""
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", {"anon": None, "user": None, "uploads": None})
    config = SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": False}}})
    # As Django's own test client does: the end of a request does not close the transaction of the test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application(), config=config)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def mine(ada):
    """What a program of ada's sends, and the ids of what she has."""
    asset = AssetFactory(generation__user=ada)
    headers = {"Authorization": f"Bearer {ApiToken.objects.issue(ada, 'test')[1]}"}
    return headers, {"generations": str(asset.generation_id), "assets": str(asset.pk)}


def ask(reference, send):
    """Call `send` with some requests to each operation of the API, good ones and bad ones."""
    asked = 0
    for found in reference.get_all_operations():
        modes = [found.ok().as_strategy(generation_mode=mode) for mode in GenerationMode]
        FEW(given(case=one_of(modes))(send))()
        asked += 1
    assert asked > 10


def test_a_program_with_a_token_is_answered_as_described(reference, mine):
    headers, ids = mine

    def send(case):
        case.call_and_validate(checks=CHECKS, headers=headers)
        kind = case.operation.path.split("/")[3]
        if "id" in (case.path_parameters or {}) and kind in ids:
            case.path_parameters["id"] = ids[kind]
            case.call_and_validate(checks=CHECKS, headers=headers)

    ask(reference, send)


def test_anybody_else_is_answered_as_described(reference):
    def send(case):
        case.call_and_validate(checks=CHECKS)

    ask(reference, send)


def test_every_operation_says_what_it_refuses(client, db):
    paths = client.get("/api/v1/schema/?format=json").json()["paths"]
    assert len(paths) > 10
    for path, operations in paths.items():
        for method, operation in operations.items():
            answers, where = operation["responses"], f"{method} {path}"
            assert answers.keys() >= REFUSED, where
            assert ("404" in answers) == ("{" in path), where
            assert ("403" in answers) == (method != "get"), where
            assert ("415" in answers) == ("requestBody" in operation), where
            query = any(
                given["in"] == "query" and given["name"] != "format" for given in operation.get("parameters", [])
            )
            assert ("422" in answers) == ("requestBody" in operation or query), where
            refusals = [answers[status] for status in answers if status >= "400"]
            assert all(list(refusal["content"]) == ["application/problem+json"] for refusal in refusals), where


def test_a_body_takes_no_other_fields(client, db):
    schemas = client.get("/api/v1/schema/?format=json").json()["components"]["schemas"]
    requests = [name for name in schemas if name.endswith("Request")]
    assert requests and all(schemas[name]["additionalProperties"] is False for name in requests)
