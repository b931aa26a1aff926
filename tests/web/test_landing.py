"""What a visitor reads before signing up, and what a shared link shows."""

import re
from html import unescape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse
from PIL import Image

from apps.tools import registry
from apps.tools.templatetags.tiles import rows
from apps.tools.videos import MODEL
from cinevivid import landing
from tests.tools import toy

PAGES = ("/", "/home/tools/all")


@pytest.fixture
def boat():
    """A second tool that is a way into the studio."""
    remove = toy.install()
    yield toy.ToyTool
    remove()


def tags(html):
    """The `meta` tags of a page by their name or property."""
    found = {}
    for tag in re.findall(r"<meta [^>]+>", html):
        given = {name: unescape(value) for name, value in re.findall(r'(\S+)="([^"]*)"', tag)}
        found[given.get("property") or given.get("name")] = given.get("content")
    return found


def canonical(html):
    return re.findall(r'<link rel="canonical" href="([^"]+)">', html)


class Blocks(HTMLParser):
    """The texts of a page, one for each element that holds words of its own."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.silent = [""], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.silent += tag in ("script", "style", "svg")
        self.texts.append("")

    def handle_endtag(self, tag):
        self.silent -= tag in ("script", "style", "svg")
        self.texts.append("")

    def handle_data(self, data):
        if not self.silent:
            self.texts[-1] += data

    @property
    def sentences(self):
        texts = (" ".join(text.split()) for text in self.texts)
        return [part for text in texts for part in re.split(r"(?<=[.?]) ", text) if len(part.split()) > 3]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.django_db
def test_no_sentence_stands_twice(client, path):
    html = client.get(path).content.decode()
    sentences = Blocks(html.partition("<main")[2]).sentences
    assert len(sentences) > 2
    assert [sentence for sentence in set(sentences) if sentences.count(sentence) > 1] == []


@pytest.mark.django_db
def test_the_page_says_who_made_its_films(client):
    html = client.get("/").content.decode()
    assert "Made by nano, enlarged and smoothed by the studio's own Upscale." in unescape(html)
    for film in landing.showcase():
        assert film["model"] == "nano" and film["enlarged"]["factor"] == 4 and film["seed"]


def test_every_film_of_the_showcase_is_used_and_has_its_real_size():
    used = {film[part] for film in landing.showcase() for part in ("file", "poster")}
    used |= {path for tool in registry.tools() if tool.clip for path in (tool.clip, tool.poster)}
    used |= {"clips/windows.webp", "clips/showcase.json"}
    folder = finders.find("clips")
    assert {f"clips/{path.name}" for path in Path(folder).iterdir()} == used
    for film in landing.showcase():
        with Image.open(finders.find(film["poster"])) as poster:
            assert poster.size == (film["width"], film["height"])


def test_what_a_first_view_may_load_stays_small():
    wall = [film for film in landing.showcase() if film["place"] == "wall"]
    sizes = [Path(finders.find(film[part])).stat().st_size for film in wall for part in ("file", "poster")]
    assert sum(sizes) < 3_000_000


@pytest.mark.django_db
def test_one_way_in_has_no_door_and_two_have(client, boat, monkeypatch):
    assert '<li class="door"' not in client.get("/").content.decode()
    monkeypatch.setattr(boat, "door", "Paper boats")
    html = client.get("/").content.decode()
    doors = re.findall(r'<li class="door".*?</li>', html, re.S)
    assert [re.search(r'href="([^"]+)"', door)[1] for door in doors] == [
        "/home/tools/to-video",
        "/home/tools/paper-boat",
    ]
    assert "AI Video" in doors[0] and "Paper boats" in doors[1]


@pytest.mark.django_db
def test_tools_show_what_they_make_before_they_are_asked(client):
    for path in PAGES:
        html = client.get(path).content.decode()
        filmed = [tool for tool in registry.tools() if tool.clip]
        assert [tool.slug for tool in filmed] == ["to-video", "restyle", "talking-avatar", "upscale", "looks"], (
            "what makes words has its icon"
        )
        for tool in filmed:
            assert f"/static/{tool.poster}" in html and f'data-loop="/static/{tool.clip}"' in html
        assert "<video" not in html  # they come after the page
    assert html.count('class="badge">Popular') >= 1


@pytest.mark.parametrize("most", [2, 3])
@pytest.mark.parametrize("count", range(13))
def test_every_row_of_tiles_is_full_and_none_ends_with_one_alone(count, most):
    sizes = rows(count, most)
    assert sum(sizes) == count and all(0 < size <= most for size in sizes)
    assert len(sizes) == -(-count // most)
    assert count <= 1 or sizes[-1] > 1


@pytest.mark.django_db
def test_a_sample_fills_the_box_without_scripts(client):
    html = client.get("/").content.decode()
    sample = re.findall(r'<a class="sample" href="([^"]+)"', html)[0]
    box = re.search(r'<input id="hero-prompt"[^>]+>', client.get(unescape(sample).partition("#")[0]).content.decode())
    assert f'value="{MODEL.examples[0]}"' in box[0]
    odd = client.get("/", {"prompt": '"><b>' + "x" * 3000}).content.decode()
    assert "<b>x" not in odd and "x" * 2001 not in odd


@pytest.mark.django_db
def test_a_shared_link_shows_a_picture_of_the_studio(client, settings):
    settings.SITE_URL = "https://studio.example"
    for path, title in (("/", "CineVivid: video from words"), ("/home/tools/all", "Tools · CineVivid")):
        html = client.get(path, {"from": "elsewhere"}).content.decode()
        told = tags(html)
        assert canonical(html) == [f"https://studio.example{path}"]
        assert (told["og:title"], told["og:url"]) == (title, f"https://studio.example{path}")
        assert told["og:description"] and told["og:type"] == "website"
        assert told["twitter:card"] == "summary_large_image"
        assert told["og:image"] == "https://studio.example/static/img/share.jpg"
        with Image.open(finders.find("img/share.jpg")) as picture:
            assert (told["og:image:width"], told["og:image:height"]) == tuple(map(str, picture.size)) == ("1200", "630")


def test_a_tools_page_is_shared_by_its_name(page):
    for tool in registry.tools():
        html = page.get(tool.get_absolute_url()).content.decode()
        assert (tags(html)["og:title"], tags(html)["og:description"]) == (str(tool.title), str(tool.tagline))


@pytest.mark.django_db
def test_an_error_is_no_page_to_share(client):
    html = client.get("/home/nothing").content.decode()
    assert canonical(html) == [] and "og:title" not in tags(html)


def test_search_engines_find_the_public_pages_and_leave_the_rest(client, settings):
    settings.SITE_URL = "https://studio.example"
    robots = client.get("/robots.txt").content.decode()
    assert "Sitemap: https://studio.example/sitemap.xml" in robots
    closed = re.findall(r"^Disallow: (\S+)$", robots, re.M)
    for name in ("library:library", "billing:credits", "account_login", "admin:index", "api:schema", "models"):
        assert reverse(name).startswith(tuple(closed)), name
    pages = re.findall(r"<loc>([^<]+)</loc>", client.get("/sitemap.xml").content.decode())
    assert pages == [f"https://studio.example{path}" for path in ("/", "/home/tools/all", "/docs")]
    assert not [page for page in pages if page.removeprefix("https://studio.example").startswith(tuple(closed))]


@pytest.mark.django_db
def test_the_footer_leads_to_the_docs_the_api_the_licence_and_the_source(client, settings):
    def links():
        return re.findall(r'href="([^"]+)"', client.get("/").content.decode().partition("<footer")[2])

    assert {"/docs", reverse("api:schema"), "/licence"} <= set(links())
    assert "https://code.example/studio" not in links()
    settings.SOURCE_URL = "https://code.example/studio"
    assert "https://code.example/studio" in links()
    answer = client.get("/licence")
    assert answer["Content-Type"].startswith("text/plain") and b"Apache License" in answer.content


def test_the_share_picture_is_light():
    data = Path(finders.find("img/share.jpg")).read_bytes()
    assert len(data) < 150_000 and Image.open(BytesIO(data)).format == "JPEG"
