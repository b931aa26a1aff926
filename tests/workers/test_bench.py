"""The benchmark measures what it says; its figures are made by `make bench`."""

from xml.etree import ElementTree

import numpy as np
import pytest

from scripts.bench.chart import line_chart
from scripts.bench.child import Case, _spec, measure
from scripts.bench.drift import Drift, drifts, summary
from scripts.bench.report import Section, against, replaced, table
from workers.engines.skyreels.request.plan import plan

RED, GREY = np.array([220.0, 30.0, 30.0]), np.full((16, 16, 3), 110.0)


def scene(shift=(0, 0, 0)):
    """A window of a red square on grey, every colour moved by `shift`."""
    frame = GREY.copy()
    frame[4:12, 4:12] = RED
    return np.stack([frame + shift] * 4)


def test_a_known_shift_of_colour_comes_back_as_it_is():
    first, second = drifts([scene(), scene((3, 4, 0))], RED, GREY)
    assert first == Drift(0, 0, first.psnr, 1)
    assert (second.background, second.thing) == (5, 5)
    assert second.psnr == pytest.approx(10 * np.log10(255**2 * 3 / 25)) and first.psnr > 60


def test_a_film_that_does_not_show_the_object_has_no_figure_for_it_and_spoils_no_mean():
    bare = drifts([np.stack([GREY] * 2)] * 2, RED, GREY)
    assert np.isnan(bare[1].thing) and bare[1].background == 0
    mean = summary([bare, drifts([scene(), scene((3, 4, 0))], RED, GREY)])
    assert mean[1, 1] == 5 and mean[1, 0] == 2.5


def test_a_greyer_film_has_less_saturation():
    pale = scene()
    pale[:, 4:12, 4:12] = (220, 125, 125)
    assert drifts([scene(), pale], RED, GREY)[1].saturation < 0.6


def test_a_chart_is_a_picture_with_every_curve_in_it():
    curves = {"a & b": [(1, 2), (2, 4)], "flat": [(1, 0), (2, 0)]}
    root = ElementTree.fromstring(line_chart("<title>", "x", "y", curves, whole=True))
    assert len(root.findall("{*}polyline")) == 2
    assert {"<title>", "a & b", "1", "2"} <= {text.text for text in root.findall(".//{*}text")}


def test_a_part_is_replaced_in_its_place_and_what_is_written_by_hand_stays():
    order = ("web", "length")
    page = replaced("# Benchmarks\n\nBy hand.\n", "length", "old", order)
    page = replaced(replaced(page, "web", "site", order), "length", "new", order)
    assert page.startswith("# Benchmarks\n\nBy hand.\n\n<!-- web -->\nsite") and "old" not in page
    assert page.endswith("<!-- length -->\nnew\n<!-- /length -->\n")


def test_tables_and_goals_are_told_in_words():
    assert table([{"a": "1", "b": "2"}]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert "met" in against(0.7, 0.8) and "missed" in against(0.9, 0.8) and against(0.7) == "0.70"
    assert against(0.0259) == "0.026"
    assert "![T](x.svg)" in Section("T", [{"a": "1"}], "N", {"x.svg": ""}).markdown("m")


@pytest.mark.parametrize("way", ["ours", "pipeline", "list", "resume"])
def test_each_way_makes_its_films(way):
    sizes = {"frames": 13, "steps": 1, "width": 32, "height": 32, "base": 9, "overlap": 5}
    found = measure(Case(way=way, model="nano", jobs=2, **sizes))
    if way == "resume":
        assert [cut["kept"] for cut in found.more] == [1]
    else:
        assert len(found.total) == (1 if way == "list" else 2) and found.peak >= 0
        assert all(first <= total for first, total in zip(found.first, found.total, strict=True))
    if way == "ours":
        assert found.forwards == 3 and found.first[0] < found.total[0]


def test_a_film_may_be_asked_for_whose_latents_become_clean_one_after_another():
    case = Case(way="ours", model="nano", frames=57, steps=4, width=64, height=64, base=33, overlap=9, ar_step=1)
    layout = plan(_spec(case))
    assert len(layout.windows[0].parts) > 1 and layout.longest_part < case.base
