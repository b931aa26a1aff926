"""What a plan lacks is refused before a credit is held, with the plan that has it; pages show it before that."""

import itertools
import re

import pytest
from django.urls import reverse

from apps.accounts.models import User
from apps.billing import powers
from apps.billing import services as billing
from apps.billing.models import Plan, Power
from apps.errors import StudioError
from apps.library import storage
from apps.library.models import Generation
from apps.tools import registry, services
from apps.tools.services import Planned
from tests.factories import AssetFactory
from tests.params import PARAMS
from tests.plans import give, put_on

pytestmark = pytest.mark.django_db
PAGE, API = "/home/tools/to-video", "/api/v1/tools/to-video/"
LONG = {"prompt": "a red circle moves right", "num_frames": "201", "style": "realistic"}
REFUSED = "On the plan Free, a video has at most 10 s. The plan Pro has 30 s."


@pytest.fixture
def _payments(settings):
    settings.STRIPE_SECRET_KEY = "sk_test_x"


@pytest.fixture
def rich(ada):
    billing.grant(ada, 5000, "test:more")
    return ada


def untouched(user):
    return not Generation.objects.exists() and billing.held(user) == 0


def test_the_page_refuses_what_the_plan_lacks_and_leads_to_the_plans(page, rich, _payments):
    answer = page.post(PAGE, LONG)
    assert answer.status_code == 422 and untouched(rich)
    text = answer.content.decode()
    assert REFUSED in text and 'href="/pricing"' in text
    quote = page.post(reverse("tools:quote", args=["to-video"]), LONG).content.decode()
    assert REFUSED in quote and 'href="/pricing"' in quote
    put_on(rich, "pro")
    assert page.post(PAGE, LONG).status_code == 302


def test_a_program_is_told_the_limit_and_the_plans_that_have_more(api, rich, _payments):
    for path in (API, f"{API}quote/"):
        answer = api.post(path, LONG, format="json")
        assert answer.status_code == 402 and untouched(rich)
        told = {name: answer.data[name] for name in ("code", "detail", "power", "asked", "limit", "plan", "plans")}
        assert told == {
            "code": "not_in_plan",
            "detail": REFUSED,
            "power": "film_seconds",
            "asked": 25,
            "limit": 10,
            "plan": "free",
            "plans": ["pro", "business", "enterprise"],
        }


def test_one_job_that_the_plan_lacks_refuses_its_group(rich, _payments):
    tool = registry.get("to-video")
    short, long = (Planned(tool, {**PARAMS, "num_frames": frames}) for frames in (21, 201))
    with pytest.raises(StudioError, match="at most 10 s"):
        services.submit_group(rich, "batch", "two", [short, long])
    assert untouched(rich)


def test_the_length_nearest_to_a_limit_is_within_it(rich, _payments):
    tool = registry.get("to-video")
    assert services.require(rich, tool, {**PARAMS, "num_frames": 81})  # 10.1 s at 8 frames a second
    with pytest.raises(powers.NotInPlan):
        services.require(rich, tool, {**PARAMS, "num_frames": 89})


def test_a_film_that_goes_on_counts_with_what_it_goes_on_from(rich, _payments):
    tool, clip = registry.get("to-video"), AssetFactory(user=rich, generation__user=rich, seconds=9.0)
    with pytest.raises(powers.NotInPlan):
        services.require(rich, tool, {**PARAMS, "num_frames": 33, "video": str(clip.pk)})
    with pytest.raises(powers.NotInPlan):
        services.require(rich, tool, {**PARAMS, "num_frames": 33, "video": Planned(tool, {**PARAMS, "num_frames": 73})})


def test_a_resolution_beyond_the_plan_is_refused_and_greyed(page, rich, _payments):
    source = AssetFactory(user=rich, generation__user=rich, width=640, height=480)
    shown = page.get("/home/tools/upscale").content.decode()
    assert '<option value="1080" disabled>1080, Full HD: from the plan Pro</option>' in shown
    assert '<option value="2160" disabled>2160, 4K: from the plan Business</option>' in shown
    answer = page.post("/home/tools/upscale", {"source": str(source.pk), "height": "1080"}).content.decode()
    assert "On the plan Free, the shorter side has at most 720 pixels (HD). The plan Pro has 1080" in answer
    assert Generation.objects.count() == 1, "the one that made the source"
    put_on(rich, "business")
    assert "from the plan" not in page.get("/home/tools/upscale").content.decode()


def test_a_finish_beyond_the_plan_is_refused_and_greyed_with_every_model(page, rich, _payments):
    give("free", lines=200)
    give("pro", lines=300)
    image = {"ratio": "1:1", "count": "1", "quality": "50"}
    for path, own in (("/home/tools/to-video", {"num_frames": "21"}), ("/home/tools/text2image", image)):
        shown = page.get(path).content.decode()
        assert '<option value="4" disabled>× 4: from the plan Business</option>' in shown
        assert "&quot;finishes&quot;: {&quot;4&quot;: &quot;\\u00d7 4: from the plan Business&quot;}" in shown
        form = {"prompt": "a red circle moves right", "style": "realistic", "finish": "4"} | own
        answer = page.post(path, form)
        assert answer.status_code == 422 and "The plan Business has 2160 pixels" in answer.content.decode()
        assert not Generation.objects.exists()
        assert page.post(path, form | {"finish": ""}).status_code == 302
        Generation.objects.all().delete()
        put_on(rich, "business")
        assert "from the plan" not in page.get(path).content.decode()
        put_on(rich, "free")


def test_a_model_beyond_the_plan_is_greyed(page, rich, _payments):
    give("free", lines=90)
    shown = page.get(PAGE).content.decode()
    assert "nano: from the plan Pro</option>" in shown
    assert re.search(r'<option value="\w*"[^>]* disabled>\w+: from the plan Pro</option>', shown)


def test_lengths_beyond_the_plan_are_greyed_with_the_reason(page, rich, _payments):
    shown = page.get(PAGE).content.decode()
    assert 'data-longest="10"' in shown and REFUSED in shown
    put_on(rich, "enterprise")
    assert REFUSED not in page.get(PAGE).content.decode()


def test_the_number_of_jobs_is_the_plans(paper, ada, _payments):
    for number in range(3):
        paper.submit(ada, str(number))
    with pytest.raises(services.TooManyJobs, match=r"You can have 3 jobs .* The plan Pro has 10\."):
        paper.submit(ada, "one more")
    assert billing.held(ada) == 30


def test_the_storage_is_the_plans_and_its_refusal_names_the_next(ada, _payments):
    assert storage.share(ada).quota == 2_000_000_000
    AssetFactory(user=ada, generation__user=ada, stored_bytes=2_000_000_000)
    with pytest.raises(storage.StorageFull, match=r"2\.0 GB of 2 GB\. The plan Pro has 20 GB\."):
        storage.refuse_full(ada)
    put_on(ada, "pro")
    storage.refuse_full(ada)


def test_the_api_may_be_asked_as_often_as_the_plan_says(api, ada, _payments):
    give("free", api_rate=2)
    give("pro", api_rate=4)
    assert [api.get("/api/v1/account/").status_code for _ in range(3)] == [200, 200, 429]
    put_on(ada, "pro")
    assert [api.get("/api/v1/account/").status_code for _ in range(3)] == [200, 200, 429]


def test_the_operator_bounds_what_the_plans_give(ada, settings, _payments):
    put_on(ada, "business")
    assert powers.of(ada).number("storage_gb") == 100
    settings.USER_STORAGE_GB, settings.SET_BY_OPERATOR = 5.0, {"USER_STORAGE_GB"}
    assert powers.of(ada).number("storage_gb") == 5
    assert {plan.slug: text for plan, text in row("storage_gb").cells}["business"] == "5 GB"


def row(name):
    return next(each for each in powers.table() if each.name == name)


def test_without_payments_everything_is_allowed_within_the_operators_settings(ada, settings):
    settings.MAX_ACTIVE_JOBS, settings.USER_STORAGE_GB = 7, 3.0
    now = powers.of(ada)
    assert {name: now.values[name] for name in powers.KINDS} == {
        "film_seconds": None,
        "lines": None,
        "no_watermark": True,
        "jobs_at_once": None,
        "jobs_in_line": 7,
        "batch_jobs": 50,
        "head_start": 0,
        "storage_gb": 3.0,
        "api_rate": 300,
    }


def test_every_plan_on_sale_has_a_row_for_each_power(db):
    rows = set(Power.objects.values_list("plan__slug", "name"))
    assert rows == {(slug, name) for slug in ("free", "pro", "business", "enterprise") for name in powers.KINDS}


def test_a_row_decides_and_one_that_cannot_be_gives_what_the_free_plan_has(ada, _payments):
    put_on(ada, "pro")
    give("pro", film_seconds=45)
    assert powers.of(ada).number("film_seconds") == 45
    give("pro", film_seconds="much", no_watermark=1)
    assert (powers.of(ada).number("film_seconds"), powers.of(ada).has("no_watermark")) == (10, False)
    team = Plan.objects.create(slug="team", title="Team", credits=1, price=1)
    assert powers.of_plan(team).values == powers.of_plan(Plan.objects.standard("free")).values


def test_a_better_plan_has_no_less_of_anything(db):
    shown = powers.on_sale()
    for less, more in itertools.pairwise(shown):
        for name in powers.KINDS:
            assert more.values[name] is None or more.values[name] >= (less.values[name] or 0)


def test_pages_show_what_plans_can_do(page, client, ada, _payments):
    text = page.get("/pricing").content.decode()
    for words in ("Longest video", "No watermark", "10 minutes ahead", "2160 pixels (4K)", "500 GB", "60 a minute"):
        assert words in text
    text = page.get(reverse("account_profile")).content.decode()
    assert "Your plan: Free" in text and 'href="/pricing"' in text


def test_asking_costs_few_queries(ada, _payments, django_assert_max_num_queries, settings):
    put_on(ada, "pro")
    with django_assert_max_num_queries(2):
        powers.of(ada)
    settings.STRIPE_SECRET_KEY = ""
    with django_assert_max_num_queries(0):
        powers.of(User())
