"""The form of every tool: help that is declared once, looks, lengths, and errors that name their field."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.forms import BoundField
from django.template.loader import get_template

from apps.library.models import Generation
from apps.tools import registry, services, videos
from apps.tools.help import Help
from apps.tools.video_modes import MODES
from tests.params import PARAMS
from tests.tools import toy
from workers.engines.skyreels import cards
from workers.prompts.styles import STYLES, styled
from workers.tasks.video import film_of

TOOL = "/home/tools/to-video"
API = "/api/v1/tools/to-video/"


def forms():
    return [tool.form_class for tool in registry.tools()]


@pytest.mark.parametrize("form_class", forms(), ids=lambda form: form.__name__)
def test_every_advanced_field_says_what_it_does_and_when_to_change_it(form_class):
    for name in (name for names in form_class.advanced.values() for name in names):
        help_ = form_class.base_fields[name].help_text
        assert isinstance(help_, Help) and help_.says and help_.when, name
        if help_.template:
            assert get_template(help_.template).render({}).lstrip().startswith("<svg")
        for clip in help_.clips:
            assert finders.find(f"help/{clip.stem}.mp4") and finders.find(f"help/{clip.stem}.webp"), clip


def test_the_clips_of_the_help_are_small():
    from django.conf import settings

    assert sum(file.stat().st_size for file in (settings.BASE_DIR / "static" / "help").iterdir()) < 400_000


def test_the_reference_of_the_api_says_what_the_help_says(client, db):
    schemas = client.get("/api/v1/schema/?format=json").json()["components"]["schemas"]
    asked = schemas["ToVideoRequestRequest"]["properties"]
    steps = registry.get("to-video").form_class.base_fields["steps"].help_text
    assert str(steps.says) in asked["steps"]["description"] and str(steps.when) in asked["steps"]["description"]
    assert schemas["StyleEnum"]["enum"] == list(STYLES)


def test_there_are_twelve_looks_each_with_a_small_picture(page):
    html = page.get(TOOL).content.decode()
    assert len(STYLES) == 12
    for key, look in STYLES.items():
        path = finders.find(f"looks/{key}.webp")
        assert path and f"looks/{key}" in html and look.title in html
        assert Path(path).stat().st_size < 12_000


def test_the_words_of_a_look_are_added_in_one_place():
    assert styled("a swan", "realistic") == "a swan"
    assert styled("a swan", "noir") == f"a swan, {STYLES['noir'].words}" == styled("a swan", "noir", still=True)
    assert "camera" in styled("a swan", "documentary") and "camera" not in styled("a swan", "documentary", still=True)


@pytest.mark.parametrize("card", [card for card in videos.RELEASED if card.kind == "video"], ids=lambda card: card.id)
def test_every_model_has_six_sample_prompts_and_seconds_that_it_reaches(card):
    assert len(card.examples) == len(set(card.examples)) == 6
    for seconds, frames in videos.seconds_of(card):
        assert frames <= videos.lengths(card)[-1]
        assert abs(frames / card.fps - seconds) <= 2.5 / card.fps
    assert card.long == (15 in dict(videos.seconds_of(card)))


def test_a_length_can_be_asked_for_in_seconds(page, api, ada):
    page.post(TOOL, {key: value for key, value in PARAMS.items() if key != "num_frames"} | {"seconds": "5"})
    params = Generation.objects.get(user=ada).params
    assert params["num_frames"] == 41 and "seconds" not in params
    assert "41 frames" in api.post(f"{API}quote/", {"prompt": "a star", "seconds": 5}, format="json").json()["summary"]
    answer = api.post(API, {"prompt": "a star", "seconds": 900}, format="json").json()
    assert answer["errors"] == {"seconds": ["Seconds: choose 61 or less."]}


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"steps": 3}, "steps", "Steps: choose 4 or more."),
        ({"steps": "many"}, "steps", "Steps: enter a whole number."),
        ({"fps": 99}, "fps", "Frame rate: choose 60 or less."),
        ({"guidance_scale": "x"}, "guidance_scale", "Guidance: enter a number."),
        ({"prompt": ""}, "prompt", "Prompt: describe what is in the video and how it moves."),
        ({"prompt": "x" * 2001}, "prompt", "Prompt: use at most 2000 characters."),
        ({"ratio": "5:4"}, "ratio", "Ratio: “5:4” is not offered. Choose 16:9, 9:16, 1:1 or 4:3."),
        ({"num_frames": 34}, "num_frames", "Length: 34 frames cannot be made. Nearest: 33 or 37."),
        ({"shift": 3, "ar_step": 101}, "ar_step", "Block delay: choose 100 or less."),
        ({"mode": "picture"}, "image", "First frame: choose the image that your video begins with."),
    ],
)
def test_pages_and_api_say_the_same_sentence_about_a_field(page, api, change, field, sentence):
    html = unescape(page.post(TOOL, PARAMS | change).content.decode())
    assert sentence in html
    assert api.post(API, PARAMS | change, format="json").json()["errors"] == {field: [sentence]}


def test_several_errors_are_listed_above_with_a_way_to_each_and_their_groups_are_open(page):
    html = unescape(page.post(TOOL, PARAMS | {"steps": 1, "fps": 99, "overlap_history": 900}).content.decode())
    assert "3 things need another value" in html
    for name in ("steps", "fps", "overlap_history"):
        assert f'<a href="#id_{name}" data-fault>' in html
    assert html.count("data-fold open>") == 2


def test_changed_settings_are_counted_without_a_script(page):
    form = page.post(TOOL, PARAMS | {"prompt": "", "offload": "on", "model_id": "nano"}).context["form"]
    counted = {str(group.title): group.changed for group in form.groups()}
    # Steps, guidance, shift and seed of the parameters; the model is the one that the page starts with.
    assert counted == {
        "Voiceover and music": 0,
        "Prompt": 0,
        "Model": 0,
        "Quality": 4,
        "Windows": 0,
        "Speed and memory": 1,
    }


@pytest.mark.parametrize("mode", MODES)
def test_auto_is_chosen_where_there_is_something_to_match(page, mode):
    html = str(page.get(f"{TOOL}?mode={mode}").context["form"]["ratio"])
    chosen = html[: html.index("checked")].rpartition("<input")[2]
    assert ('value="16:9"' if mode == "text" else 'value=""') in chosen


def test_a_tool_declared_with_nothing_but_its_form_has_it_all(page):
    remove = toy.install()
    try:
        html = unescape(page.post("/home/tools/paper-boat", {"prompt": "", "size": "9"}).content.decode())
    finally:
        remove()
    assert "Prompt: fill this in." in html and "Size: choose 5 or less." in html
    assert "2 things need another value" in html


def test_a_field_without_more_to_say_keeps_its_sentence_beside_it(page):
    field = registry.get("to-video").form_class()["image"]
    assert isinstance(field, BoundField)
    assert "Your video begins with this image." in field.as_field_group()
    assert "popovertarget" not in field.as_field_group()


def test_limits_are_told_in_a_sentence_that_people_read():
    assert cards.get("nano").limits == "Best with one simple shape; two shapes or camera moves may go wrong."


def test_the_api_guide_has_every_look(settings):
    guide = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
    assert all(f"| `{key}` | {look.words or 'nothing'} |" in guide for key, look in STYLES.items())


def test_a_look_that_the_model_does_not_know_is_greyed_with_the_reason_and_refused(page, api):
    nano, large = cards.get("nano"), cards.get("SkyReels-V2-DF-1.3B-540P")
    assert nano.looks == ("realistic",) and large.looks == tuple(STYLES)
    html = page.get(TOOL).content.decode()
    looks = re.findall(r'<input type="radio" name="style" value="(\w+)"[^>]*disabled', html)
    assert set(looks) == set(STYLES) - {"realistic"}
    assert "nano does not know the words of the other looks." in html
    assert videos.look_reason(large) == ""
    errors = {"style": ["Style: nano does not know this look. Choose Realistic."]}
    assert api.post(API, PARAMS | {"style": "noir"}, format="json").json()["errors"] == errors


@pytest.mark.parametrize(("model", "sent"), [("nano", "a star"), ("SkyReels-V2-DF-1.3B-540P", "a star, film noir")])
def test_only_words_of_a_look_that_the_model_knows_are_sent(tmp_path, model, sent):
    params = {"prompt": "a star", "style": "noir", "model_id": model}
    asked = film_of(params, {}, tmp_path / "prompt.json", lambda progress: None)
    assert asked.spec.prompt.startswith(sent) and (model != "nano" or asked.spec.prompt == sent)


def test_the_check_of_words_sees_those_of_the_look(db):
    tool = registry.get_or_404("to-video")
    quote = services.quote(tool, PARAMS | {"style": "noir", "model_id": "nano"})
    assert {"noir", "shadows"} <= set(quote.unknown_words)


@pytest.mark.parametrize("card", videos.RELEASED, ids=lambda card: card.id)
def test_every_tip_and_sample_passes_the_check_of_words(card):
    assert card.tips and videos.tips_of(card)
    words = [str(tip.values["words"]) for tip in card.tips if "words" in tip.values]
    assert all(card.unknown_words(text) == [] for text in (*words, *card.examples))
