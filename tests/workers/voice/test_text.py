import time

import pytest

from tests.workers.voice.forms import FORMS
from workers.engines.voice import cards
from workers.voice import languages
from workers.voice.base import MAX_CHARACTERS, Voice, VoiceError
from workers.voice.text import check, read, sentences, spoken

HEART, EMMA = cards.get("heart").voice, cards.get("emma").voice
ARABIC = Voice(
    slug="x", name="Layla", language=("ar", "en"), sex="female", age="", accent="", engine="elevenlabs", description=""
)


def refusal(text, voice=HEART, language=""):
    with pytest.raises(VoiceError) as caught:
        check(text, voice, language, cards.voices())
    return caught.value


@pytest.mark.parametrize("written", FORMS)
def test_it_reads_numbers_and_abbreviations_as_people_do(written):
    assert spoken(written) == FORMS[written][0]


def test_the_list_of_forms_has_forty():
    assert len(FORMS) == 40


def test_british_texts_put_the_day_first_and_say_and():
    assert spoken("On 3/4/2024 it was 101 m.", "en-GB") == (
        "On the third of April, twenty twenty-four it was one hundred and one metres."
    )
    assert spoken("On 3/4/2024 it was 101 m.", "en-US") == (
        "On March fourth, twenty twenty-four it was one hundred one meters."
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("The U.S. and NASA agree.", "The U.S. and NASA agree."),
        ("and/or — well… 😀 ok", "and or — well… ok"),
        (
            "Mail info@example.org or see www.example.com.",
            "Mail info at example dot org or see W W W dot example dot com.",
        ),
        ("Save it as MP4 at 1080p.", "Save it as M P four at ten eighty P."),
        ("1,234.56", "one thousand two hundred thirty-four point five six"),
        ("α and Ω", "alpha and omega"),
        ("room 007", "room zero zero seven"),
        ("⑴ and x², Ⅷ, ﬁn, ½", "( one ) and x two , VIII, fin, one half"),
        ("+49 170 1234567", "plus four nine, one seven zero, one two three four five six seven"),
        ("+491701234567", "plus four nine one seven zero one two three four five six seven"),
        ("٣٤", "thirty-four"),
        (
            "1e999 on 99/99/9999 at 25:61, $0.00",
            "one e nine hundred ninety-nine on ninety-nine ninety-nine nine thousand nine hundred ninety-nine at "
            "twenty-five to sixty-one, zero dollars",
        ),
        ("9" * 40, " ".join(["nine"] * 40)),
    ],
)
def test_it_reads_signs_names_and_long_numbers(written, said):
    assert spoken(written) == said


def test_what_is_read_as_one_stays_one_written_word():
    assert [(one.written, one.said) for one in read("Run 5 km on June 3, 2024!")] == [
        ("Run", "Run"),
        ("5 km", "five kilometers"),
        ("on", "on"),
        ("June 3, 2024!", "June third, twenty twenty-four!"),
    ]


def test_other_languages_are_said_as_they_are_written():
    assert spoken("Das kostet 5 € im Jahr 2024.", "de") == "Das kostet 5 € im Jahr 2024."


def test_sentences_end_where_people_pause_and_not_at_abbreviations():
    text = (
        "See no. 7 on p. 9. No. 8 is full, no. Dr. Smith met J. K. Rowling at 3.5 km. "
        "“Really?” He waited... then left. Wait…\nA line\n\nThe end"
    )
    assert [(one.text, one.pause) for one in sentences(text)] == [
        ("See no. 7 on p. 9.", 0.35),
        ("No. 8 is full, no.", 0.35),
        ("Dr. Smith met J. K. Rowling at 3.5 km.", 0.35),
        ("“Really?”", 0.4),
        ("He waited... then left.", 0.35),
        ("Wait…", 0.55),
        ("A line", 0.8),
        ("The end", 0.0),
    ]


def test_long_sentences_are_cut_at_commas_else_between_words():
    commas = sentences("word " * 30 + "and, " + "word " * 60 + "end.")
    assert commas[0].text.endswith("and,") and commas[0].pause == 0.15
    assert all(len(one.text) <= 240 for one in commas)
    assert " ".join(one.text for one in commas).split() == ("word " * 30 + "and, " + "word " * 60 + "end.").split()
    assert {len(one.text) for one in sentences("字" * 500)} == {240, 20}


def test_signs_alone_are_no_sentence():
    assert sentences("😀 … \n\n — ") == []


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("", "text_not_speakable", "no text"),
        (" \n\u200b\u202e ", "text_not_speakable", "no text"),
        ("😀🎬✨ !!", "text_not_speakable", "emoji and signs"),
        ("a" * 10_000, "text_not_speakable", "more than 100 characters without a space"),
        ("Hello <break time='1s'/> you", "text_not_speakable", "Tags such as <break>"),
        ("<speak>Hello</speak>", "text_not_speakable", "Tags such as <break>"),
        ("word " * 4001, "text_too_long", f"20,005 characters; at most {MAX_CHARACTERS:,}"),
        ("Hello, שלום", "language_not_spoken", "right to left"),
        ("مرحبا", "language_not_spoken", "right to left"),
        ("Hello, Привет", "language_not_spoken", "cannot read “Привет”"),
        ("你好", "language_not_spoken", "cannot read “你好”"),
        ("Das ist ein schöner Tag, und wir sind auf dem Weg.", "language_not_spoken", "does not speak German"),
        ("\x00\x1b\u200b\ufeff", "text_not_speakable", "no text"),
        ("\u0301 \u20dd", "text_not_speakable", "no words"),
        ("1" * 5_000, "text_not_speakable", "without a space"),
    ],
)
def test_it_refuses_what_cannot_be_spoken(text, code, told):
    error = refusal(text)
    assert error.code == code and told in error.public_text


def test_a_language_is_refused_with_the_voices_that_speak_it():
    assert refusal("Hello", HEART, "en-GB").public_text == (
        "Heart does not speak British English. These voices do: Emma, Isabella, George, Fable."
    )
    assert refusal("Hallo", HEART, "de").public_text == "Heart does not speak German. No voice of this studio does."


def test_it_lets_through_what_can_be_spoken():
    check("Café, 2 < 3 & α = 5 € 😀", HEART)
    check("Hello", EMMA, "en")
    check("مرحبا", ARABIC, "ar")
    check("I <3 this film > that one", HEART)


def test_a_long_hostile_text_is_read_in_no_time():
    for text in (
        "1" * 20_000,
        "1-" * 10_000,
        "$1,1" * 5_000,
        "<a" * 10_000,
        "12:30:" * 3_000,
        "a.b." * 5_000,
        "( " * 10_000,
    ):
        started = time.thread_time()
        for sentence in sentences(text):
            read(sentence.text)
        assert time.thread_time() - started < 2.0, text[:10]


@pytest.mark.parametrize("written", ["It’s raining, isn’t it?", "İstanbul’da “Şişli” 5 km — don’t!", "x² ﬁn ⑴"])
def test_words_are_told_as_they_were_written(written):
    assert " ".join(one.written for one in read(written)) == written


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Guten Morgen, das ist nicht mein Hund.", "de"),
        ("Je ne sais pas ce que vous voulez dire.", "fr"),
        ("El perro está en la casa, pero no es muy grande.", "es"),
        ("Il gatto non è nel giardino, è sul tetto della casa.", "it"),
        ("Eu não sei o que você está fazendo.", "pt"),
        ("Het is een mooie dag en ik ben niet thuis.", "nl"),
        ("Good morning, the show begins in seven minutes.", ""),
        ("He said “je ne sais pas” and left for the station with his dog.", ""),
        ("Die Hard is a film; die, der, das are the articles of German.", ""),
        ("Los Angeles, San Diego, La Paz, El Paso, Las Vegas.", ""),
        ("De La Soul en route to Le Mans, et cetera.", ""),
        ("Red circle, blue sea.", ""),
        ("Bonjour!", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_text_is_guessed_where_it_is_clear(text, language):
    assert languages.guess(text) == language
