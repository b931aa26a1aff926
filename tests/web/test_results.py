"""What a job has made is shown as what it is, whatever the tool, and leads on to others."""

import re
from html.parser import HTMLParser

import pytest
from django.core.files.base import ContentFile

from apps.billing import services as billing
from apps.errors import CATALOGUE
from apps.library.consumers import cards
from apps.library.models import Generation
from apps.tools import registry, services
from apps.tools.fields import AssetField
from tests.factories import AssetFactory, GenerationFactory
from tests.tools import toy

HTMX = {"HTTP_HX_REQUEST": "true"}
ENDED = {"status": "succeeded", "finished_at": "2026-01-01T00:00:00Z"}
READ = ("alt", "aria-label", "title", "placeholder", "data-pick-about")


class Harbour(toy.ToyForm):
    picture = AssetField("image", use="Sail")
    sound = AssetField("audio", use="Horn")
    last = AssetField("image")


class Boats(toy.ToyTool):
    """A boat from a picture."""

    slug = "boats"
    form_class = Harbour


class Words(HTMLParser):
    """What people read and hear of a page's own part, without the bars around it."""

    def __init__(self, html):
        super().__init__()
        self.said = []
        self.feed(re.sub(r"(?s)<head>.*?</head>|<header class=\"topbar\".*?</header>", "", html))

    def handle_starttag(self, tag, attributes):
        self.said += [value or "" for name, value in attributes if name in READ]

    def handle_data(self, data):
        self.said.append(data)

    def __str__(self):
        return re.sub(r"\s+", " ", " ".join(self.said))


@pytest.fixture
def boats(db):
    registry.register(Boats)
    yield Boats()
    registry.unregister(Boats.slug)


def made(user, kinds=("image",), *, job=None, suffix=".png", **columns):
    """A finished job of the toy, with an asset of each kind."""
    job = job or GenerationFactory(user=user, tool="boats", title="A red boat", held=False, **ENDED, **columns)
    return [
        AssetFactory(generation=job, position=at, kind=kind, file=ContentFile(b"boat", f"boat{suffix}"))
        for at, kind in enumerate(kinds)
    ]


def test_no_page_says_film_of_a_boat(page, ada, boats, settings):
    lost = {"status": "failed", "finished_at": ENDED["finished_at"]}
    jobs = [
        made(ada)[0].generation,
        made(ada, ("image", "image", "image"))[0].generation,
        made(ada, ("audio",))[0].generation,
        *(GenerationFactory(user=ada, tool="boats", held=False, **lost, error_code=code) for code in CATALOGUE),
        GenerationFactory(user=ada, tool="boats", held=False, status="waiting"),
        GenerationFactory(user=ada, tool="boats", status="running", step=3, steps=9),
    ]
    answers = [page.get(job.get_absolute_url()) for job in jobs]
    answers += [page.get(f"/home/jobs/{jobs[0].pk}/{verb}") for verb in ("stop", "cancel")]
    answers += [page.post(f"/home/jobs/{jobs[0].pk}/{verb}", **HTMX) for verb in ("stop", "cancel", "delete")]
    answers += [page.post(f"/home/jobs/{jobs[-1].pk}/{verb}", **HTMX) for verb in ("stop", "cancel")]
    answers += [page.get(f"/home/tools/boats?from={jobs[0].pk}"), page.get("/home/tools/boats")]
    answers += [page.get(path) for path in ("/home/my-library", "/home/my-library?q=none", "/home/my-library/uploads")]
    settings.MAX_ACTIVE_JOBS = 2
    answers += [page.post("/home/tools/boats", {"prompt": "paper", "size": 1}, **HTMX) for _ in range(2)]
    answers += [page.get("/home/credits"), page.get(f"/home/credits/{jobs[-1].reference}")]
    assert {answer.status_code for answer in answers} == {200, 405, 409, 422}
    for answer in answers:
        said = str(Words(answer.content.decode()))
        assert not re.search(r"(?i)\bfilms?\b", said), said


def test_the_page_of_a_tool_names_what_it_makes(page, boats):
    said = str(Words(page.get("/home/tools/boats").content.decode()))
    for words in ("Your boats", "New boat", "A boat, folded from your words. It appears here as it is made."):
        assert words in said


@pytest.mark.parametrize(("noun", "words"), [("film", "a film"), ("image", "an image"), ("Avatar", "an Avatar")])
def test_a_noun_has_its_article(noun, words):
    assert type("Named", (toy.ToyTool,), {"noun": noun})().a_noun == words


def test_no_error_says_film():
    assert [
        entry for entry in CATALOGUE.values() if re.search(r"(?i)\bfilms?\b", f"{entry.title} {entry.advice}")
    ] == []


def test_all_that_a_job_has_made_is_shown_and_can_be_had_and_used(page, ada, boats):
    assets = made(ada, ("image", "image", "image"))
    job = assets[0].generation
    library = page.get("/home/my-library").content.decode()
    html = page.get(job.get_absolute_url()).content.decode()
    (live,) = cards.func(ada, str(job.pk))
    for shown in (library, html, live):
        pictures = re.findall(r'<img class="card__media" src="([^"]+)" alt="([^"]+)"', shown)
        assert pictures == [(asset.file_url, f"A red boat, {at}") for at, asset in enumerate(assets, 1)]
        assert "3 images" in shown
    for asset in assets:
        assert html.count(f'href="{asset.file_url}?download"') == 2, "on the stage and in the list"
        assert f"/home/tools/boats?picture={asset.pk}" in html
    assert html.count("Use as…") == 3


def test_what_an_asset_can_be_is_told_by_the_fields_of_all_tools(ada, boats):
    (picture,) = made(ada)
    (sound,) = made(ada, ("audio",))
    (video,) = made(ada, ("video",), suffix=".mp4")
    (package,) = made(ada, ("package",))
    film = "/home/tools/to-video"
    assert set(registry.uses(picture)) >= {
        ("Sail", f"/home/tools/boats?picture={picture.pk}"),
        ("First frame", f"{film}?image={picture.pk}"),
        ("Last frame", f"{film}?end_image={picture.pk}"),
    }
    assert ("Horn", f"/home/tools/boats?sound={sound.pk}") in registry.uses(sound)
    assert ("Extend", f"{film}?video={video.pk}") in registry.uses(video)
    assert not {"Sail", "Horn", "First frame"} & {use for use, _ in registry.uses(video)}
    assert registry.uses(package) == []
    sound.file = ""
    assert registry.uses(sound) == [], "its file is gone"


@pytest.mark.parametrize(("name", "mode"), [("image", "picture"), ("end_image", "ends"), ("video", "extend")])
def test_every_use_leads_to_a_page_that_begins_with_it(page, ada, name, mode):
    kind = "video" if name == "video" else "image"
    (asset,) = made(ada, (kind,), suffix=".mp4" if kind == "video" else ".png")
    (address,) = (url for _, url in registry.uses(asset) if f"/to-video?{name}=" in url)
    html = page.get(address).content.decode()
    assert re.search(rf'name="{name}" value="{asset.pk}" checked', html)
    assert re.search(rf'name="mode" value="{mode}"[^>]* checked', html)


def test_an_upload_offers_its_uses(page, ada, boats):
    asset = AssetFactory(user=ada, generation=None, kind="image", recipe={"name": "a.png"})
    html = page.get("/home/my-library/uploads").content.decode()
    assert f"/home/tools/boats?picture={asset.pk}" in html and "Use as…" in html


def test_a_page_takes_from_its_address_what_the_tool_names(page, boats, monkeypatch):
    there = "/home/tools/boats?prompt=paper&size=4&mode=text"
    assert page.get(there).context["form"].initial == {"prompt": "paper"}
    monkeypatch.setattr(Boats, "prefill", ("size",))
    assert page.get(there).context["form"].initial == {"size": "4"}


def test_an_answer_in_words_is_read_on_its_card(page, ada, boats):
    data = {"title": "At sea", "scenes": [{"number": 1, "text": "<b>Waves</b>"}, "calm"], "in_colour": True, "x": None}
    # PostgreSQL keeps no order of keys.
    job = GenerationFactory(user=ada, tool="boats", data=data, held=False, **ENDED)
    for path in ("/home/my-library", job.get_absolute_url()):
        html = page.get(path).content.decode()
        said = str(Words(html))
        for words in ("Title At sea", "Scenes", "Number 1", "Text <b>Waves</b>", "calm", "In colour Yes"):
            assert words in re.sub(r"\s+", " ", said), words
        assert "<b>Waves" not in html
        assert "?download" not in html


def test_a_tool_shows_its_results_in_its_own_way(page, ada, boats, settings, tmp_path, monkeypatch):
    (tmp_path / "regatta.html").write_text("Regatta of {{ job.assets.all|length }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [*settings.TEMPLATES[0]["DIRS"], tmp_path]}]
    monkeypatch.setattr(Boats, "result_template", "regatta.html")
    job = made(ada, ("image", "image"))[0].generation
    for path in ("/home/my-library", "/home/tools/boats", job.get_absolute_url()):
        assert "Regatta of 2" in page.get(path).content.decode()


def test_what_the_tool_made_stays_to_be_seen_when_the_tool_is_gone(page, ada):
    job = made(ada, ("image", "image"))[0].generation
    html = page.get(job.get_absolute_url()).content.decode()
    assert html.count("card__media") == 2


def test_many_files_cost_no_more_questions_than_one(page, ada, boats, django_assert_max_num_queries):
    made(ada)
    with django_assert_max_num_queries(9) as few:
        page.get("/home/my-library")
    for _ in range(5):
        made(ada, ("image", "audio", "video"))
    with django_assert_max_num_queries(len(few.captured_queries)):
        page.get("/home/my-library")


def test_only_what_can_end_early_offers_to_stop(page, ada, boats):
    kept = {"status": "running", "windows": 3, "window": 2, "kept_windows": 1, "kept_frames": 9, "kept_seconds": 1.0}
    job = GenerationFactory(user=ada, tool="boats", **kept)
    film = GenerationFactory(user=ada, **kept)
    html = page.get("/home/my-library").content.decode()
    assert f"/home/jobs/{film.pk}/stop" in html
    assert f"/home/jobs/{job.pk}/stop" not in html and f"/home/jobs/{job.pk}/cancel" in html


def test_a_waiting_job_is_in_the_making_and_can_be_cancelled(page, ada, boats):
    job = GenerationFactory(user=ada, tool="boats", status="waiting")
    html = page.get("/home/my-library?show=processing").content.decode()
    assert "Waiting for other jobs" in html and f"/home/jobs/{job.pk}/cancel" in html
    page.post(f"/home/jobs/{job.pk}/cancel")
    job.refresh_from_db()
    assert job.status == "cancelled"


def test_progress_without_windows_is_in_steps(page, ada, boats):
    GenerationFactory(
        user=ada, tool="boats", status="running", stage="folding", step=12, steps=33, seconds_left=20, held=False
    )
    html = page.get("/home/my-library").content.decode()
    assert "Step 12 of 33, about 20 s left" in html and 'aria-valuenow="36"' in html and "Folding" in html
    assert "indow" not in str(Words(html))


class TestGroup:
    """Jobs that belong together."""

    @pytest.fixture
    def fleet(self, ada, boats):
        plan = [services.Planned(boats, {"prompt": f"boat {number}", "size": 1}) for number in range(3)]
        group = services.submit_group(ada, "batch", "My fleet", plan)
        first = group.generations.order_by("created_at").first()
        Generation.objects.filter(pk=first.pk).update(status="running")
        first.refresh_from_db()
        services.finish(first, [], "paper", data={"text": "done"})
        return group

    def test_its_page_says_how_far_the_others_are(self, page, fleet):
        job = fleet.generations.active().first()
        said = str(Words(page.get(job.get_absolute_url()).content.decode()))
        assert "Part of My fleet : 1 of 3 done" in said
        assert "2 jobs are not finished. Their credits come back to your wallet." in said

    def test_all_can_be_cancelled_at_once(self, page, ada, fleet):
        job = fleet.generations.active().first()
        answer = page.post(f"/home/jobs/{job.pk}/cancel-all", follow=True)
        said = str(Words(answer.content.decode()))
        assert "10 credits are back in your wallet" in said
        assert "1 of 3 done, 2 failed or cancelled" in said and "Cancel all" not in said
        assert (fleet.is_active, billing.balance(ada), billing.held(ada)) == (False, 95, 0)

    def test_only_its_owner_may(self, client, ben, fleet):
        job = fleet.generations.active().first()
        client.force_login(ben)
        assert client.post(f"/home/jobs/{job.pk}/cancel-all").status_code == 404
        assert client.get(f"/home/jobs/{job.pk}/cancel-all").status_code == 405
        assert fleet.is_active

    def test_a_job_of_its_own_has_none(self, page, ada):
        job = GenerationFactory(user=ada)
        assert "Cancel all" not in page.get(job.get_absolute_url()).content.decode()
        assert page.post(f"/home/jobs/{job.pk}/cancel-all").status_code == 404
