"""Activity: what runs, waits, is done or failed, on every page and in every tab."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from apps.accounts.models import User
from apps.errors import StudioError
from apps.library.models import Generation
from apps.tools import activity, services
from apps.tools.again import try_again
from apps.tools.views import on_stage
from tests.factories import AssetFactory, GenerationFactory
from tests.library.sockets import connect, drain

pytestmark = pytest.mark.django_db
URL, SEEN = "/home/activity", "/home/activity/seen"
Status = Generation.Status


def looked(user, **ago):
    User.objects.filter(pk=user.pk).update(activity_seen_at=timezone.now() - timedelta(**ago))
    user.refresh_from_db()


def failed(user):
    GenerationFactory(user=user, title="a lost film")
    job = Generation.objects.claim("gpu")
    services.fail(job, StudioError(code="worker_lost"))
    return job


def shown(page, address=URL):
    return page.get(address).context


def test_it_is_sorted_by_what_happens(page, ada):
    looked(ada, hours=1)
    failed(ada)
    GenerationFactory(user=ada)
    running = Generation.objects.claim("gpu")
    queued = GenerationFactory(user=ada)
    done = AssetFactory(generation__user=ada).generation
    context = shown(page)
    found = {name: [job.pk for job in context[name]] for name in ("running", "queued", "done")}
    assert found == {"running": [running.pk], "queued": [queued.pk], "done": [done.pk]}
    assert [job.title for job in context["failed"]] == ["a lost film"]
    html = page.get(URL).content.decode()
    assert "Try again" in html and "Done since you last looked" in html
    assert html.index("Running") < html.index("In line") < html.index("Failed")


def test_looking_is_remembered_for_every_device(page, client, ada):
    looked(ada, hours=1)
    AssetFactory(generation__user=ada)
    assert 'data-unseen="1"' in page.get("/home/credits").content.decode()
    assert page.post(SEEN).url == URL
    phone = type(client)()
    phone.force_login(ada)
    assert shown(phone)["done"] == []
    assert 'data-unseen="0"' in phone.get("/home/credits").content.decode()


def test_what_ends_after_the_panel_was_drawn_stays_unseen(page, ada):
    looked(ada, hours=1)
    drawn = timezone.now() - timedelta(minutes=1)
    AssetFactory(generation__user=ada)
    page.post(SEEN, {"until": drawn.isoformat()})
    ada.refresh_from_db()
    assert ada.activity_seen_at == drawn
    page.post(SEEN, {"until": (drawn - timedelta(hours=2)).isoformat()})
    page.post(SEEN, {"until": "yesterday"})
    ada.refresh_from_db()
    assert drawn < ada.activity_seen_at <= timezone.now(), "never back, never into the future"


def test_an_open_panel_keeps_what_it_has_shown_as_new(page, ada):
    looked(ada, hours=1)
    since = ada.activity_seen_at
    done = AssetFactory(generation__user=ada).generation
    activity.look_at(ada, timezone.now())
    assert shown(page)["done"] == []
    context = page.get(URL, {"since": since.isoformat()}, HTTP_HX_REQUEST="true").context
    assert context["done"] == [done]


def test_a_failure_stays_until_it_is_dealt_with(page, ada):
    job = failed(ada)
    activity.look_at(ada, timezone.now())
    assert [each.pk for each in shown(page)["failed"]] == [job.pk]
    try_again(Generation.objects.get(pk=job.pk))
    assert shown(page)["failed"] == []


def test_what_belongs_to_others_or_lies_in_the_trash_is_not_there(page, ada, ben):
    looked(ada, hours=1)
    failed(ben)
    services.delete(failed(ada))
    GenerationFactory(user=ben)
    context = shown(page)
    assert not any(context[name] for name in ("running", "queued", "done", "failed", "models"))


def test_visitors_are_asked_to_sign_in_and_looking_takes_a_post(client, page):
    assert type(client)().get(URL).url == f"/accounts/login/?next={URL}"
    assert page.get(SEEN).status_code == 405


def test_the_job_at_work_is_first_on_the_stage_and_the_others_follow_in_their_turn(page, ada):
    done = AssetFactory(generation__user=ada).generation
    running = GenerationFactory(user=ada)
    Generation.objects.claim("gpu")
    first, second = GenerationFactory(user=ada, cost=5), GenerationFactory(user=ada, cost=5)
    jobs = on_stage(Generation.objects.of(ada))
    assert [job.pk for job in jobs] == [running.pk, first.pk, second.pk, done.pk]


@pytest.mark.django_db(transaction=True)
async def test_what_one_tab_deletes_and_brings_back_the_others_show(ada):
    job = await sync_to_async(GenerationFactory)(user=ada)
    other = await connect(ada)
    await drain(other)
    await sync_to_async(services.delete)(job)
    messages = await drain(other)
    assert "data-gone" in next(text for text in reversed(messages) if str(job.pk) in text)
    assert any('id="activity-count"' in text and 'data-active="0"' in text for text in messages)
    await sync_to_async(services.restore)(job)
    (card,) = [text for text in await drain(other) if str(job.pk) in text]
    assert 'data-status="cancelled"' in card
    await other.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_looking_in_one_tab_clears_the_dot_of_the_others(ada):
    await sync_to_async(looked)(ada, hours=1)
    await sync_to_async(AssetFactory)(generation__user=ada)
    other = await connect(ada)
    assert any('data-unseen="1"' in text for text in await drain(other))
    await sync_to_async(activity.look_at)(ada, timezone.now())
    assert any('data-unseen="0"' in text for text in await drain(other))
    await other.disconnect()
