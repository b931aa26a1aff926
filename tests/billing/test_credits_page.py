"""The page of credits: a line for each job with all that its credits did, and sums that are the ledger's."""

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from apps.billing import services as billing
from apps.billing.models import Transfer
from apps.library.models import Group
from tests.factories import AssetFactory, GenerationFactory, UserFactory

PAGE = "/home/credits"


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def settled(user, charged, **columns):
    """A job that held 30 credits, was charged some of them and got the rest back."""
    job = GenerationFactory(user=user, **columns)
    billing.capture(user, charged, job.reference)
    billing.release(user, job.reference)
    return job


def test_a_job_is_one_line_that_opens_to_its_entries(page, ada):
    asset = AssetFactory(generation__user=ada, generation__title="a red boat", generation__held=True)
    billing.capture(ada, 30, asset.generation.reference)
    html = page.get(PAGE).content.decode()
    said = text(html)
    assert html.count("<details>") == 1 and html.count("a red boat") == 1
    assert "Held 30 credits" in said and "Charged 30 credits" in said and "of what was held" not in said
    assert asset.poster_url in html and asset.generation.get_absolute_url() in html
    assert f"{PAGE}/{asset.generation.reference}" in html


def test_grants_have_lines_of_their_own(page, ada):
    billing.welcome(ada, ada.email)
    said = text(page.get(PAGE).content.decode())
    assert "Welcome credits" in said and "+300" in said
    assert "Granted by the studio" in said and "+100" in said


def test_what_became_of_a_job_is_told(page, ada):
    trashed = AssetFactory(generation__user=ada, generation__title="in the bin").generation
    page.post(f"/home/jobs/{trashed.pk}/delete")
    GenerationFactory(user=ada, title="", status="failed", finished_at=timezone.now())
    group = Group.objects.create(user=ada, kind="batch", title="My fleet")
    GenerationFactory(user=ada, group=group, held=False)
    billing.hold(ada, 30, group.reference)
    said = text(page.get(PAGE).content.decode())
    for words in ("In the trash", "Untitled", "Failed", "My fleet", "1 job"):
        assert words in said


def test_a_receipt_uses_the_same_words(page, ada):
    job = settled(ada, 20, title="a red boat")
    said = text(page.get(f"{PAGE}/{job.reference}").content.decode())
    for words in ("a red boat", "Held 30 credits", "Charged 20 credits", "10 credits given back"):
        assert words in said


def test_a_strangers_name_is_not_told(page, ada, ben):
    his = GenerationFactory(user=ben, title="private words")
    billing.hold(ada, 1, f"generation:{his.pk}x")
    assert "private words" not in page.get(PAGE).content.decode()


def test_many_lines_cost_no_more_questions_than_few(page, ada, django_assert_max_num_queries):
    billing.grant(ada, 5000, "more")

    def fill(count):
        for number in range(count):
            AssetFactory(generation__user=ada)
            group = Group.objects.create(user=ada, kind="batch", title=f"Fleet {number}")
            GenerationFactory(user=ada, group=group, held=False)
            billing.hold(ada, 3, group.reference)

    fill(1)
    with django_assert_max_num_queries(13) as few:
        page.get(PAGE)
    asked = len(few.captured_queries)
    fill(10)
    with django_assert_max_num_queries(asked):
        page.get(PAGE)


def test_every_line_is_on_one_page(page, ada):
    billing.grant(ada, 5000, "more")
    jobs = [settled(ada, 10) for _ in range(70)]
    seen, address = [], PAGE
    while address:
        html = page.get(address).content.decode()
        seen += re.findall(r'href="/home/credits/(generation:[^"]+)"', html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = following and PAGE + following[1].replace("&amp;", "&")
    assert seen == [job.reference for job in jobs[::-1]]


def test_months_add_up_to_the_ledger(page, ada):
    billing.grant(ada, 500, "more")
    for charged in (30, 0, 12):
        settled(ada, charged)
    for number, transfer in enumerate(Transfer.objects.order_by("pk")):
        Transfer.objects.filter(pk=transfer.pk).update(created_at=timezone.now() - timedelta(days=31 * (number % 4)))
    months = billing.months(ada)
    sums = {name: sum(getattr(month, name) for month in months) for name in ("granted", "held", "spent", "released")}
    assert len(months) >= 4 and sums == {"granted": 600, "held": 90, "spent": 42, "released": 48}
    assert billing.balance(ada) == sums["granted"] - sums["held"] + sums["released"]
    assert billing.held(ada) == sums["held"] - sums["spent"] - sums["released"] == 0
    assert all(isinstance(month.start, datetime) and month.start.day == 1 for month in months)
    said = text(page.get(PAGE).content.decode())
    assert "All time 600 90 48 42" in said
    for month in months:
        assert f"{month.start:%b %Y}" in said


class TestMore:
    def test_the_operator_is_named(self, page, settings):
        assert "Ask its operator" in page.get(PAGE).content.decode()
        settings.OPERATOR_EMAIL = "house@example.org"
        assert 'href="mailto:house@example.org"' in page.get(PAGE).content.decode()

    @pytest.fixture
    def boss(self, client, db):
        boss = UserFactory(email="boss@example.org", is_staff=True, is_superuser=True)
        client.force_login(boss)
        return client

    def test_staff_grant_credits_once(self, boss, ada):
        address = "/admin/billing/account/grant/"
        assert address in boss.get(PAGE).content.decode()
        sent = {
            "email": "ADA@example.org",
            "amount": 50,
            "key": re.search(r'name="key" value="(\w+)"', boss.get(address).content.decode())[1],
        }
        for _ in range(2):
            assert boss.post(address, sent).status_code == 302
        assert billing.balance(ada) == 150
        assert "ada@example.org" in boss.get("/admin/billing/account/").content.decode()

    @pytest.mark.parametrize("wrong", [{"email": "nobody@example.org"}, {"amount": 0}, {"amount": "9" * 40}])
    def test_a_wrong_grant_is_told(self, boss, ada, wrong):
        assert boss.post("/admin/billing/account/grant/", {"email": ada.email, "amount": 50} | wrong).status_code == 422
        assert billing.balance(ada) == 100

    def test_others_grant_nothing(self, page, ada):
        assert page.post("/admin/billing/account/grant/", {"email": ada.email, "amount": 50}).status_code == 302
        assert billing.balance(ada) == 100
