"""The shot builder, as it works without JavaScript."""

import html
import re

import pytest

from workers.prompts.vocabulary import CAMERA_MOVES, VALUES

PAGE = "/home/tools/prompt/builder"


def text(answer):
    """The prompt that the page shows."""
    return html.unescape(re.search(r'id="built-text"[^>]*>(.*?)</p>', answer.content.decode(), re.DOTALL)[1])


def test_choices_become_a_prompt(page):
    chosen = {"shot_type": "long_shot", "shot_angle": "low_angle", "sub_type-0": "Swan", "action-0": "glides"}
    answer = page.post(PAGE, chosen | {"camera_motion": "The camera pans left", "lighting": "soft"})
    assert text(answer) == "A long shot from a low angle. A swan glides. The lighting is soft. The camera pans left."
    answer = page.post(PAGE, chosen | {"target": "i2v", "camera_words": "slow drift"})
    assert text(answer) == "A swan glides. Camera motion: slow drift."


def test_what_is_pasted_fills_the_choices_in(page):
    answer = page.post(PAGE, {"paste": "close-up of a swan at night, low angle", "read": "1"})
    told = answer.content.decode()
    assert text(answer) == "A close-up from a low angle. A swan at night."
    assert re.search(r'value="close_up"\s+checked', told) and 'value="at night"' in told
    assert text(page.get(PAGE, {"prompt": '{"shot_type": "full_shot"}'})) == "A full shot."


def test_a_subject_more_is_a_row_more(page):
    told = page.post(PAGE, {"sub_type-0": "Swan", "add": "1"}).content.decode()
    assert 'value="Swan"' in told and 'name="sub_type-1"' in told and 'name="sub_type-2"' not in told


def test_a_shot_that_cannot_be_is_said_and_kept(page):
    answer = page.post(PAGE, {"paste": '{"shot_type": "huge"}', "read": "1"})
    assert answer.status_code == 422
    assert "shot_type is one of long_shot" in answer.content.decode() and "huge" in answer.content.decode()
    assert "Paste a prompt or a shot first." in page.post(PAGE, {"read": "1"}).content.decode()


def test_what_is_typed_stays_text(page):
    answer = page.post(PAGE, {"sub_type-0": "Swan", "action-0": '<script>"x"</script>'})
    assert "<script>" not in answer.content.decode().split("</head>")[1].replace("<script type", "")


def test_every_choice_has_a_drawing(page):
    told = page.get(PAGE).content.decode()
    drawn = sum(value != "other" for values in VALUES.values() for value in values) + len(CAMERA_MOVES)
    assert told.count('class="shot__picture"') == drawn == 30
    assert len(set(re.findall(r'<clipPath id="([^"]+)"', told))) == told.count("<clipPath")


@pytest.mark.parametrize("method", ["get", "post"])
def test_it_is_for_people_with_an_account(client, db, method):
    assert getattr(client, method)(PAGE)["Location"].startswith("/accounts/login")


def test_a_subject_can_be_removed(page):
    rows = {"sub_type-0": "Swan", "sub_type-1": "Dog", "action-1": "sleeps"}
    told = page.post(PAGE, rows | {"without": "0"}).content.decode()
    assert 'value="Swan"' not in told and 'name="sub_type-0" value="Dog"' in told


def test_over_the_page_of_a_tool_it_is_the_form_alone(page):
    told = page.get(PAGE, {"prompt": "close-up of a swan"}, HTTP_HX_REQUEST="true").content.decode()
    assert told.strip().startswith("<form") and re.search(r'value="close_up"\s+checked', told)


def test_what_the_chosen_model_does_not_know_is_marked(page):
    told = page.get(PAGE).content.decode()
    assert "The prompt beside it is for SkyReels-V2 nano." in told
    marked = {
        re.search(r'value="([^"]*)"', label)[1]
        for label in re.findall(r'<label class="shot">.*?</label>', told, re.DOTALL)
        if "not for nano" in label
    }
    assert {"close_up", "low_angle", "The camera is static", "The camera tilts up"} <= marked
    assert not {"The camera pans left", "The camera zooms in", "The camera rises"} & marked
    asked = {"model_id": "SkyReels-V2-DF-1.3B-540P"}
    told = page.post(PAGE, asked).content.decode()
    assert "is for Diffusion forcing 1.3B 540P." in told and "not for" not in told
