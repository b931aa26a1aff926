"""Promises of the whole site."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.errors import CATALOGUE
from tests.factories import AssetFactory, GenerationFactory

pytestmark = pytest.mark.look


def test_pages_and_api_run_without_torch():
    script = (
        "import sys, cinevivid.asgi; from django.test import Client; "
        "import django.urls; django.urls.get_resolver().url_patterns; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_nothing_is_inline_and_the_policy_says_so(page, ada):
    AssetFactory(generation__user=ada)
    for path in ("/", "/home/tools/to-video", "/home/my-library", "/home/credits", "/accounts/profile", "/docs/voices"):
        answer = page.get(path)
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy
        html = answer.content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=\"|<script(?![^>]*\ssrc=)", html), path


@pytest.mark.parametrize(
    ("path", "code"), [("/home/nothing", "not_found"), ("/home/my-library/not-a-uuid", "not_found")]
)
def test_an_error_page_says_what_and_what_now(page, path, code):
    html = page.get(path).content.decode()
    assert "There is nothing here." in html
    assert "look in your library" in html
    assert code in html


def test_a_broken_view_shows_no_traceback(page, monkeypatch):
    page.raise_request_exception = False
    monkeypatch.setattr("apps.billing.services.history", lambda user: 1 / 0)
    answer = page.get("/home/credits")
    html = answer.content.decode()
    assert answer.status_code == 500
    assert "Something went wrong on our side." in html
    assert "ZeroDivisionError" not in html


def test_a_forged_form_is_refused_in_the_sites_look(ada):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    answer = client.post("/home/tools/to-video", {"prompt": "x"})
    assert answer.status_code == 403
    assert "This form has expired." in answer.content.decode()


def test_maintenance_closes_the_site_but_not_its_health(client, db, settings):
    settings.MAINTENANCE_MODE = True
    assert client.get("/home/tools/all").status_code == 503
    assert client.get("/api/v1/tools/").json()["code"] == "maintenance"
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_names_what_is_broken(client, db, monkeypatch):
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr("cinevivid.views._storage", lambda: 1 / 0)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["storage"], answer.json()["database"]) == (503, "failed", "ok")


def test_probes_need_neither_tls_nor_a_known_host(client, db, settings, monkeypatch):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/", headers={"host": "localhost"}).status_code == 301
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"host": "10.0.0.7:8000"}).status_code == 200
    monkeypatch.setattr("cinevivid.views._storage", lambda: 1 / 0)
    assert client.get("/readyz", headers={"host": "10.0.0.7:8000"}).status_code == 503


def settings_with(script, **environment):
    """Run a script in a process with these settings; its output or its error."""
    env = {"PATH": "/usr/bin", "DJANGO_SETTINGS_MODULE": "cinevivid.settings"} | environment
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=env, cwd=root, check=False
    )
    return done.stdout.split() or [done.stderr]


@pytest.mark.parametrize(
    "store", [{}, {"S3_REGION": "eu-central-1"}, {"S3_ENDPOINT_URL": "https://minio.example.com/"}]
)
@pytest.mark.parametrize("bucket", ["films", "my.films"])
def test_pages_may_show_what_the_signed_addresses_of_s3_lead_to(store, bucket):
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    script = (
        "from django.conf import settings as s; from django.core.files.storage import default_storage;"
        "print(default_storage.url('film.mp4'), *s.CONTENT_SECURITY_POLICY['DIRECTIVES']['media-src'])"
    )
    address, *allowed = settings_with(script, S3_BUCKET=bucket, **keys, **store)
    assert any(address.startswith(f"{origin}/{bucket}/film.mp4?") for origin in allowed)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in address


def test_mail_goes_out_encrypted_as_the_example_says():
    example = (Path(__file__).resolve().parents[2] / ".env.example").read_text()
    (url,) = re.findall(r"^# (smtp\S+)", example, re.MULTILINE)
    script = "from django.conf import settings as s; print(s.EMAIL_HOST, s.EMAIL_PORT, s.EMAIL_USE_TLS)"
    assert settings_with(script, EMAIL_URL=url) == ["host", "587", "True"]
    (error,) = settings_with(script, EMAIL_URL="smtp://user:password@host:587?tls=True")
    assert "EMAIL_URL does not know TLS" in error


def test_the_library_asks_as_many_questions_for_many_films_as_for_few(page, ada, django_assert_max_num_queries):
    for _ in range(3):
        AssetFactory(generation__user=ada, generation__held=False)
    with django_assert_max_num_queries(8) as few:
        page.get("/home/my-library")
    for _ in range(20):
        AssetFactory(generation__user=ada, generation__held=False)
    with django_assert_max_num_queries(len(few.captured_queries)):
        page.get("/home/my-library")


def test_the_library_is_searched_filtered_and_sorted(page, ada):
    AssetFactory(generation__user=ada, generation__title="a crimson ball over the sea")
    GenerationFactory(user=ada, title="a blue star at night")
    titles = ("a crimson ball over the sea", "a blue star at night")

    def found(query):
        html = page.get(f"/home/my-library?{query}").content.decode()
        return [title for title in titles if title in html]

    assert found("") == list(titles)
    assert found("q=CRIMSON") == [titles[0]]
    assert found("show=completed") == [titles[0]]
    assert found("show=processing") == [titles[1]]
    assert found("show=failed") == []
    html = page.get("/home/my-library?sort=old").content.decode()
    assert html.index(titles[0]) < html.index(titles[1])


def test_the_library_finds_words_at_the_end_of_a_long_prompt(page, ada):
    prompt = "a red circle " * 30 + "under a lighthouse"
    GenerationFactory(user=ada, title=prompt[:200], params={"prompt": prompt})
    assert 'id="generation-' in page.get("/home/my-library?q=Lighthouse").content.decode()
    assert 'id="generation-' not in page.get("/home/my-library?q=windmill").content.decode()


@pytest.mark.parametrize(("sort", "word"), [("old", "Newer"), ("new", "Older")])
def test_the_pager_says_where_it_leads(page, ada, sort, word):
    for _ in range(25):
        GenerationFactory(user=ada, held=False)
    html = page.get(f"/home/my-library?sort={sort}").content.decode()
    assert re.search(r'rel="next"[^>]*>\s*(\w+)', html)[1] == word


def test_the_asset_page_tells_the_whole_recipe(page, ada):
    asset = AssetFactory(generation__user=ada)
    html = page.get(asset.generation.get_absolute_url()).content.decode()
    for value in ("a red circle moves right", "seed", asset.sha256, "nano"):
        assert value in html


def test_remix_fills_the_form_with_the_same_parameters(page, ada, ben):
    params = AssetFactory(generation__user=ada).generation.params | {"seed": 4711, "prompt": "a <b>lime</b> ring"}
    job = GenerationFactory(user=ada, params=params)
    form = page.get(f"/home/tools/to-video?from={job.pk}").context["form"]
    assert {name: form[name].value() for name in params} == params
    other = GenerationFactory(user=ben, params=params | {"prompt": "private words"})
    assert "private words" not in page.get(f"/home/tools/to-video?from={other.pk}").content.decode()


def test_migrations_are_complete(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_every_variable_is_explained():
    root = Path(__file__).resolve().parents[2]
    used = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', (root / "cinevivid" / "settings.py").read_text()))
    told = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (root / ".env.example").read_text(), re.M))
    assert used <= told, used - told


def test_empty_variables_mean_the_defaults(tmp_path):
    root = Path(__file__).resolve().parents[2]
    names = re.findall(r"^# ([A-Z0-9_]+)=$", (root / ".env.example").read_text(), re.M)
    script = (
        "from django.conf import settings as s; from pathlib import Path; "
        "assert s.DATABASES['default']['ENGINE'].endswith('sqlite3'); "
        "assert {s.DATA_DIR, s.MEDIA_ROOT.parent, s.WORK_ROOT.parent} == {s.BASE_DIR / 'var'}, s.DATA_DIR"
    )
    env = {"PATH": "/usr/bin", "DJANGO_SETTINGS_MODULE": "cinevivid.settings"} | dict.fromkeys(names, "")
    subprocess.run([sys.executable, "-c", script], check=True, env=env, cwd=root)


@pytest.mark.parametrize(
    ("name", "why"), [("SkyReels-V9", "is in no catalogue"), ("SkyReels-V2-DF-5B-540P", "is not released")]
)
def test_a_default_model_that_cannot_be_had_is_told_before_anything_starts(name, why):
    env = os.environ | {"CINEVIVID_VIDEO_ENGINE": name}
    told = subprocess.run([sys.executable, "manage.py", "check"], capture_output=True, text=True, env=env)
    assert told.returncode and f"CINEVIVID_VIDEO_ENGINE names the model '{name}', which {why}." in told.stderr


def test_every_error_is_in_the_api_guide():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    for entry in CATALOGUE.values():
        assert f"| `{entry.code}` | {entry.status} | {entry.title} | {entry.advice} |" in guide


def test_every_error_of_the_catalogue_can_happen():
    root = Path(__file__).resolve().parents[2]
    files = [file for part in ("apps", "cinevivid", "workers") for file in (root / part).rglob("*.py")]
    source = "\n".join(file.read_text() for file in files if file.name != "errors.py")
    assert [code for code in CATALOGUE if f'"{code}"' not in source] == []


OPENING = re.compile(
    r"\b(av|Image|wave)\.open\(|\b(imread|VideoCapture|ImageFile\.Parser|fromfile|read_video)\b|import imageio"
)
IN_THE_CHILD = (
    "copying",
    "faces",
    "kinds",
    "reader",
    "sound",
    "soundtrack",
    "uploads",
)  # see tests/workers/test_foreign.py
OF_THE_STUDIO = (
    "audio",
    "film",
    "hls",
    "probe",
    "stills",
    "watermark",
)  # sounds, films and pictures that the studio has written


def test_what_people_bring_is_opened_nowhere_but_in_the_child():
    root = Path(__file__).resolve().parents[2]
    files = [file for part in ("apps", "cinevivid", "workers", "scripts") for file in (root / part).rglob("*.py")]
    files.remove(root / "scripts" / "screenshots.py")  # opens the pictures that it has taken
    files.remove(root / "scripts" / "evaluate_speech.py")  # opens the sounds that it has made
    files.remove(root / "scripts" / "portraits" / "sheet.py")  # opens the portraits that ship
    media = {root / "workers" / "media" / f"{name}.py" for name in IN_THE_CHILD + OF_THE_STUDIO}
    assert [str(file) for file in files if file not in media and OPENING.search(file.read_text())] == []
    assert [file.name for file in media if not OPENING.search(file.read_text())] == []


READ_AT_ONCE = {
    *("all_inner_texts", "all_text_contents", "count", "get_attribute", "inner_html", "inner_text", "input_value"),
    *("is_checked", "is_disabled", "is_editable", "is_enabled", "is_hidden", "is_visible", "text_content", "title"),
}


def test_no_test_in_a_browser_asserts_what_the_page_may_show_only_in_a_moment():
    hasty = []
    for file in sorted((Path(__file__).resolve().parents[1] / "e2e").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Assert):
                continue
            called = {each.func for each in ast.walk(node.test) if isinstance(each, ast.Call)}
            if any(isinstance(each, ast.Attribute) and each.attr in READ_AT_ONCE for each in called):
                hasty.append(f"{file.name}:{node.lineno}")
    assert not hasty, f"Wait for it, by expect(…) or until(…): {', '.join(hasty)}"
