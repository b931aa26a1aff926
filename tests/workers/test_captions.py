"""Captions: as they were written, in files that players read, and drawn with the fonts that there are."""

import numpy as np
import pytest
from PIL import ImageFont

from workers.media import burning
from workers.media.captions import Cue, cues_of, drawn, srt, transcript, undrawn, vtt
from workers.voice.text import read


def told(text):
    words = [(one.written, at * 0.4, at * 0.4 + 0.3) for at, one in enumerate(read(text)) if one.said]
    return transcript(cues_of(text, words))


@pytest.mark.parametrize(
    "text",
    [
        "It’s raining, isn’t it?",
        "“Don’t”, she said — and left.",
        "İİİ İstanbul’da 5 km, June 3, 2024!",
        "Straße ßß ŞİŞ 100 % ﬁn",
        "x² --> <i>5</i> & {y} 😀 ok",
    ],
)
def test_captions_have_every_word_once_and_as_it_was_written(text):
    assert told(text) == text


def test_a_word_that_is_nowhere_in_the_text_repeats_nothing():
    words = [("other", 0.0, 0.3), ("two", 0.4, 0.7), ("three", 0.8, 1.0)]
    assert transcript(cues_of("one two three", words)) == "other two three"


HOSTILE = "{\\an8}up <b>x</b> 00:00:01,000 --> 00:00:02,000 & 2 < 3 {y}"


def test_what_looks_like_markup_stays_text_in_files():
    cues = [Cue(0, 1, HOSTILE)]
    body = vtt(cues).partition("\n\n")[2].split("\n", 1)[1]
    assert "-->" not in body and "<" not in body and "&lt;b&gt;" in body
    body = srt(cues).split("\n", 2)[2]
    assert "-->" not in body and "<b>" not in body and "{\\" not in body and "2 < 3 {y}" in body


def test_lists_of_letters_are_what_the_fonts_have():
    for name, signs in zip((burning.FACE, burning.WIDE_FACE), drawn(), strict=True):
        face = ImageFont.truetype(burning.FONTS / name, 24)
        box = bytes(face.getmask("\U0010fffd"))
        some = sorted(signs - {" "})
        assert len(some) > 1000 and all(bytes(face.getmask(sign)) != box for sign in some[:: len(some) // 200])


@pytest.mark.parametrize("text", ["Čeština, Ελληνικά, Українська", "你好，世界。Zürich Čechy Ωμέγα", "Tiếng Việt", ""])
def test_letters_of_europe_and_chinese_are_drawn_beside_each_other(text):
    assert undrawn(text) == ""
    for name, run in burning._runs(text, wide="你" in text):
        assert set(run) <= drawn()[name == burning.WIDE_FACE]


@pytest.mark.parametrize(("text", "sign"), [("ok 😀", "😀"), ("السلام", "ا"), ("㐀", "㐀"), ("ok 鿿", "鿿")])
def test_a_sign_that_no_font_has_is_named(text, sign):
    assert undrawn(text) == sign


@pytest.mark.parametrize("text", ["W" * 100, "字" * 60, "a " * 60, "x" * 41 + "\n" + "W" * 42])
@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (544, 960), (16, 16)])
def test_a_caption_stays_in_its_picture(text, width, height):
    sheet, top = burning.layer(text, width, height)
    assert sheet.shape[1] == width and top + len(sheet) <= height
    if min(width, height) > 60:
        edge = sheet[:, [0, -1], 3]
        assert not np.any(edge), "nothing is cut off at the sides"
