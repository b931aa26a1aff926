"""The library is searched as people read, in every script, and the same on every database."""

import pytest
from django.utils.html import escape

from apps.library.models import Generation
from tests.factories import GenerationFactory

COMPOSED, APART = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("prompt", "query"),
    [
        ("КРАСНЫЙ Круг движется", "красный круг"),
        ("un ÉCLAIR au chocolat", "éclair"),
        (f"a table before a {COMPOSED}", APART),
        (f"a table before a {APART.upper()}", COMPOSED),
        ("ΟΔΟΣ ΑΘΗΝΩΝ", "οδος"),
        ("die STRASSE im Regen", "straße"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "Full Width"),
        ("red circle\nover the sea", "circle over"),
        ("a bridge in İstanbul", "istanbul"),
        ("a bridge in istanbul", "İSTANBUL"),
        ("IŞIK over the sea", "ışık"),
        ("שָׁלוֹם at sea", "שלום"),
        ("مُحَمَّد walks", "محمد"),
        ("夜のカフェ", "ｶﾌｪ"),
        ("red circle over the sea", "sea red"),
        ("100% of a_b \\ c", "100% OF A_B \\"),
    ],
)
def test_a_search_ignores_case_and_spelling_in_every_script(page, ada, prompt, query):
    GenerationFactory(user=ada, title="", params={"prompt": "x" * 300 + prompt})
    assert 'id="generation-' in page.get("/home/my-library", {"q": query}).content.decode()


@pytest.mark.parametrize("query", ["caf%", "a_b", "cafe", "\ufdfa" * 1500, "%", "\\"])
def test_a_search_finds_nothing_else(page, ada, query):
    GenerationFactory(user=ada, title=COMPOSED, params={"prompt": COMPOSED})
    assert escape("Nothing matches.") in page.get("/home/my-library", {"q": query}).content.decode()


@pytest.mark.parametrize("query", ["upscale", "SkyReels 1.3b", "nano", "ISTANBUL upscale nano"])
def test_a_search_looks_in_tool_and_model_too(page, ada, query):
    params = {"prompt": "İstanbul", "model_id": "SkyReels-V2-DF-1.3B-540P"}
    found = GenerationFactory(user=ada, tool="upscale", title="", params=params, engine="nano", held=False)
    other = GenerationFactory(user=ada, title="", params={"prompt": "a bridge"}, held=False)
    html = page.get("/home/my-library", {"q": query}).content.decode()
    assert f"generation-{found.pk}" in html and f"generation-{other.pk}" not in html


def test_a_search_looks_in_the_title_too_and_keeps_up_with_it(ada):
    job = GenerationFactory(user=ada, title="Photo 7", params={})
    job.title = "ÉTÉ"
    job.save(update_fields=["title"])
    assert Generation.objects.get(words__contains="été") == job
