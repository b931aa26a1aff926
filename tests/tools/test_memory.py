"""What no card can make is refused before a credit is held."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.tools.registry import get
from apps.tools.video_form import VideoForm


def form(**values):
    return VideoForm({"prompt": "a red circle", "seed": 1, "style": "realistic"} | values)


def test_a_film_that_fits_no_card_is_refused_with_what_it_needs(settings):
    settings.DEVICE_GB = 0.1
    refused = form()
    assert not refused.is_valid()
    assert "GB are there" in str(refused.non_field_errors())


@pytest.mark.parametrize("gigabytes", [None, 8])
def test_a_film_that_fits_or_a_card_nobody_measured_is_no_obstacle(settings, gigabytes):
    settings.DEVICE_GB = gigabytes
    assert form().is_valid()


def test_offload_is_refused_where_only_slower_ways_fit(settings, monkeypatch, tmp_path):
    model = "SkyReels-V2-DF-14B-540P"
    (tmp_path / model).mkdir()
    (tmp_path / model / "model_index.json").write_text("{}")
    monkeypatch.setenv("CINEVIVID_MODELS", str(tmp_path))
    settings.DEVICE_GB = 24
    assert form(model_id=model).is_valid()
    refused = form(model_id=model, offload=True)
    assert not refused.is_valid()
    assert "left to the studio, it may need less" in str(refused.non_field_errors())


def test_the_page_says_how_films_run(settings):
    settings.DEVICE_GB = 8
    assert "fits into 8 GB" in get("to-video").page_context()["memory"]


def test_the_table_of_plans():
    out = StringIO()
    call_command("plan", gb=[24.0, 80.0], stdout=out)
    head, *rows = out.getvalue().splitlines()
    assert head.split() == ["24", "GB", "80", "GB"]
    assert any(row.startswith("Diffusion forcing 14B 720P") and "group" in row and "resident" in row for row in rows)


def test_a_plan_is_explained():
    out = StringIO()
    call_command("plan", model="SkyReels-V2-DF-14B-540P", gb=[8.0, 48.0], num_frames=257, stdout=out)
    told = out.getvalue()
    assert "257 frames of 960 x 544" in told and "8 GB are there" in told and "fits into 48 GB" in told


@pytest.mark.parametrize("values", [{"model": "none"}, {"model": "nano", "num_frames": 98}])
def test_what_cannot_be_planned_is_said(values):
    with pytest.raises(CommandError):
        call_command("plan", **values)
