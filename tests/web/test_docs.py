"""The API reference: every call has words and examples, and each example runs as it is shown."""

import json
import os
import re
import subprocess
from html.parser import HTMLParser

import pytest
from django.conf import settings as studio
from django.core.files.base import ContentFile
from django.utils import timezone

from apps.accounts.models import ApiToken
from apps.reference import code
from apps.reference.examples import EXAMPLES, answer, examples
from apps.reference.views import _body
from apps.tools import registry, services
from apps.tools.models import Preset
from scripts.faces import small_clip
from tests.factories import AssetFactory, GenerationFactory
from tests.media import encoded, quarters
from tests.params import PARAMS
from tests.tools import toy

pytestmark = pytest.mark.look
FREE = ("params", "recipe", "data", "errors")  # what is in them depends on the tool and the request
TOOLS = [f"{verb}_{tool.slug.replace('-', '_')}" for tool in registry.tools() for verb in ("submit", "quote")]
SHOWN = [(name, place) for name in sorted({*EXAMPLES, *TOOLS}) for place in range(len(examples(name)))]


class Anchors(HTMLParser):
    """The ids of a page, and where its links to places of the reference lead."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.inline = [], set(), []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        if "#" in given.get("href", ""):
            self.links.add(given["href"])
        if "style" in given or (tag == "script" and "src" not in given):
            self.inline.append(tag)


@pytest.fixture
def operations(client, db):
    """Every operation of the served document: method, path and what is said of it, by id."""
    paths = client.get("/api/v1/schema/?format=json").json()["paths"]
    return {
        operation["operationId"]: (method, path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_every_call_has_a_summary_a_description_and_an_example(operations):
    assert len(operations) > 15
    for name, (method, path, operation) in operations.items():
        where = f"{method} {path}: describe it in its view, and show it in apps/reference/examples.py"
        assert operation.get("summary") and operation.get("description"), where
        assert [each for each in examples(name) if each.status < 400], where


def test_every_example_is_of_a_call_that_is_there_and_has_an_answer(operations):
    assert {name for name, _ in SHOWN} == set(operations)
    for name, place in SHOWN:
        if examples(name)[place].status != 204 and not examples(name)[place].saved:
            assert answer(name, place, "http://x"), f"{name}/{place}: run `make api-examples`"


def test_the_document_can_be_downloaded_with_its_examples(client, db, operations):
    asked = operations["submit_to_video"][2]["requestBody"]["content"]["application/json"]["examples"]
    assert asked["example-0"]["value"] == {"prompt": "a red circle moves right over the sea", "num_frames": 33}
    refused = operations["submit_to_video"][2]["responses"]["402"]["content"]["application/problem+json"]["examples"]
    problems = client.get("/api/v1/schema/?format=json").json()["components"]["examples"]
    codes = ("insufficient_credits", "not_in_plan")
    assert refused == {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    assert problems["insufficient_credits"]["value"]["status"] == 402
    assert b"openapi: 3" in client.get("/api/v1/schema/?format=yaml").content


@pytest.fixture
def reference(client, db):
    """Every page of the reference, by its address, as its first page leads to them."""
    first = client.get("/docs").content.decode()
    chapters = sorted(set(re.findall(r'href="(/docs/[^"#]+)"', first)))
    return {"/docs": first} | {path: client.get(path).content.decode() for path in chapters}


def test_its_pages_are_ours_small_and_whole_without_scripts(reference):
    pages = {path: Anchors(html) for path, html in reference.items()}
    places = {f"{path}#{id}" for path, page in pages.items() for id in page.ids}
    for path, page in pages.items():
        assert len(reference[path]) < 100_000 and "swagger" not in reference[path].lower(), path
        assert {link if link[0] == "/" else path + link for link in page.links} <= places, path
        assert len(page.ids) == len(set(page.ids)) and not page.inline, path
        assert "drf_spectacular" not in reference[path], path
    for word in ("Idempotency-Key", "num_frames", "5 to 1457", "insufficient_credits", "$CINEVIVID_TOKEN", "16:9"):
        assert word in reference["/docs/tools/to-video"]
    assert studio.SITE_URL + "/api/v1/tools/to-video/" in reference["/docs/tools/to-video"]


def test_every_call_is_on_one_page_and_in_the_contents_of_each(reference, operations):
    for name in operations:
        assert len([html for html in reference.values() if f'<section class="call" id="{name}"' in html]) == 1, name
        assert all(f'#{name}" data-words="' in html for html in reference.values()), name


def test_a_chapter_that_is_not_there_is_not_found(client, db):
    assert client.get("/docs/tools/to-audio").status_code == 404


def test_a_page_is_made_once(client, db):
    client.get("/docs/voices")
    before = _body.cache_info()
    client.get("/docs/voices")
    assert (_body.cache_info().hits, _body.cache_info().misses) == (before.hits + 1, before.misses)


def test_a_new_tool_has_a_chapter(client, db):
    remove = toy.install()
    try:
        assert "Fold a paper boat." in client.get(f"/docs/tools/{toy.ToyTool.slug}").content.decode()
        assert "Fold a paper boat." in client.get("/docs").content.decode()
    finally:
        remove()


# --- each example, run as it is shown


@pytest.fixture
def reader(live_server, settings, tmp_path, monkeypatch, transactional_db, ada):
    """A person who pastes examples into a shell: their files, their token, and ids of what the example begins with."""
    settings.SITE_URL = live_server.url
    (tmp_path / "picture.png").write_bytes(encoded(quarters()))
    (tmp_path / "notes.txt").write_text("Buy milk.\n")
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CINEVIVID_TOKEN", ApiToken.objects.issue(ada, "examples")[1])
    monkeypatch.setenv("CURL_HOME", str(tmp_path))

    def prepare(example):
        """Make what the example begins with, and put its id where the shell finds it."""
        if example.given in ("finished", "made"):
            film = AssetFactory(generation__user=ada, width=160, height=96)
            monkeypatch.setenv("JOB_ID", str(film.generation_id))
            monkeypatch.setenv("FILE_ID", str(film.pk))
        elif example.given == "queued":
            monkeypatch.setenv("JOB_ID", str(GenerationFactory(user=ada).pk))
        elif example.given in ("cancelled", "trashed"):
            now = timezone.now()
            times = {"finished_at": now, "deleted_at": now if example.given == "trashed" else None}
            job = GenerationFactory(user=ada, status="cancelled", held=False, **times)
            monkeypatch.setenv("JOB_ID", str(job.pk))
        elif example.given == "face":
            file = ContentFile(small_clip(tmp_path / "somebody.mp4").read_bytes(), "somebody.mp4")
            facts = {"width": 320, "height": 240, "frames": 0, "fps": 25, "seconds": 1.2}
            clip = AssetFactory(generation=None, user=ada, recipe={"name": "somebody.mp4"}, file=file, **facts)
            monkeypatch.setenv("FILE_ID", str(clip.pk))
        elif example.given == "uploaded":
            monkeypatch.setenv("FILE_ID", str(AssetFactory(generation=None, user=ada, kind="image", recipe={}).pk))
        elif example.given.endswith("preset"):
            deleted_at = timezone.now() if example.given.startswith("deleted") else None
            told = {"words": "at dusk", "params": {"quality": 50}, "deleted_at": deleted_at}
            preset = Preset.objects.create(user=ada, name="Dusk", tool="text2image", **told)
            monkeypatch.setenv("PRESET_ID", str(preset.pk))
        elif example.given == "group":
            planned = [services.Planned(registry.get("to-video"), dict(PARAMS)) for _ in range(2)]
            monkeypatch.setenv("GROUP_ID", str(services.submit_group(ada, "batch", "Two shapes", planned).pk))

    return prepare


def curl(text, capsys):
    shown = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True).stdout
    body, _, status = shown.rpartition("\n")
    return int(status), json.loads(body) if body else None


def python(text, capsys):
    exec(compile(text, "example.py", "exec"), {})
    status, _, body = capsys.readouterr().out.strip().partition(" ")
    return int(status), eval(body) if body else None


@pytest.mark.parametrize("run", [curl, python])
@pytest.mark.parametrize(("name", "place"), SHOWN)
def test_the_example_runs_as_it_is_shown(name, place, run, reader, operations, settings, capsys):
    example, (method, path, _) = examples(name)[place], operations[name]
    reader(example)
    text = getattr(code, run.__name__)(example, method, path, settings.SITE_URL)
    status, body = run(text, capsys)
    assert status == example.status, body
    differences = differing(answer(name, place, settings.SITE_URL), body)
    assert not differences, f"{name}/{place}: {differences}. Run `make api-examples`."


def differing(shown, real, where=""):
    """What a shown answer has and a real one has not, or the other way round; values may differ."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if where.rpartition(".")[2] in FREE:
            return []
        missing = [f"{where}.{key}" for key in shown.keys() ^ real.keys()]
        both = shown.keys() & real.keys()
        return missing + [found for key in both for found in differing(shown[key], real[key], f"{where}.{key}")]
    if isinstance(shown, list) and isinstance(real, list):
        return differing(shown[0], real[0], where) if shown and real else []
    alike = shown is None or real is None or isinstance(shown, int | float) == isinstance(real, int | float)
    return [] if alike and (isinstance(shown, str) == isinstance(real, str) or None in (shown, real)) else [where]


def test_a_shell_keeps_what_an_example_quotes():
    text = "it's $5, \"so\" & 'on'"
    told = subprocess.run(
        ["bash", "-c", f"printf %s {code.quoted(text.replace('$', ''))}"], capture_output=True, text=True
    )
    assert told.stdout == text.replace("$", "") and os.environ
