"""Every word that a page, an error or a mail says can be translated: in a made-up language all of them are marked."""

import re
from html.parser import HTMLParser

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone, translation

from apps.accounts.models import ApiToken
from apps.billing import services as billing
from apps.errors import CATALOGUE
from apps.library.models import Generation
from apps.tools import pictures, registry, videos
from cinevivid.landing import showcase
from tests.factories import AssetFactory, GenerationFactory, UserFactory
from workers.weights import store

pytestmark = pytest.mark.look
READ = ("alt", "aria-label", "placeholder", "title", "data-other", "data-away", "data-broken", "data-done")
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# What programs read, what people have typed, and keys of a keyboard.
NO_WORDS = {"script", "style", "svg", "code", "pre", "kbd", "bdi", "option", "datalist"}
NAMES = r"CineVivid|Full HD|HD|UTC|Hugging Face|SHA-256|SkyReels[\w. -]*|[\w.]+@example\.org|ada|https?://\S+|FPS|API|KB|MB|GB|min|AI"
UNITS = r"\b(?:px|s|x|h|K|f|fps)\b"
MARKED = re.compile("«[^«»]*»")


@pytest.fixture
def marked(monkeypatch):
    """A language that puts every message between « and »."""

    def plural(one, many, number):
        return f"«{one if number == 1 else many}»"

    translator = translation._trans
    monkeypatch.setattr(translator, "gettext", lambda text: f"«{text}»" if text else "", raising=False)
    monkeypatch.setattr(translator, "pgettext", lambda context, text: f"«{text}»", raising=False)
    monkeypatch.setattr(translator, "ngettext", plural, raising=False)
    monkeypatch.setattr(
        translator, "npgettext", lambda context, one, many, number: plural(one, many, number), raising=False
    )


class Said(HTMLParser):
    """What people read and hear of a page, the texts of it in one piece and each attribute by itself."""

    def __init__(self, html):
        super().__init__()
        self.text, self.attributes, self.hidden = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.attributes += [
            value for name, value in attributes if name in READ and value and known.get("dir") != "auto"
        ]
        unread = tag in NO_WORDS or known.get("dir") == "auto" or "code" in (known.get("class") or "").split()
        if tag not in EMPTY and (self.hidden or unread):
            self.hidden.append(tag)

    def handle_endtag(self, tag):
        if self.hidden and tag not in EMPTY:
            self.hidden.pop()

    def handle_data(self, data):
        self.text.append(" " if self.hidden else data)


def bare(text, names=()):
    """The words of a text that no message has brought, one by one where something else is between them."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    while MARKED.search(text):
        text = MARKED.sub("\n", text)
    text = re.sub(f"{NAMES}|{UNITS}", " ", text)
    return [words for line in text.split("\n") if (words := " ".join(re.findall(r"[^\W\d_]{2,}", line)))]


def bare_of(html, names=()):
    said = Said(html)
    found = bare("".join(said.text), names)
    return found + [words for value in said.attributes for words in bare(value, names)]


@pytest.fixture
def work(ada):
    """Jobs of ada's in every state, with files, an upload and a token."""
    ended = {"user": ada, "held": False, "finished_at": timezone.now()}
    at_work = {"stage": "denoising", "window": 1, "windows": 2, "step": 1, "steps": 4}
    for status in Generation.Status.values:
        over = Generation(status=status).is_ended
        GenerationFactory(user=ada, status=status, held=False, **({"finished_at": timezone.now()} if over else at_work))
    for code in CATALOGUE:
        GenerationFactory(**ended, status="failed", error_code=code)
    job = GenerationFactory(**ended, status="succeeded", engine="SkyReels-V2-Nano", started_at=timezone.now())
    billing.grant(ada, 500, "another")
    billing.hold(ada, job.cost, job.reference)
    billing.capture(ada, job.cost, job.reference)
    AssetFactory(generation=job, file=ContentFile(b"film", "film.mp4"), bytes=4)
    AssetFactory(generation=None, user=ada, recipe={"name": "Boat.png"}, kind="image", file=ContentFile(b"b", "b.png"))
    GenerationFactory(**ended, status="succeeded", deleted_at=timezone.now())
    ApiToken.objects.issue(ada, "Boat.png")
    return job


# Prompts are English, which models understand.
PROMPTS = tuple(clip["prompt"] for clip in showcase()) + videos.MODEL.examples + pictures.default().examples
NAMES_OF_WORK = ("ElevenLabs", "Shot grammar", "a red circle moves right", "Boat.png", *PROMPTS)
VISITOR = ("landing", "billing:pricing", "tools:all", "account_login", "account_signup", "account_reset_password")
SIGNED_IN = (
    *("landing", "tools:all", "tools:activity", "library:library", "library:uploads", "library:trash"),
    *(
        "billing:credits",
        "billing:pricing",
        "account_profile",
        "account_email",
        "account_tokens",
        "account_data",
        "account_change_password",
        "account_logout",
        "prompts:builder",
        "voices:library",
        "tools:presets",
    ),
)


def shown(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, f"{address} answered {answer.status_code}"
    return bare_of(answer.content.decode(), NAMES_OF_WORK)


@pytest.mark.parametrize("name", VISITOR)
def test_a_visitor_reads_no_bare_word(client, db, marked, name):
    assert shown(client, reverse(name)) == []


@pytest.mark.parametrize("name", SIGNED_IN)
def test_a_page_says_no_bare_word(page, work, marked, name):
    assert shown(page, reverse(name)) == []


def test_the_pages_of_tools_jobs_and_receipts_say_no_bare_word(page, work, marked):
    addresses = [tool.get_absolute_url() for tool in registry.tools()]
    addresses += [work.get_absolute_url(), reverse("billing:receipt", args=[work.reference])]
    assert {address: words for address in addresses if (words := shown(page, address))} == {}


def test_the_models_of_the_staff_say_no_bare_word(client, db, marked):
    client.force_login(UserFactory(is_staff=True))
    titles = {word for now in store.statuses() for word in (now.card.title, now.card.licence, str(now.card.repo))}
    titles |= {now.card.recommended for now in store.statuses()} | {now.card.makes for now in store.statuses()}
    assert bare_of(client.get(reverse("models")).content.decode(), titles - {""}) == []


@pytest.mark.parametrize("code", CATALOGUE)
def test_no_error_is_left_in_english(marked, code):
    entry = CATALOGUE[code]
    assert bare(f"{entry.title} {entry.advice}") == []


def test_an_error_page_says_no_bare_word(page, marked):
    answer = page.get("/nowhere")
    assert answer.status_code == 404
    assert bare_of(answer.content.decode(), ["not_found"]) == []


def test_mails_say_no_bare_word(client, ada, marked):
    client.post(reverse("account_reset_password"), {"email": ada.email})
    client.post(reverse("account_reset_password"), {"email": "nobody@example.org"})
    password = "a long enough sentence"
    for email in ("new@example.org", ada.email):
        client.post(reverse("account_signup"), {"email": email, "password1": password, "password2": password})
    assert len(mail.outbox) == 4
    for letter in mail.outbox:
        assert bare(f"{letter.subject}\n{letter.body}") == [], letter.subject
