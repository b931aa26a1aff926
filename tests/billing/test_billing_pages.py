"""The pages of prices and of what somebody pays, the API of plans and credits, and what the privacy of money means."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import services as billing
from apps.billing import sync, upkeep
from apps.billing.models import Checkout, Customer, Payment, Subscription
from apps.privacy.deletion import delete_account
from tests.plans import give
from tests.sent import waiting
from tests.web.test_words_of_pages import bare_of, marked  # noqa: F401

NAMES = ("Free", "Pro", "Business", "Enterprise", "Studio", "Small pack", "Medium pack", "Large pack", "visa")


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


class TestPages:
    def test_without_payments_the_prices_say_so(self, client, db):
        said = text(client.get("/pricing"))
        assert "Payments are not connected in this studio" in said and "$" not in said

    def test_staff_of_a_studio_without_payments_are_led_to_granting(self, client, ada):
        User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
        client.force_login(ada)
        assert "/admin/billing/account/grant/" in client.get("/pricing").content.decode()

    def test_visitors_see_every_price(self, shop, client):
        said = text(client.get("/pricing"))
        for words in ("$0 a month", "$19.99 a month", "$149.99", "10,000 credits a month", "500 credits", "$11.99"):
            assert words in said
        assert "Subscribe" not in said and "Start free" in said
        assert "<loc>http://localhost:8000/pricing</loc>" in client.get("/sitemap.xml").content.decode()
        assert client.get("/").content.decode().count('href="/pricing"') == 2

    def test_paying_leads_to_stripe_and_back(self, shop, page, ada):
        answer = page.post("/home/billing/checkout", {"plan": "pro"})
        assert answer.status_code == 302 and answer["Location"].startswith(f"{shop.standin.url}/pay/")
        row = Checkout.objects.get()
        assert "Waiting for Stripe" in text(page.get(f"/home/billing?checkout={row.pk}"))
        assert "Waiting for Stripe" in text(page.get(f"/home/billing/checkout/{row.pk}"))
        shop.standin.pay(row.session_id)
        shop.hear()
        answer = page.get(f"/home/billing/checkout/{row.pk}", headers={"HX-Request": "true"})
        assert answer["HX-Redirect"] == f"/home/billing?checkout={row.pk}"
        said = text(page.get(f"/home/billing?checkout={row.pk}"))
        end = shop.row(ada).current_period_end
        for words in ("Welcome to Pro", "Next charge $19.99", f"on {end:%-d %B %Y}", "ending in 4242", "Invoice"):
            assert words in said
        assert f"/invoice/{shop.standin.of('invoice')[0]['id']}" in page.get("/home/billing").content.decode()

    def test_coming_back_lets_a_worker_look_where_no_webhook_arrives(
        self, shop, page, ada, django_capture_on_commit_callbacks
    ):
        row = shop.checkout(ada, "small")
        shop.standin.pay(row.session_id)
        shop.standin.webhooks.clear()
        with django_capture_on_commit_callbacks(execute=True):
            page.get(f"/home/billing?checkout={row.pk}")
        sent = waiting("billing")
        assert [(each.actor_name, each.args) for each in sent] == [("look_at_checkout", (str(row.pk),))]

    def test_a_stranger_sees_no_payment_of_another(self, shop, page, ben):
        row = shop.checkout(ben, "small")
        assert page.get(f"/home/billing/checkout/{row.pk}").status_code == 404
        assert "Waiting" not in text(page.get(f"/home/billing?checkout={row.pk}"))
        assert page.get("/home/billing?checkout=nonsense").status_code == 200

    def test_a_change_says_what_it_costs_before_the_click(self, shop, page, ada):
        shop.buy(ada, "business")
        said = text(page.get("/home/billing/change/enterprise"))
        for words in ("Charged now $149.99", "ending in 4242", "Credits added now 10,000", "Pay $149.99 and upgrade"):
            assert words in said
        said = text(page.get("/home/billing/change/pro"))
        end = f"{shop.row(ada).current_period_end:%-d %B %Y}"
        assert "Charged now $0" in said and f"until {end}" in said and "then $19.99 and 1,000 credits" in said
        assert "Cancel Business" in text(page.get("/home/billing/change/free"))
        assert page.get("/home/billing/change/studio").status_code == 404
        assert shop.state(ada).credits == 3100

    def test_the_button_changes_the_plan_once(self, shop, page, ada):
        shop.buy(ada, "pro")
        form = {"seen": "pro", "key": "0123"}
        answer = page.post("/home/billing/change/business", form, follow=True)
        assert "You are on Business now." in text(answer) and shop.state(ada).credits == 4100
        answer = page.post("/home/billing/change/business", form)
        assert answer.status_code == 409 and "not what it was" in text(answer)
        assert shop.state(ada).credits == 4100

    def test_a_refused_card_is_told_with_the_way_out(self, shop, page, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "declined")
        answer = page.post("/home/billing/change/business", {"seen": "pro"})
        assert answer.status_code == 402 and "Your card was declined" in text(answer)
        answer = page.post("/home/billing/portal", {"card": "1"})
        assert answer["Location"].startswith(f"{shop.standin.url}/portal/")
        assert shop.state(ada).credits == 1100

    def test_a_payment_that_the_bank_wants_confirmed_leads_to_its_page(self, shop, page, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "action")
        answer = page.post("/home/billing/change/business", {"seen": "pro"})
        address = shop.standin.of("invoice")[-1]["hosted_invoice_url"]
        assert (answer.status_code, answer["Location"]) == (302, address)
        shown = page.get("/home/billing")
        assert "Your bank wants you to confirm $49.99 for Business" in text(shown)
        assert shown.content.decode().count(f'href="{address}"') == 2 and "Keep Pro" in text(shown)
        assert not any(offer.main for offer in shown.context["offers"]), (
            "one thing to do, and it is not another upgrade"
        )
        assert page.get("/home/billing/change/business")["Location"] == "/home/billing"
        page.post("/home/billing/change/pro", {"seen": "pro"})
        assert "wants you to confirm" not in text(page.get("/home/billing"))

    def test_an_overdue_payment_leads_to_its_invoice(self, shop, page, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "action")
        with time_machine.travel(timezone.now() + timedelta(days=32), tick=True):
            page.force_login(ada)
            shop.tick()
            address = shop.standin.of("invoice")[-1]["hosted_invoice_url"]
            shown = page.get("/home/billing")
            assert "Pay $19.99" in text(shown) and f'href="{address}"' in shown.content.decode()
            shop.standin.confirm(address.rpartition("/")[2])
            shop.hear()
            assert f'"{address}">\n' not in page.get("/home/billing").content.decode()
            assert (shop.state(ada).plan, shop.row(ada).open_url) == ("pro", "")

    def test_what_follows_by_itself_has_no_button(self, shop, page, ada):
        shop.buy(ada, "business")
        shop.change(ada, "pro", key="1")
        end = f"From {shop.row(ada).current_period_end:%-d %B %Y}"
        for path in ("/home/billing", "/pricing"):
            shown = page.get(path)
            assert text(shown).count(end) == 1 and 'href="/home/billing/change/pro"' not in shown.content.decode()
        shop.change(ada, "free", key="2")
        shown = page.get("/home/billing")
        assert text(shown).count(end) == 1 and 'href="/home/billing/change/free"' not in shown.content.decode()

    def test_a_change_says_which_powers_come_and_go(self, shop, page, ada):
        shop.buy(ada, "pro")
        assert "Longest video 30 s 60 s" in text(page.get("/home/billing/change/business"))
        said = text(page.get("/home/billing/change/free"))
        assert "Longest video 30 s 10 s" in said and "No watermark Yes No" in said
        assert "then 300 credits each month" in said

    def test_the_billing_page_tells_what_is_to_come(self, shop, page, ada):
        shop.buy(ada, "business")
        shop.change(ada, "pro", key="1")
        said = text(page.get("/home/billing"))
        assert "Next charge $19.99" in said and "From then on you are on Pro" in said and "Keep Business" in said
        shop.change(ada, "free", key="2")
        assert f"Ends on {shop.row(ada).current_period_end:%-d %B %Y}" in text(page.get("/home/billing"))
        Subscription.objects.update(status="past_due", grace_until=timezone.now() + timedelta(days=2))
        assert "Your plan stays until" in text(page.get("/home/billing"))
        Subscription.objects.update(grace_until=timezone.now() - timedelta(days=2))
        assert "A payment is overdue" in text(page.get("/home/billing"))

    def test_what_is_owed_is_told(self, shop, page, ada):
        shop.buy(ada, "small")
        billing.hold(ada, 600, "generation:1")
        shop.standin.refund(shop.intent(ada))
        shop.hear()
        said = text(page.get("/home/billing"))
        assert "The next 500 credits" in said and "$11.99 refunded" in said

    def test_a_second_plan_is_led_to_the_billing_page(self, shop, page, ada):
        shop.buy(ada, "pro")
        answer = page.post("/home/billing/checkout", {"plan": "business"}, follow=True)
        assert "You have a plan already" in text(answer)
        assert page.post("/home/billing/checkout", {"plan": "free"}).status_code == 409
        assert page.post("/home/billing/checkout", {"plan": "studio"}).status_code == 404

    def test_stripe_away_is_told_and_the_page_still_stands(self, shop, page, ada):
        shop.buy(ada, "pro")
        shop.standin.away = True
        assert page.get("/home/billing").status_code == page.get("/pricing").status_code == 200
        answer = page.post("/home/billing/checkout", {"topup": "small"})
        assert answer.status_code == 503 and "Nothing was charged" in text(answer)
        assert page.get("/home/billing/change/business").status_code == 503

    def test_every_word_can_be_translated(self, shop, page, ada, marked):  # noqa: F811
        shop.buy(ada, "business")
        shop.change(ada, "pro", key="1")
        billing.hold(ada, 1000, "generation:1")
        row = shop.buy(ada, "small")
        addresses = ["/pricing", "/home/billing", f"/home/billing?checkout={row.pk}", "/home/credits"]
        addresses += [f"/home/billing/change/{slug}" for slug in ("free", "pro", "business", "enterprise")]
        found = {address: bare_of(page.get(address).content.decode(), NAMES) for address in addresses}
        assert {address: words for address, words in found.items() if words} == {}
        assert bare_of(Client().get("/pricing").content.decode(), NAMES) == []

    def test_the_credits_page_names_payments(self, shop, page, ada):
        shop.buy(ada, "pro")
        shop.standin.refund(shop.intent(ada))
        shop.hear()
        said = text(page.get("/home/credits"))
        assert "Pro" in said and "Payment refunded" in said and "Get credits" in said
        assert "Taken back" in said and "All time 1,100 0 0 0 1,000" in said, "what came, went and is left adds up"


class TestApi:
    def test_plans_are_listed_with_the_current_one(self, shop, api, ada):
        found = api.get("/api/v1/plans/").json()
        assert [plan["slug"] for plan in found if plan["current"]] == ["free"] and len(found) == 4
        shop.buy(ada, "pro")
        assert [plan["slug"] for plan in api.get("/api/v1/plans/").json() if plan["current"]] == ["pro"]

    def test_plans_tell_what_they_can_do(self, shop, api, ada, django_assert_max_num_queries):
        give("pro", storage_gb=33, film_seconds=None)
        with django_assert_max_num_queries(9):
            found = {plan["slug"]: plan["powers"] for plan in api.get("/api/v1/plans/").json()}
        assert found["free"] == {
            "film_seconds": 10, "lines": 720, "no_watermark": False, "jobs_at_once": 1, "jobs_in_line": 3,
            "batch_jobs": 4, "head_start": 0, "storage_gb": 2, "api_rate": 60,
        }  # fmt: skip
        assert (found["pro"]["storage_gb"], found["pro"]["film_seconds"]) == (33, None)
        assert found["business"]["no_watermark"] is True

    def test_a_studio_without_payments_has_one_plan(self, api, settings):
        [plan] = api.get("/api/v1/plans/").json()
        assert plan["slug"] == "studio" and plan["powers"]["no_watermark"] is True
        assert plan["powers"]["film_seconds"] is None and plan["powers"]["storage_gb"] == settings.USER_STORAGE_GB

    def test_credits_are_listed_page_by_page(self, api, ada, ben):
        for number in range(5):
            billing.grant(ada, 10 + number, f"present:{number}")
        billing.grant(ben, 77, "not adas")
        first = api.get("/api/v1/credits/?page_size=4").json()
        second = api.get(first["next"]).json()
        both = first["results"] + second["results"]
        assert [each["amount"] for each in both] == [14, 13, 12, 11, 10, 100]
        assert both[0] | {"id": 0, "created_at": ""} == {
            "id": 0, "created_at": "", "kind": "grant", "amount": 14, "source": "issued", "destination": "wallet",
            "reference": "present:4", "part": "",
        }  # fmt: skip

    def test_unknown_parameters_are_refused(self, api):
        assert api.get("/api/v1/credits/?sort=x").status_code == 422


class TestLeaving:
    def test_a_deleted_account_is_charged_no_more(self, shop, ada, django_capture_on_commit_callbacks):
        import workers.actors

        shop.buy(ada, "pro")
        shop.standin.away = True
        with django_capture_on_commit_callbacks(execute=True):
            delete_account(ada)
        row = Customer.objects.get()
        assert row.leaving and not Checkout.objects.exists()
        assert [payment.document_url for payment in Payment.objects.all()] == [""]
        with pytest.raises(Exception, match="does not answer"):
            workers.actors.leave_stripe.fn(str(row.pk))
        shop.standin.away = False
        with django_capture_on_commit_callbacks(execute=True):
            upkeep.upkeep()
        sent = waiting("billing")
        assert ("leave_stripe", (str(row.pk),)) in [(each.actor_name, tuple(each.args)) for each in sent]
        workers.actors.leave_stripe.fn(str(row.pk))
        assert [each["status"] for each in shop.standin.of("subscription")] == ["canceled"]
        assert shop.standin.get("customer", row.stripe_id)["deleted"]
        shop.hear()
        row.refresh_from_db()
        assert not row.leaving and (row.card_last4, shop.row(ada).status) == ("", "canceled")
        assert billing.audit() == []

    def test_what_is_told_after_the_deletion_names_nobody_and_gives_nothing_twice(self, shop, ada):
        import workers.actors

        shop.buy(ada, "pro", hear=False)
        late = list(shop.standin.webhooks)
        delete_account(ada)
        workers.actors.leave_stripe.fn(str(Customer.objects.get().pk))
        shop.hear(shuffle=True, twice=1.0)
        for event in late:
            shop.post(*shop.standin.signed(event))
        shop.work()
        payment = Payment.objects.get()
        assert (payment.credits, payment.document_url) == (1000, "") and billing.audit() == []
        row = shop.row(payment.user)
        assert (row.plan.slug, row.open_url, row.is_live) == ("free", "", False)
        with time_machine.travel(timezone.now() + timedelta(days=40), tick=True):
            before = billing.balance(payment.user)
            upkeep.upkeep()
            assert billing.balance(payment.user) == before, "no free credits for nobody"

    def test_the_export_tells_of_payments(self, shop, ada):
        from apps.privacy.export import documents

        shop.buy(ada, "pro")
        found = {document.name: document.file.read().decode() for document in documents(ada)}
        assert '"title": "Pro"' in found["account.json"] and '"plan": "Pro"' in found["account.json"]


class TestChecks:
    @pytest.mark.parametrize(
        ("changes", "codes"),
        [
            ({}, []),
            ({"STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_WEBHOOK_SECRETS": ["whsec_x"], "SECURE": True}, []),
            ({"STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_WEBHOOK_SECRETS": []}, ["cinevivid.E008"]),
            ({"STRIPE_SECRET_KEY": "pk_live_x", "STRIPE_WEBHOOK_SECRETS": ["whsec_x"]}, ["cinevivid.E009"]),
            (
                {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRETS": ["whsec_x"], "SECURE": True},
                ["cinevivid.W008"],
            ),
            ({"STRIPE_TAX": "yes"}, ["cinevivid.E010"]),
        ],
    )
    def test_what_is_missing_is_said(self, settings, changes, codes):
        for name, value in changes.items():
            setattr(settings, name, value)
        ours = ("cinevivid.E008", "cinevivid.E009", "cinevivid.W008", "cinevivid.E010")
        assert [each.id for each in run_checks(include_deployment_checks=True) if each.id in ours] == codes


def test_a_real_worker_handles_what_stripe_tells(standin, worker, wait_until, settings):
    """From the webhook to the wallet, by way of the queue."""
    from tests.billing.conftest import open_shop
    from tests.factories import UserFactory

    shop, ada = open_shop(standin), UserFactory(email="ada@example.org", credits=100)
    row = shop.checkout(ada, "small")
    standin.pay(row.session_id)
    standin.deliver(shop.post, twice=1.0)
    wait_until(lambda: billing.balance(ada) == 600)
    wait_until(lambda: not sync.Checkout.objects.exclude(status="done").exists())
    assert billing.audit() == []
