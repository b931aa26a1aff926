"""Jobs that are one thing to their owner: one quote, one hold, one receipt, one place in the limit."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.billing import services as billing
from apps.billing.models import Transfer
from apps.errors import StudioError
from apps.library import uploads
from apps.library.models import Asset, Generation, Group
from apps.tools import services, sweeper
from tests.media import encoded, quarters
from tests.tools.paper import fresh

pytestmark = pytest.mark.django_db(transaction=True)
Status = Generation.Status


@pytest.fixture
def group(paper, ada):
    """Two that start at once, and one that waits for both; 5, 10 and 15 credits."""
    one, two = paper.planned("one", price=5), paper.planned("two", price=10)
    return paper.group(ada, one, two, paper.planned("three", [one], price=15, first=two), title="Three words")


def job(group, title):
    return group.generations.get(title=title)


def finish(job):
    running = Generation.objects.claim(job.queue)
    assert running.pk == job.pk
    assert services.finish(running, [(Asset(kind="video"), {})], "paper")


def sums(group):
    receipt = billing.receipt(group.reference)
    return receipt.held, receipt.captured, receipt.released, receipt.open


def test_it_is_one_hold_in_the_name_of_the_group(group, ada):
    hold = Transfer.objects.get(kind=Transfer.Kind.HOLD)
    assert (hold.reference, hold.part, hold.amount) == (f"group:{group.pk}", "", 30)
    assert (billing.balance(ada), billing.held(ada), str(group), group.is_active) == (70, 30, "Three words", True)
    assert {each.reference for each in group.generations.all()} == {group.reference}
    assert [job(group, title).status for title in ("one", "two", "three")] == ["queued", "queued", "waiting"]


def test_a_job_of_it_begins_with_what_another_one_made(paper, ada, worker, wait_until):
    swan = paper.planned("swan")
    group = paper.group(ada, swan, paper.planned("lake", first=swan))
    wait_until(lambda: not group.is_active)
    assert job(group, "lake").asset.file.read() == b"swan lake"
    assert (sums(group), group.percent, billing.audit()) == ((20, 20, 0, 0), 100, [])


def test_each_job_settles_its_own_part_and_nothing_is_held_in_the_end(group, api, ada):
    finish(job(group, "one"))
    assert (sums(group), billing.held(ada)) == ((30, 5, 0, 25), 25)
    services.fail(Generation.objects.claim("gpu"), StudioError(code="generation_failed"))
    assert job(group, "three").error_code == "prerequisite_failed"
    assert (sums(group), billing.balance(ada), billing.held(ada)) == ((30, 5, 25, 0), 95, 0)
    parts = Transfer.objects.exclude(part="").values_list("kind", "part", "amount")
    assert set(parts) == {
        ("capture", str(job(group, "one").pk), 5),
        ("release", str(job(group, "two").pk), 10),
        ("release", str(job(group, "three").pk), 15),
    }
    told = {it["title"]: it["credits"] for it in api.get("/api/v1/generations/").json()["results"]}
    assert told == {
        "one": {"held": 5, "captured": 5, "released": 0},
        "two": {"held": 10, "captured": 0, "released": 10},
        "three": {"held": 15, "captured": 0, "released": 15},
    }
    assert billing.audit() == []


def test_a_job_that_ends_twice_settles_once(group):
    first = Generation.objects.claim("gpu")
    assert services.fail(first, StudioError(code="generation_failed"))
    assert not services.fail(first, StudioError(code="generation_failed"))
    with pytest.raises(services.WrongState):
        services.cancel(first)
    assert sums(group) == (30, 0, 20, 10)


def test_a_job_of_it_that_costs_nothing_is_no_trouble(paper, ada):
    group = paper.group(ada, paper.planned("free", price=0), paper.planned("paid", price=4))
    finish(job(group, "free"))
    services.cancel(job(group, "paid"))
    assert (sums(group), billing.balance(ada), billing.audit()) == ((4, 0, 4, 0), 100, [])


def test_it_counts_once_in_the_limit(paper, group, ada, settings):
    settings.MAX_ACTIVE_JOBS = 2
    paper.submit(ada, "alone")
    before = Generation.objects.count()
    for another in (lambda: paper.submit(ada, "alone too"), lambda: paper.group(ada, paper.planned("x"))):
        with pytest.raises(services.TooManyJobs):
            another()
    assert (Generation.objects.count(), Group.objects.count(), billing.held(ada)) == (before, 1, 40)
    services.cancel_group(group)
    paper.group(ada, paper.planned("x"), paper.planned("y"), paper.planned("z"))


def test_without_enough_credits_nothing_of_it_is_recorded(paper, ada):
    with pytest.raises(billing.InsufficientCredits) as caught:
        paper.group(ada, *(paper.planned(str(number), price=30) for number in range(4)))
    assert (caught.value.needed, Generation.objects.count(), Group.objects.count()) == (120, 0, 0)
    assert (billing.balance(ada), billing.held(ada)) == (100, 0)


def test_cancelling_it_cancels_every_job_that_has_not_ended(group, ada):
    finish(job(group, "one"))
    at_work = Generation.objects.claim("gpu")
    assert services.cancel_group(group) == 25
    assert [job(group, title).status for title in ("one", "two", "three")] == ["succeeded", "cancelled", "cancelled"]
    assert not services.finish(at_work, [(Asset(kind="video"), {})], "paper")
    assert (sums(group), group.is_active, billing.held(ada)) == ((30, 5, 25, 0), False, 0)
    assert services.cancel_group(group) == 0


def test_what_waits_in_it_is_cancelled_too_however_long_the_chain(paper, ada):
    chain = [paper.planned("0")]
    for number in range(1, 6):
        chain.append(paper.planned(str(number), chain[-1:]))
    group = paper.group(ada, *chain)
    assert services.cancel_group(group) == 60
    assert set(group.generations.values_list("status", "error_code")) == {("cancelled", "")}
    assert billing.audit() == []


def test_an_upload_of_it_is_stored_with_its_hold(paper, ada, settings, stored):
    def planned(shade):
        picture = uploads.stage(ada, "image", SimpleUploadedFile("a.png", encoded(quarters(shade, shade))))
        return paper.planned(str(shade), first=picture, price=5)

    group = paper.group(ada, planned(64), planned(80), planned(64))
    assert Asset.objects.count() == 2 and len(stored()) == 4
    first, second, third = (job.inputs.get().asset for job in group.generations.order_by("created_at", "pk"))
    assert first == third != second
    with pytest.raises(billing.InsufficientCredits):
        paper.group(ada, planned(96), paper.planned("dear", price=100))
    assert Asset.objects.count() == 2 and len(stored()) == 4


def test_how_much_is_done_weighs_what_the_jobs_cost(group):
    assert group.percent == 0
    finish(job(group, "one"))
    assert group.percent == 16  # 5 of 30
    two = Generation.objects.claim("gpu")
    two.advance(step=1, steps=2)
    assert group.percent == 33  # and half of 10
    services.fail(two, StudioError(code="generation_failed"))
    assert group.percent == 100


def test_a_lost_worker_of_it_costs_nothing_more(group, settings):
    for _ in range(settings.MAX_ATTEMPTS):
        assert fresh(Generation.objects.claim("gpu")).title == "one"
        sweeper.sweep(lease=timedelta(0))
    assert (job(group, "one").error_code, job(group, "three").error_code) == ("worker_lost", "prerequisite_failed")
    finish(job(group, "two"))
    assert (sums(group), billing.audit()) == ((30, 10, 20, 0), [])


def test_deleting_one_of_it_gives_back_its_part(group, ada):
    services.delete(job(group, "two"))
    assert (billing.balance(ada), job(group, "three").status) == (95, "failed")


# --- through the API


def test_the_api_tells_how_far_it_is(group, api):
    finish(job(group, "one"))
    told = api.get(f"/api/v1/groups/{group.pk}/").json()
    assert (told["title"], told["kind"], told["active"], told["percent"]) == ("Three words", "batch", True, 16)
    assert told["credits"] == {"held": 30, "captured": 5, "released": 0}
    assert [(it["title"], it["status"], it["percent"], it["cost"]) for it in told["generations"]] == [
        ("one", "succeeded", 100, 5),
        ("two", "queued", 0, 10),
        ("three", "waiting", 0, 15),
    ]
    assert api.get(f"/api/v1/generations/{told['generations'][0]['id']}/").json()["group"] == told["id"]


def test_the_api_cancels_it(group, api, ada):
    told = api.post(f"/api/v1/groups/{group.pk}/cancel/")
    assert (told.status_code, told.json()["active"], told.json()["percent"]) == (200, False, 100)
    assert told.json()["credits"] == {"held": 30, "captured": 0, "released": 30}
    assert {it["status"] for it in told.json()["generations"]} == {"cancelled"}
    assert api.post(f"/api/v1/groups/{group.pk}/cancel/").status_code == 200, "cancelling twice changes nothing"
    assert billing.balance(ada) == 100


def test_what_is_in_the_trash_is_not_told(group, api):
    services.delete(job(group, "two"))
    told = api.get(f"/api/v1/groups/{group.pk}/").json()["generations"]
    assert [it["title"] for it in told] == ["one", "three"]


def test_a_strangers_group_is_not_there(paper, api, ben):
    his = paper.group(ben, paper.planned("his"))
    for answer in (api.get(f"/api/v1/groups/{his.pk}/"), api.post(f"/api/v1/groups/{his.pk}/cancel/")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert his.is_active
