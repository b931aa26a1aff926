"""What failed or was cancelled is tried again with one click: the same settings, the same inputs, one new job."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.billing import services as billing
from apps.errors import StudioError
from apps.library.models import Generation
from apps.tools import services
from apps.tools.again import try_again
from tests.factories import AssetFactory, GenerationFactory
from tests.params import PARAMS

HTMX = {"HTTP_HX_REQUEST": "true"}
Status = Generation.Status
OURS = PARAMS | {"ratio": "16:9"}


def lost(user, *, code="worker_lost", tool="paper-boat", params=None, **more):
    """A job that failed, with its credits given back."""
    job = GenerationFactory(user=user, tool=tool, params=params or {"prompt": "swan", "size": 2}, cost=10, **more)
    running = Generation.objects.claim(job.queue)
    services.fail(running, StudioError(code=code))
    return Generation.objects.get(pk=job.pk)


def jobs():
    return Generation.objects.order_by("created_at")


@pytest.mark.django_db(transaction=True)
class TestTryAgain:
    def test_one_click_makes_a_new_job_with_the_same_settings(self, page, ada, boat):
        job = lost(ada)
        html = page.post(f"/home/jobs/{job.pk}/again", **HTMX).content.decode()
        assert "Started again." in html
        new = jobs().last()
        assert (new.pk != job.pk, new.params, new.status) == (True, job.params, Status.QUEUED)
        assert (billing.balance(ada), billing.held(ada)) == (90, 10)
        assert Generation.objects.get(pk=job.pk).status == Status.FAILED

    def test_a_film_of_the_studio_is_made_again_as_it_was(self, page, ada):
        page.post("/home/tools/to-video", OURS)
        job = jobs().get()
        services.cancel(job)
        page.post(f"/home/jobs/{job.pk}/again", **HTMX)
        new = jobs().last()
        assert (new.pk != job.pk, new.params, new.cost) == (True, job.params, job.cost)

    def test_a_double_click_makes_one_job(self, page, ada, boat):
        job = lost(ada)
        for _ in range(2):
            assert page.post(f"/home/jobs/{job.pk}/again", **HTMX).status_code == 200
        assert jobs().count() == 2
        assert billing.held(ada) == 10

    def test_two_requests_at_once_make_one_job(self, ada, boat):
        job = lost(ada)

        def again(_):
            try:
                return try_again(Generation.objects.get(pk=job.pk)).pk
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(again, range(4)))) == 1
        assert billing.held(ada) == 10

    def test_when_the_second_try_was_cancelled_too_there_is_a_third(self, ada, boat):
        job = lost(ada)
        second = try_again(job)
        services.cancel(second)
        third = try_again(job)
        assert third.pk not in (job.pk, second.pk)
        assert try_again(job).pk == third.pk

    def test_without_credits_it_says_so_and_offers_to_get_some(self, page, ada, boat):
        job = lost(ada)
        billing.hold(ada, 95, "test:spent")
        answer = page.post(f"/home/jobs/{job.pk}/again", **HTMX)
        html = answer.content.decode()
        assert (answer.status_code, answer["HX-Retarget"]) == (402, "#toasts")
        assert "Get credits" in html and "/home/credits" in html
        assert jobs().count() == 1

    def test_a_strangers_job_is_not_found(self, page, api, ada, ben, boat):
        job = lost(ben)
        for pk in (job.pk, uuid.uuid4()):
            assert page.post(f"/home/jobs/{pk}/again").status_code == 404
            assert api.post(f"/api/v1/generations/{pk}/retry/").status_code == 404
        assert page.get(f"/home/jobs/{job.pk}/again").status_code == 405
        assert jobs().count() == 1

    def test_an_input_is_used_again_and_a_deleted_one_is_missed(self, page, ada, paper):
        chain = AssetFactory(generation__user=ada)
        job = services.submit(ada, paper.tool, {"prompt": "lake", "first": str(chain.pk)})
        services.cancel(job)
        new = try_again(Generation.objects.get(pk=job.pk))
        assert [given.asset_id for given in new.inputs.all()] == [chain.pk]
        services.cancel(new)
        services.delete(chain.generation)
        answer = page.post(f"/home/jobs/{job.pk}/again", **HTMX)
        assert (answer.status_code, answer["HX-Retarget"]) == (409, "#toasts")
        assert "no longer in your library" in answer.content.decode()

    def test_what_waited_for_a_job_that_was_not_made_names_that_one(self, ada, paper):
        swan = paper.submit(ada, "swan")
        lake = paper.submit(ada, "lake", first=swan)
        services.cancel(swan)
        with pytest.raises(StudioError, match="was not made"):
            try_again(Generation.objects.get(pk=lake.pk))

    def test_settings_that_are_not_offered_any_more_are_refused_with_the_field(self, api, ada, boat):
        job = lost(ada, params={"prompt": "swan", "size": 9})
        answer = api.post(f"/api/v1/generations/{job.pk}/retry/")
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        assert "size" in answer.json()["errors"]

    def test_only_what_is_lost_can_be_tried_again(self, api, ada):
        job = GenerationFactory(user=ada)
        answer = api.post(f"/api/v1/generations/{job.pk}/retry/")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")

    def test_a_program_gets_the_new_job_and_its_address(self, api, ada, boat):
        job = lost(ada)
        answer = api.post(f"/api/v1/generations/{job.pk}/retry/")
        new = jobs().last()
        assert (answer.status_code, answer.json()["id"]) == (202, str(new.pk))
        assert answer["Location"].endswith(f"/api/v1/generations/{new.pk}/")

    def test_without_javascript_it_leads_back_to_the_tool(self, page, ada, boat):
        job = lost(ada)
        assert page.post(f"/home/jobs/{job.pk}/again").url == "/home/tools/paper-boat"


@pytest.mark.parametrize(
    ("code", "label", "address"),
    [
        ("worker_lost", "Try again", "/home/jobs/{pk}/again"),
        ("insufficient_credits", "Get credits", "/home/credits"),
        ("model_not_ready", "Choose another model", "/home/tools/to-video?from={pk}#id_model_id"),
        ("out_of_memory", "Make it shorter", "/home/tools/to-video?from={pk}#id_num_frames"),
        ("input_missing", "Choose another file", "/home/tools/to-video?from={pk}#id_image"),
        ("validation_failed", "Change the settings", "/home/tools/to-video?from={pk}"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_failed_card_offers_what_helps(page, ada, code, label, address):
    job = lost(ada, code=code, tool="to-video", params=PARAMS)
    html = page.get("/home/tools/to-video").content.decode()
    assert f"<span>{label}</span>" in html
    assert f'"{address.format(pk=job.pk)}"' in html
