"""A tool is declared once: a module that registers one gives it a page, a card, an API path and a schema."""

import re

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command

from apps.billing import services as billing
from apps.library.models import Generation
from apps.tools import registry
from workers.engines.skyreels import cards


def test_a_new_tool_has_a_card(client, boat):
    html = client.get("/home/tools/all").content.decode()
    assert "Paper boat" in html
    assert "A boat, folded from your words." in html
    assert "/home/tools/paper-boat" in html


def test_a_new_tool_has_a_page_that_starts_jobs(page, ada, boat):
    html = page.get("/home/tools/paper-boat").content.decode()
    assert 'name="prompt"' in html
    assert 'name="size"' in html
    assert page.post("/home/tools/paper-boat", {"prompt": "swan", "size": 3}).status_code == 302
    job = Generation.objects.get(user=ada)
    assert (job.tool, job.params, job.cost, billing.held(ada)) == ("paper-boat", {"prompt": "swan", "size": 3}, 15, 15)


def test_a_new_tool_has_an_api_path(api, boat):
    assert "paper-boat" in [tool["slug"] for tool in api.get("/api/v1/tools/").json()]
    answer = api.post("/api/v1/tools/paper-boat/", {"prompt": "swan"}, format="json")
    assert answer.status_code == 202
    assert answer.json()["params"] == {"prompt": "swan", "size": 2}


def test_a_new_tool_is_in_the_schema(api, boat):
    schema = yaml.safe_load(api.get("/api/v1/schema/").content)
    operation = schema["paths"]["/api/v1/tools/paper-boat/"]["post"]
    assert operation["summary"] == "Paper boat"
    assert operation["description"] == "Fold a paper boat."
    body = schema["components"]["schemas"]["ToyToolRequestRequest"]
    assert (body["required"], body["properties"]["size"]["maximum"]) == (["prompt"], 5)


def test_the_schema_names_every_model_and_ratio_of_the_catalogue(api):
    schemas = yaml.safe_load(api.get("/api/v1/schema/").content)["components"]["schemas"]
    released = [card for card in cards.all() if card.released]

    def choices(field):
        one = schemas["ToVideoRequestRequest"]["properties"][field]
        parts = one.get("oneOf") or one.get("allOf") or [one]
        return {value for part in parts for value in schemas[part["$ref"].rpartition("/")[2]]["enum"]} - {"", None}

    assert choices("model_id") == {card.id for card in released}
    assert choices("ratio") == {ratio for card in released for ratio in card.sizes}
    assert choices("resolution") == {card.resolution for card in released}


def test_a_model_of_the_catalogue_that_is_not_on_this_machine_is_refused_in_words(api):
    answer = api.post("/api/v1/tools/to-video/", {"prompt": "a", "model_id": "SkyReels-V2-DF-14B-540P"}, format="json")
    assert answer.json()["errors"] == {"model_id": ["Model: SkyReels-V2-DF-14B-540P is not on this machine."]}


def test_every_clip_that_a_page_shows_is_there(client):
    for page in ("/", "/home/tools/all"):
        shown = set(re.findall(r"/static/(clips/[\w.-]+)", client.get(page).content.decode()))
        assert shown and not [name for name in shown if not finders.find(name)]


def test_the_schema_validates_without_warnings(boat, tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_two_tools_cannot_share_a_slug(boat):
    with pytest.raises(ValueError, match="paper-boat"):
        registry.register(type(boat))


def test_an_unknown_tool_is_not_found(page, api):
    assert page.get("/home/tools/none").status_code == 404
    assert api.post("/api/v1/tools/none/", {}).json()["code"] == "not_found"
