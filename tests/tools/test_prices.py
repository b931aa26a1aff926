"""What a film costs follows what the model has to compute for it."""

import math
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.library.models import Generation
from apps.tools import prices, registry, services
from apps.tools.video_modes import spec_of
from cinevivid import landing
from tests.params import PARAMS
from workers.engines.skyreels import cards
from workers.engines.skyreels.request.plan import effort, plan
from workers.engines.skyreels.request.spec import SpecError, VideoSpec

RELEASED = [card for card in cards.all() if card.released]
RATES = {"embedded": 2, "1.3B-540P": 10, "14B-540P": 25, "14B-720P": 50}


def tool():
    return registry.get("to-video")


def asked(card, frames, **more):
    mode = "picture" if card.variant == "i2v" else "text"
    return {"prompt": "a swan", "model_id": card.id, "num_frames": frames, "mode": mode} | more


def recommended_passes(card, frames):
    inputs = {"image": "picture"} if card.variant == "i2v" else {}
    return plan(VideoSpec.for_model(card.id, "a swan", num_frames=frames, **inputs)).passes


@pytest.mark.parametrize("card", RELEASED, ids=lambda card: card.id)
def test_with_recommended_settings_a_film_costs_the_rate_of_its_model(card):
    for ratio in card.sizes:
        for frames in {5, card.base_num_frames, min(card.base_num_frames + 80, card.max_num_frames)}:
            price = tool().price(asked(card, frames, ratio=ratio))
            assert price == math.ceil(Fraction(RATES[card.tier] * frames, card.fps))


def test_the_table_has_what_the_tools_will_ask_for():
    assert prices.rate("voice", "offline") == prices.Rate(1, prices.Unit.CHARACTERS)
    assert (prices.rate("image", "embedded").credits, prices.rate("image", "14B-540P").credits) == (1, 10)
    assert [prices.rate(work).credits for work in ("lip-sync", "avatar", "upscale", "writing")] == [5, 5, 1, 5]
    with pytest.raises(KeyError):
        prices.rate("video", "5B-540P")
    assert prices.whole(Fraction(1, 10)) == 1


@pytest.mark.parametrize(
    "change", [{"steps": 100}, {"steps": 50, "ar_step": 50}, {"steps": 50, "ar_step": 100 // 4, "causal_block_size": 5}]
)
def test_a_film_of_a_large_model_that_takes_more_passes_costs_more(change):
    card = cards.get("SkyReels-V2-DF-14B-540P")
    usual, more = asked(card, 97), asked(card, 97, **change)
    times = plan(spec_of(more)).passes / plan(spec_of(usual)).passes
    assert times >= 2
    assert tool().price(usual) == 102  # 97 frames are 4 1/24 s
    assert tool().price(more) == math.ceil(Fraction(25 * 97, 24) * times)


def test_the_page_and_the_api_name_the_price_that_follows_the_passes(page, api):
    for steps, price in ((16, 6), (100, 33), (4, 2)):
        params = PARAMS | {"steps": steps}
        assert api.post("/api/v1/tools/to-video/quote/", params, format="json").json()["credits"] == price
        html = page.get("/home/tools/to-video/quote", params).content.decode()
        assert f"<strong>{price}</strong>" in html


def test_expected_time_follows_the_passes(ada):
    usual, more = (tool().work(PARAMS | {"steps": steps}) for steps in (16, 64))
    assert more == 4 * usual
    assert tool().work(PARAMS | {"steps": 16, "guidance_scale": 1.0}) == usual / 2


def frames(low, high):
    return st.integers(low, high).map(lambda latents: 4 * latents + 1)


settings = st.fixed_dictionaries(
    {},
    optional={
        "steps": st.integers(4, 100),
        "guidance_scale": st.sampled_from([1.0, 1.5, 6.0]),
        "base_num_frames": frames(1, 64),
        "overlap_history": frames(0, 32),
        "ar_step": st.integers(0, 20),
        "causal_block_size": st.integers(1, 8),
        "fps": st.integers(1, 60),
        "finish": st.sampled_from([2, 4]),
    },
)


@given(card=st.sampled_from([card for card in RELEASED if card.long]), length=frames(1, 60), more=settings)
def test_nothing_raises_the_passes_without_the_price(card, length, more):
    params = asked(card, length, **more)
    try:
        passes = plan(spec_of(params)).passes
    except SpecError:
        assume(False)
    due = RATES[card.tier] * Fraction(length, card.fps) * passes / recommended_passes(card, length)
    price = tool().price(params)
    assert price >= max(1, due)
    if not more.get("finish"):
        assert price < due + 1


@given(
    card=st.sampled_from([card for card in RELEASED if card.long]),
    length=frames(1, 60),
    one=settings,
    other=settings,
)
def test_of_two_ways_to_make_a_film_the_one_with_more_passes_never_costs_less(card, length, one, other):
    ways = [asked(card, length, **more) | {"finish": None} for more in (one, other)]
    try:
        fewer, more = sorted((plan(spec_of(way)).passes, tool().price(way)) for way in ways)
    except SpecError:
        assume(False)
    assert fewer[1] <= more[1]


def test_pixels_beyond_what_the_model_is_offered_in_count():
    spec = spec_of(PARAMS | {"steps": 16})
    twice = VideoSpec(**{name: getattr(spec, name) for name in VideoSpec.__slots__} | {"width": 256})
    assert (effort(spec), effort(twice)) == (1, 2)


def test_an_extension_pays_for_new_frames_and_for_an_overlap_that_is_made_again():
    params = PARAMS | {"mode": "extend", "steps": 16, "num_frames": 21}
    assert tool().price(params) == 3  # 12 new frames at 8 a second
    wide = params | {"num_frames": 29, "overlap_history": 17, "base_num_frames": 29}
    assert spec_of(wide).new_frames == 12 and tool().price(wide) > 3


def test_a_finish_costs_what_the_tool_upscale_takes():
    assert tool().price(PARAMS | {"steps": 16, "num_frames": 33}) == 9
    assert tool().price(PARAMS | {"steps": 16, "num_frames": 33, "finish": 4}) == 13


def test_a_part_costs_no_more_than_its_passes():
    whole = PARAMS | {"num_frames": 45, "steps": 32, "finish": 4}
    job = Generation(tool="to-video", params=whole, cost=tool().price(whole), kept_frames=33)
    assert (job.cost, services.price_if_stopped(job)) == (29, 17)


def test_a_film_with_many_frames_a_second_costs_more_to_make_larger():
    asked = {"kind": "video", "made_width": 64, "made_height": 64, "seconds": 10.0}
    costs = [registry.get("upscale").price(asked | {"frames": count}) for count in (240, 300, 600)]
    assert costs == [10, 10, 20]


def test_the_price_list_shows_what_the_tools_will_ask(monkeypatch):
    assert [(row.name, row.credits, row.runs) for row in landing.prices()] == [
        ("3-second video", 10, 30),
        ("10-second video", 31, 9),
        ("30-second video", 91, 3),
        ("Image", 1, 300),
        ("10-second video, its lips moved", 50, 6),
        ("5-second video, restyled", 7, 42),
        ("10-second video of a talking avatar", 50, 6),
        ("Image, enlarged", 1, 300),
        ("10-second video, enlarged", 10, 30),
        ("Minute of speech", 5, 60),
    ]
    short = SimpleNamespace(variant="df", fps=8, max_num_frames=100)
    monkeypatch.setattr("apps.tools.videos.MODEL", short)
    assert [name for name, _ in tool().priced] == ["3-second video", "10-second video"]
