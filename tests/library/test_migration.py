"""A studio whose database was made before jobs had inputs, with films, uploads and transfers in it, is brought here.

On SQLite the old database is read as it was. Elsewhere its rows are copied into the tables of its time.
"""

import json
import sqlite3
from datetime import UTC
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, connections, models
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
from apps.library.models import Asset, Generation, GenerationInput
from apps.tools import registry, services

OLD = Path(__file__).parents[1] / "data" / "before_inputs.sql"
BEFORE = ("library", "0003_stop_and_keep")
TABLES = ("accounts.User", "account.EmailAddress", "billing.Account", "billing.Transfer")
TABLES += ("library.Generation", "library.Asset")
PICTURE, END, CLIP = ("3c8e2739-599d-4a17-b411-1ab20eec4904", "ee908401-f112-4eb5-8a1e-cfd471f19ac0",
                      "857adb06-0cb0-4481-9580-b80525dc3bb2")  # fmt: skip
GONE, FILM = "be1e4e3e-2821-4a75-b53b-9dcf6fe6f4d9", "47142573-4c62-5b54-8316-320eb74290c8"
INPUTS = {
    "from a picture": {"image": PICTURE},
    "its picture is gone": {"image": GONE},
    "it goes on": {"video": CLIP},
    "waits with a picture": {"image": PICTURE},
    "from one to another": {"image": PICTURE, "end_image": END},
    "a film goes on": {"video": FILM},
    "cancelled with a picture": {"image": PICTURE},
}


def old_rows():
    """The old database in memory, and its rows by name."""
    old = sqlite3.connect(":memory:")
    old.row_factory = sqlite3.Row
    old.executescript(OLD.read_text())
    return old


def copy(old):
    """Bring the tables of this database to where those of the old one were, and fill them."""
    executor = MigrationExecutor(connection)
    targets = [tuple(row) for row in old.execute("SELECT app, name FROM django_migrations")]
    executor.migrate(targets)
    apps = executor.loader.project_state(targets).apps
    for name in TABLES:
        model = apps.get_model(name)
        for row in old.execute(f'SELECT * FROM "{model._meta.db_table}"'):
            model.objects.create(**{field.attname: value_of(field, row[field.column]) for field in model._meta.fields})
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [apps.get_model(name) for name in TABLES]):
            cursor.execute(statement)


def value_of(field, value):
    if isinstance(field, models.JSONField):
        return json.loads(value)
    value = field.to_python(value) if not isinstance(field, models.ForeignKey) else value
    return value.replace(tzinfo=UTC) if isinstance(field, models.DateTimeField) and value else value


def leave():
    """Close all connections, those that a pool keeps too: it would go on with the database that it was made for."""
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()


@pytest.fixture
def old_studio(django_db_setup, django_db_blocker, tmp_path):
    """The old database in the place of the tests' own, not migrated yet."""
    settings_of = connections.settings["default"]
    own = settings_of["NAME"]
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            new = str(tmp_path / "old.sqlite3")
            with sqlite3.connect(new) as file:
                file.executescript(OLD.read_text())
        else:
            new = f"{own}_old"
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {new}")
                cursor.execute(f"CREATE DATABASE {new}")
        leave()
        settings_of["NAME"] = connection.settings_dict["NAME"] = new
        try:
            if connection.vendor != "sqlite":
                copy(old_rows())
            yield
        finally:
            leave()
            settings_of["NAME"] = connection.settings_dict["NAME"] = own
            if connection.vendor != "sqlite":
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP DATABASE {new}")


@pytest.fixture
def studio(old_studio):
    """The old studio, brought here."""
    call_command("migrate", verbosity=0)
    return User.objects.get(email="ada@example.org")


def given():
    rows = GenerationInput.objects.select_related("generation")
    named = {}
    for row in rows:
        assert (row.position, row.source, row.asset.user_id) == (0, None, row.generation.user_id)
        named.setdefault(row.generation.title, {})[row.name] = str(row.asset_id)
    return named


def params():
    return dict(Generation.objects.values_list("title", "params"))


def test_inputs_are_rows_and_no_parameter_names_an_asset(studio):
    assert given() == INPUTS
    assert Generation.objects.count() == 10
    ids = [str(pk) for pk in Asset.objects.values_list("pk", flat=True)]
    assert not [title for title, values in params().items() if any(pk in json.dumps(values) for pk in ids)]
    assert params()["it goes on"]["mode"] == "extend", "the rest stays as it was"


def test_the_films_are_shown_as_they_were(studio, settings):
    page, api = Client(), APIClient()
    page.force_login(studio)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiToken.objects.issue(studio, 'test')[1]}")
    shown = {job["title"]: job for job in api.get("/api/v1/generations/?page_size=100").json()["results"]}
    assert len(shown) == 8, "one is in the trash, one is somebody else's"
    for title, job in shown.items():
        told = api.get(f"/api/v1/generations/{job['id']}/").json()
        assert {it["name"]: it["asset"] for it in told["inputs"]} == INPUTS.get(title, {})
        assert (len(told["assets"]), told["data"], told["group"]) == (told["status"] == "succeeded", None, None)
        html = page.get(f"/home/my-library/{job['id']}")
        assert html.status_code == 200 and title in html.content.decode()
        assert page.get(f"/home/tools/to-video?from={job['id']}").status_code == 200
    stopped = shown["stopped early"]
    assert (stopped["stopped_early"], stopped["credits"]) == (True, {"held": 40, "captured": 20, "released": 20})
    assert shown["its picture is gone"]["error"]["code"] == "input_missing"
    for address in ("/home/my-library", "/home/my-library/uploads", "/home/tools/to-video"):
        assert page.get(address).status_code == 200


def test_the_films_are_found_by_their_words(studio):
    assert Generation.objects.get(words__contains="from one to another").title == "from one to another"
    assert not Generation.objects.filter(words="").exists()


def test_the_books_are_right_and_new_films_can_be_asked_for(studio, settings):
    assert billing.audit() == []
    assert (billing.balance(studio), billing.held(studio)) == (180, 50)
    tool = registry.get("to-video")
    assert services.quote(tool, params()["a red circle moves right"]).credits == 1
    settings.MAX_ACTIVE_JOBS = 10
    job = services.submit(studio, tool, params()["from a picture"] | {"image": PICTURE})
    assert str(job.inputs.get().asset_id) == PICTURE
    for waiting in Generation.objects.filter(user=studio).active():
        services.cancel(waiting)
    assert (billing.balance(studio), billing.held(studio), billing.audit()) == (230, 0, [])


def test_what_waited_is_taken_in_its_turn_and_old_ends_are_not_told_again(studio):
    queued = list(Generation.objects.queued().order_by("created_at"))
    assert [job.position for job in queued] == [1, 2, 3, 4]
    taken = Generation.objects.claim("gpu")
    assert (taken.title, taken.inputs.get().found.kind) == ("waits with a picture", "image")
    assert not Generation.objects.ended().filter(told_at=None).exists()
    lost = Generation.objects.get(title="its picture is gone").inputs.get()
    assert lost.found is None


def test_back_and_forth_loses_nothing(old_studio):
    before = old_params()
    call_command("migrate", verbosity=0)
    forward = params()
    call_command("migrate", *BEFORE, verbosity=0)
    assert old_params() == before
    call_command("migrate", verbosity=0)
    assert (params(), given()) == (forward, INPUTS)
    assert billing.audit() == []


def old_params():
    apps = MigrationExecutor(connection).loader.project_state([BEFORE]).apps
    return dict(apps.get_model("library", "Generation").objects.values_list("title", "params"))
