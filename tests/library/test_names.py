"""A download is called after what was asked for, on every system."""

import unicodedata
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile

from apps.library.names import MAX_BYTES, MAX_CHARACTERS, disposition, file_name
from tests.factories import AssetFactory, GenerationFactory

OTHERWISE = "cinevivid-0123abcd"


def name(words, number=1):
    return file_name(words, ".mp4", number=number, otherwise=OTHERWISE)


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        ("A red heart moves right", "a-red-heart-moves-right"),
        ("  A dog's life:\n“slow”/fast?  ", "a-dogs-life-slow-fast"),
        ("café au lait", "café-au-lait"),
        ("قلب أحمر يتحرك", "قلب-أحمر-يتحرك"),
        ("红色的心，向右移动", "红色的心-向右移动"),
        ("👩🏽‍🚀 on the moon ❤️", "👩🏽‍🚀-on-the-moon-❤️"),
        ("می‌خواهم", "می‌خواهم"),
        ("../../etc/passwd", "etc-passwd"),
        ("invoice\u202egpj.exe", "invoice-gpj-exe"),
    ],
)
def test_words_become_a_name_in_any_script(words, stem):
    assert name(words) == f"{stem}.mp4"


@pytest.mark.parametrize("words", ["", "...", "-", " \n", "'", "\u200d", "\u202e"])
def test_a_name_is_never_empty(words):
    assert name(words) == f"{OTHERWISE}.mp4"


@pytest.mark.parametrize("words", ["CON", "nul", "Com1", "lpt9", "aux."])
def test_a_name_is_no_device_of_windows(words):
    stem = name(words).removesuffix(".mp4")
    assert stem.endswith(OTHERWISE) and stem != words.lower()


@pytest.mark.parametrize(
    "words", ["a long walk " * 40, "x" * 500, "é" * 500, "走" * 500, "👩🏽‍🚀" * 90, "e\u0301\u0302" * 200]
)
def test_a_long_prompt_is_cut_between_words_and_never_within_a_character(words):
    stem = name(words).removesuffix(".mp4")
    assert 0 < len(stem) <= MAX_CHARACTERS and len(stem.encode()) <= MAX_BYTES
    assert unicodedata.normalize("NFC", words.lower()).replace(" ", "-").startswith(stem)
    assert not stem.endswith(("-", "\u200d", "wal", "lon"))


def test_the_second_result_and_those_after_it_are_numbered():
    assert [name("a cat", number) for number in (1, 2, 3)] == ["a-cat.mp4", "a-cat-2.mp4", "a-cat-3.mp4"]


def test_a_name_in_ascii_stands_there_once():
    assert disposition("a-cat.mp4", attachment=True) == 'attachment; filename="a-cat.mp4"'
    assert disposition("a-cat.mp4", attachment=False) == 'inline; filename="a-cat.mp4"'


@pytest.mark.parametrize(
    ("full", "plain"),
    [("café-au-lait.mp4", "cafe-au-lait.mp4"), ("قلب.mp4", "cinevivid.mp4"), ("🎬-a-cat.mp4", "a-cat.mp4")],
)
def test_a_name_beyond_ascii_stands_there_for_old_and_new_readers(full, plain):
    first, _, second = disposition(full, attachment=True).partition("; filename*=UTF-8''")
    assert first == f'attachment; filename="{plain}"'
    assert second.isascii() and unquote(second) == full


@pytest.mark.parametrize(
    ("kind", "file"),
    [("video", "film.mp4"), ("image", "a.png"), ("audio", "a.mp3"), ("package", "a.zip"), ("model", "a.gguf")],
)
def test_every_kind_of_file_is_named_and_so_is_each_result(page, ada, kind, file):
    job = GenerationFactory(user=ada, title="ein rotes Herz ❤️", status="succeeded", finished_at="2026-01-01T00:00Z")
    for place in range(2):
        asset = AssetFactory(generation=job, kind=kind, position=place, file=ContentFile(b"x", file))
        head = page.get(f"{asset.file_url}?download")["Content-Disposition"]
        suffix = f"{'-2' if place else ''}.{file.rpartition('.')[2]}"
        assert unquote(head).endswith(f"ein-rotes-herz-❤️{suffix}")
        assert f'filename="ein-rotes-herz{suffix}"' in head.replace("herz--2", "herz-2")
    assert 'download="ein-rotes-herz-❤️-2.' in page.get(job.get_absolute_url()).content.decode()


def test_what_was_brought_keeps_its_name(ada):
    brought = AssetFactory(
        generation=None, user=ada, kind="image", recipe={"name": "Mein Bild.JPEG"}, file="a/picture.png"
    )
    assert brought.download_name == "mein-bild.png"
