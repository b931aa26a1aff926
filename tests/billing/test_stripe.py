"""Plans and packs: what is paid gives its credits once, and what goes back takes them away."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.billing import events, gateway, payments, sync, upkeep
from apps.billing import services as billing
from apps.billing.models import Checkout, Customer, Debt, Payment, Plan, StripeEvent, Subscription, TopUp
from apps.billing.reconcile import reconcile
from apps.errors import StudioError

DAY = timedelta(days=1)


def later(days):
    return time_machine.travel(timezone.now() + days * DAY, tick=True)


class TestPaying:
    def test_a_plan_gives_its_credits_once_it_is_paid(self, shop, ada):
        row = shop.checkout(ada, "pro")
        assert (shop.state(ada).credits, shop.state(ada).plan) == (100, "free")
        shop.standin.pay(row.session_id)
        shop.hear()
        now = shop.state(ada)
        assert (now.credits, now.plan, now.books) == (1100, "pro", [])
        row.refresh_from_db()
        assert row.status == Checkout.Status.DONE
        customer = Customer.objects.get(user=ada)
        assert (customer.card_brand, customer.card_last4) == ("visa", "4242")

    def test_a_pack_gives_its_credits_and_no_plan(self, shop, ada):
        shop.buy(ada, "small")
        now = shop.state(ada)
        assert (now.credits, now.plan, now.books) == (600, "free", [])
        assert Payment.objects.get().reference == shop.intent(ada)

    def test_a_card_that_is_refused_gives_nothing(self, shop, ada):
        row = shop.buy(ada, "pro", card="declined")
        assert (shop.state(ada).credits, shop.state(ada).plan) == (100, "free")
        row.refresh_from_db()
        assert row.status == Checkout.Status.OPEN

    def test_a_promotion_code_takes_off_the_price_and_not_the_credits(self, shop, ada):
        shop.buy(ada, "pro", code="HALF")
        assert shop.state(ada).credits == 1100
        assert Payment.objects.get().amount == 999

    def test_a_code_that_pays_for_all_of_a_pack_gives_it_once(self, shop, ada):
        row = shop.buy(ada, "small", code="FREE100")
        sync.sync_checkout(row.session_id)
        assert shop.state(ada).credits == 600
        assert Payment.objects.get().reference == row.session_id

    def test_money_that_takes_days_gives_credits_when_it_is_there(self, shop, ada):
        row = shop.buy(ada, "small", later=True)
        row.refresh_from_db()
        assert (shop.state(ada).credits, row.status) == (100, Checkout.Status.PROCESSING)
        shop.standin.arrive(row.session_id)
        shop.hear()
        row.refresh_from_db()
        assert (shop.state(ada).credits, row.status) == (600, Checkout.Status.DONE)

    def test_money_that_never_comes_gives_nothing(self, shop, ada):
        row = shop.buy(ada, "small", later=True)
        shop.standin.fail(row.session_id)
        shop.hear()
        row.refresh_from_db()
        assert (shop.state(ada).credits, row.status) == (100, Checkout.Status.FAILED)

    def test_what_is_sent_to_stripe_names_the_studio_and_the_row(self, shop, ada, settings):
        settings.STRIPE_TAX = "exclusive"
        row = shop.checkout(ada, "pro")
        sent = next(sent for method, path, sent in shop.standin.requests if path == "checkout/sessions")
        assert sent["client_reference_id"] == str(row.pk) == sent["subscription_data"]["metadata"]["checkout"]
        assert sent["automatic_tax"] == {"enabled": "true"} == sent["tax_id_collection"]
        assert sent["allow_promotion_codes"] == "true" and sent["customer"] == shop.customer(ada)
        assert sent["success_url"].endswith(f"/home/billing?checkout={row.pk}")

    def test_a_customer_who_was_deleted_in_stripe_is_made_anew(self, shop, ada):
        old = shop.customer(ada) if shop.checkout(ada, "small") else ""
        shop.standin._remove_customer(shop.standin.get("customer", old), {})
        shop.hear()
        shop.buy(ada, "small")
        assert shop.state(ada).credits == 600 and shop.customer(ada) != old

    def test_a_second_page_for_a_plan_closes_the_first(self, shop, ada):
        first = shop.checkout(ada, "pro")
        second = shop.checkout(ada, "business")
        assert not shop.standin.pay(first.session_id)
        shop.standin.pay(second.session_id)
        shop.hear()
        assert (shop.state(ada).credits, shop.state(ada).plan) == (3100, "business")

    def test_who_has_a_plan_cannot_buy_another(self, shop, ada):
        shop.buy(ada, "pro", hear=False)
        with pytest.raises(StudioError, match="You have a plan already"):
            shop.checkout(ada, "business")

    def test_two_plans_paid_at_once_leave_one(self, shop, ada):
        first = shop.checkout(ada, "pro")
        shop.standin.get("checkout.session", first.session_id)["status"] = "complete"  # its page cannot be closed
        second = shop.checkout(ada, "business")
        shop.standin.get("checkout.session", first.session_id)["status"] = "open"
        shop.standin.pay(second.session_id)
        shop.standin.pay(first.session_id)
        shop.hear(shuffle=True)
        shop.hear()
        now = shop.state(ada)
        assert (now.credits, now.plan, now.books) == (4100, "business", [])
        assert len([each for each in shop.standin.of("subscription") if each["status"] == "active"]) == 1

    def test_a_currency_that_the_price_lacks_is_told(self, shop, ada):
        shop.checkout(ada, "small")
        shop.standin.get("customer", shop.customer(ada))["currency"] = "eur"
        with pytest.raises(gateway.PaymentRefused, match="no price in the currency"):
            shop.checkout(ada, "pro")
        assert Checkout.objects.latest("created_at").status == Checkout.Status.EXPIRED


class TestPeriods:
    def test_each_month_gives_its_credits(self, shop, ada):
        shop.buy(ada, "pro")
        for month in (1, 2):
            with later(32 * month):
                shop.tick()
                assert shop.state(ada).credits == 100 + 1000 * (month + 1)

    def test_an_upgrade_is_paid_whole_and_begins_a_fresh_period(self, shop, ada):
        shop.buy(ada, "pro")
        with later(10):
            shop.change(ada, "business")
            now = shop.state(ada)
            assert (now.credits, now.plan) == (4100, "business")  # seen before any webhook
            shop.hear(twice=1.0)
            assert shop.state(ada).credits == 4100
            assert shop.row(ada).current_period_end > timezone.now() + 27 * DAY
        assert [payment.amount for payment in Payment.objects.order_by("paid_at")] == [1999, 4999]

    def test_a_downgrade_waits_for_the_end_of_the_period(self, shop, ada):
        shop.buy(ada, "business")
        shop.change(ada, "pro")
        shop.hear()
        row = shop.row(ada)
        assert (shop.state(ada).plan, row.downgrade_to.slug, row.next_amount) == ("business", "pro", 1999)
        with later(32):
            shop.tick()
            row = shop.row(ada)
            assert (shop.state(ada).credits, shop.state(ada).plan, row.downgrade_to) == (4100, "pro", None)

    def test_down_and_up_again_gives_no_credits_for_nothing(self, shop, ada):
        shop.buy(ada, "business")
        shop.change(ada, "pro", key="1")
        shop.change(ada, "business", key="2")
        shop.hear()
        row = shop.row(ada)
        assert (shop.state(ada).credits, row.plan.slug, row.downgrade_to) == (3100, "business", None)

    def test_a_plan_that_is_cancelled_stays_until_its_end(self, shop, ada):
        shop.buy(ada, "pro")
        mail.outbox.clear()
        shop.change(ada, "free")
        shop.hear()
        assert shop.state(ada).plan == "pro" and shop.row(ada).cancel_at_period_end
        with later(32):
            shop.tick()
            assert (shop.state(ada).credits, shop.state(ada).plan) == (1100, "free")
            assert [letter.subject for letter in mail.outbox] == ["Your plan Pro ends", "Your plan Pro has ended"]

    def test_a_cancelled_plan_can_be_kept(self, shop, ada):
        shop.buy(ada, "pro")
        shop.change(ada, "free", key="1")
        shop.change(ada, "pro", key="2")
        shop.hear()
        with later(32):
            shop.tick()
            assert (shop.state(ada).credits, shop.state(ada).plan) == (2100, "pro")

    def test_a_subscription_that_ends_by_a_date_is_told_as_ending(self, shop, ada):
        shop.buy(ada, "pro")
        subscription = shop.standin.of("subscription")[0]
        subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"]  # as newer portals do it
        sync.sync_customer(shop.customer(ada))
        assert shop.row(ada).cancel_at_period_end
        shop.change(ada, "pro")
        assert subscription["cancel_at"] is None and not shop.row(ada).cancel_at_period_end


class TestRefusals:
    def test_an_upgrade_with_a_refused_card_changes_nothing(self, shop, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "declined")
        with pytest.raises(gateway.CardRefused):
            shop.change(ada, "business")
        shop.hear()
        assert (shop.state(ada).credits, shop.state(ada).plan) == (1100, "pro")
        shop.standin.set_card(shop.customer(ada), "ok")
        shop.change(ada, "business", key="another page")
        assert shop.state(ada).credits == 4100

    def test_a_form_sent_twice_changes_once(self, shop, ada):
        shop.buy(ada, "pro")
        business = Plan.objects.get(slug="business")
        payments.change_plan(ada, business, seen="pro", key="one page")
        with pytest.raises(StudioError, match="not what it was"):
            payments.change_plan(ada, business, seen="pro", key="one page")
        shop.hear()
        assert shop.state(ada).credits == 4100

    def test_a_plan_changed_in_another_tab_is_not_changed_again(self, shop, ada):
        shop.buy(ada, "pro")
        payments.change_plan(ada, Plan.objects.get(slug="business"), seen="pro", key="first tab")
        with pytest.raises(StudioError, match="not what it was"):
            payments.change_plan(ada, Plan.objects.get(slug="enterprise"), seen="pro", key="second tab")
        shop.hear()
        assert (shop.state(ada).credits, shop.state(ada).plan) == (4100, "business")

    def test_nobody_can_use_up_the_key_of_another(self, shop, ada, ben):
        for user in (ada, ben):
            shop.buy(user, "pro")
        shop.change(ada, "business", key="guessed")
        shop.change(ben, "enterprise", key="guessed")
        assert (shop.state(ada).plan, shop.state(ben).plan) == ("business", "enterprise")

    def test_while_one_change_is_on_its_way_another_waits(self, shop, ada):
        shop.buy(ada, "pro")
        Subscription.objects.filter(user=ada).update(changing_at=timezone.now())
        with pytest.raises(StudioError, match="on its way"):
            shop.change(ada, "business")
        Subscription.objects.filter(user=ada).update(changing_at=timezone.now() - timedelta(minutes=5))
        shop.change(ada, "business")
        assert shop.state(ada).plan == "business"


class TestConfirming:
    """An upgrade whose payment the bank wants to have confirmed (3-D Secure)."""

    @pytest.fixture
    def asked(self, shop, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "action")
        mail.outbox.clear()
        return shop

    def test_nothing_changes_until_it_is_confirmed_and_paid(self, asked, ada):
        change = asked.change(ada, "business")
        invoice = asked.standin.of("invoice")[-1]
        assert change.confirm == invoice["hosted_invoice_url"]
        asked.hear(twice=1.0)
        row, now = asked.row(ada), asked.state(ada)
        assert (now.credits, now.plan, row.upgrade_to.slug, row.open_url) == (1100, "pro", "business", change.confirm)
        assert (row.open_amount, row.open_currency) == (4999, "usd") and row.upgrade_until > timezone.now()
        assert asked.standin.confirm(invoice["id"])
        asked.hear(twice=1.0, shuffle=True)
        row, now = asked.row(ada), asked.state(ada)
        assert (now.credits, now.plan, row.upgrade_to, row.open_url, now.books) == (4100, "business", None, "", [])
        assert row.current_period_end > timezone.now() + 27 * DAY
        assert [letter.subject for letter in mail.outbox] == ["Your receipt: $49.99 for Business"]

    def test_what_is_not_confirmed_is_dropped(self, asked, ada):
        asked.change(ada, "business")
        with later(1):
            asked.tick()
            row, now = asked.row(ada), asked.state(ada)
            assert (now.credits, now.plan, row.upgrade_to, row.open_url) == (1100, "pro", None, "")
            assert not asked.standin.confirm(asked.standin.of("invoice")[-1]["id"])
        assert mail.outbox == []

    def test_asked_for_twice_it_is_one_invoice(self, asked, ada):
        pages = {asked.change(ada, "business", key=key).confirm for key in ("one", "one", "other")}
        assert len(pages) == 1 and len(asked.standin.of("invoice", status="open")) == 1

    def test_another_change_takes_it_back(self, asked, ada):
        for number, slug in enumerate(("enterprise", "free", "pro")):
            first = asked.change(ada, "business", key=f"first {number}").confirm.rpartition("/")[2]
            asked.change(ada, slug, key=f"second {number}")
            asked.hear()
            assert not asked.standin.confirm(first), slug
        row = asked.row(ada)
        assert (asked.state(ada).plan, row.upgrade_to, row.cancel_at_period_end) == ("pro", None, False)
        assert asked.standin.of("invoice", status="open") == []

    def test_what_was_paid_just_now_is_not_taken_back(self, asked, ada, monkeypatch):
        """They press "Keep" in one tab while the bank's page in another says yes."""
        asked.change(ada, "business")
        stale = gateway.subscriptions(asked.customer(ada))
        asked.standin.confirm(asked.standin.of("invoice")[-1]["id"])
        monkeypatch.setattr(gateway, "subscriptions", lambda customer: stale)
        with pytest.raises(StudioError, match="not what it was"):
            asked.change(ada, "pro", key="keep")
        monkeypatch.undo()
        asked.hear()
        assert (asked.state(ada).plan, asked.state(ada).credits) == ("business", 4100)

    def test_a_plan_that_was_to_end_goes_on_once_the_larger_one_is_paid(self, asked, ada):
        asked.change(ada, "free", key="1")
        asked.change(ada, "business", key="2")
        assert asked.row(ada).cancel_at_period_end, "still, as nothing is paid"
        asked.standin.confirm(asked.standin.of("invoice")[-1]["id"])
        asked.hear()
        assert not asked.row(ada).cancel_at_period_end and asked.state(ada).plan == "business"

    def test_a_plan_that_ends_at_a_date_is_kept_first(self, asked, ada):
        subscription = asked.standin.of("subscription")[0]
        subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"]
        with pytest.raises(gateway.CardNeedsAction, match="bank wants you to confirm"):
            asked.change(ada, "business")
        assert asked.standin.of("invoice", status="open") == []

    def test_webhooks_that_never_come_are_made_good(self, asked, ada):
        asked.change(ada, "business")
        asked.standin.confirm(asked.standin.of("invoice")[-1]["id"])
        asked.standin.webhooks.clear()
        reconcile()
        assert (asked.state(ada).credits, asked.state(ada).plan) == (4100, "business")
        assert reconcile() == []

    def test_a_deleted_account_leaves_nothing_to_pay(self, asked, ada):
        asked.change(ada, "business")
        invoice = asked.standin.of("invoice")[-1]["id"]
        payments.remove_customer(Customer.objects.get())
        asked.hear()
        assert not asked.standin.confirm(invoice)
        assert asked.row(ada).upgrade_to is None and asked.row(ada).open_url == ""


class TestOverdue:
    def test_a_failed_payment_leaves_the_plan_for_its_grace_and_then_stops_new_jobs(self, shop, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "declined")
        mail.outbox.clear()
        with later(32):
            shop.tick()
            row = shop.row(ada)
            assert (row.status, shop.state(ada).plan, shop.state(ada).credits) == ("past_due", "pro", 1100)
            assert billing.hold(ada, 10, "generation:1")
            assert [letter.subject for letter in mail.outbox] == ["Your payment of $19.99 did not go through"]
            assert f"/invoice/{shop.standin.of('invoice')[-1]['id']}" in mail.outbox[0].body
        with later(32 + 8):
            assert shop.state(ada).plan == "free"
            with pytest.raises(billing.PaymentOverdue):
                billing.hold(ada, 10, "generation:2")
            shop.standin.set_card(shop.customer(ada), "ok")
            shop.standin.pay_open(shop.customer(ada))
            shop.hear()
            assert (shop.state(ada).plan, shop.state(ada).credits) == ("pro", 2090)

    def test_after_the_last_try_the_plan_is_gone_and_jobs_go_on(self, shop, ada):
        shop.buy(ada, "pro")
        shop.standin.set_card(shop.customer(ada), "declined")
        for days in (32, 36, 42, 50):
            with later(days):
                shop.tick()
        with later(51):
            assert (shop.row(ada).status, shop.state(ada).plan) == ("canceled", "free")
            assert billing.hold(ada, 10, "generation:2")
        assert shop.state(ada).books == []


class TestMoneyBack:
    def test_a_refund_takes_back_in_proportion(self, shop, ada):
        shop.buy(ada, "pro")
        shop.standin.refund(shop.intent(ada), 500)
        shop.hear(twice=1.0)
        assert shop.state(ada).credits == 1100 - 1000 * 500 // 1999
        shop.standin.refund(shop.intent(ada))
        shop.hear(twice=1.0, shuffle=True)
        now = shop.state(ada)
        assert (now.credits, now.owed, now.books) == (100, 0, [])

    def test_what_was_spent_is_owed_and_paid_by_later_credits(self, shop, ada):
        shop.buy(ada, "small")
        billing.hold(ada, 550, "generation:1")
        shop.standin.refund(shop.intent(ada))
        shop.hear()
        assert (shop.state(ada).credits, shop.state(ada).owed) == (0, 450)
        billing.capture(ada, 300, "generation:1")
        billing.release(ada, "generation:1")  # 250 come back, and are not to be spent
        assert (shop.state(ada).credits, shop.state(ada).owed) == (0, 200)
        billing.grant(ada, 300, "present")
        now = shop.state(ada)
        assert (now.credits, now.owed, now.books) == (100, 0, [])

    def test_a_refund_that_the_bank_sends_back_gives_the_credits_again(self, shop, ada):
        shop.buy(ada, "pro")
        billing.hold(ada, 600, "generation:1")
        refund = shop.standin.refund(shop.intent(ada))
        shop.hear()
        assert (shop.state(ada).credits, shop.state(ada).owed) == (0, 500)
        shop.standin.fail_refund(refund)
        shop.hear()
        now = shop.state(ada)
        assert (now.credits, now.owed, now.books) == (500, 0, [])

    @pytest.mark.parametrize(("end", "credits"), [("won", 1100), ("lost", 100), ("warning_closed", 1100)])
    def test_a_dispute_freezes_and_its_end_decides(self, shop, ada, end, credits):
        shop.buy(ada, "pro")
        dispute = shop.standin.dispute(shop.intent(ada))
        shop.hear()
        assert shop.state(ada).credits == 100
        shop.standin.close_dispute(dispute, end)
        shop.hear()
        assert (shop.state(ada).credits, shop.state(ada).books) == (credits, [])

    def test_the_operator_is_told_of_a_dispute_once(self, shop, ada, settings):
        settings.OPERATOR_EMAIL = "house@example.org"
        shop.buy(ada, "pro")
        mail.outbox.clear()
        shop.standin.dispute(shop.intent(ada))
        shop.hear(twice=1.0)
        (letter,) = mail.outbox
        assert (letter.to, letter.subject) == (["house@example.org"], f"$19.99 of {ada.email} is disputed")
        assert shop.intent(ada) in letter.body and f"/billing/payment/{Payment.objects.get().pk}/" in letter.body

    def test_a_question_of_the_bank_takes_nothing(self, shop, ada):
        shop.buy(ada, "pro")
        shop.standin.dispute(shop.intent(ada), "warning_needs_response")
        shop.hear()
        assert shop.state(ada).credits == 1100

    def test_a_dispute_on_an_account_without_credits_makes_a_debt(self, shop, ada):
        shop.buy(ada, "pro")
        billing.hold(ada, 1100, "generation:1")
        billing.capture(ada, 1100, "generation:1")
        shop.standin.dispute(shop.intent(ada))
        shop.hear()
        now = shop.state(ada)
        assert (now.credits, now.owed, now.books) == (0, 1000, [])
        assert Debt.objects.get().payment == Payment.objects.get()

    def test_a_refund_that_is_heard_of_before_the_payment(self, shop, ada):
        shop.buy(ada, "pro", hear=False)
        shop.buy(ada, "small", hear=False)
        for intent in shop.standin.of("payment_intent"):
            shop.standin.refund(intent["id"])
        shop.standin.webhooks.reverse()
        shop.hear()
        now = shop.state(ada)
        assert (now.credits, now.books) == (100, [])


class TestWebhooks:
    @pytest.mark.parametrize("wrong", ["secret", "body", "old", "future", "none", "nonsense"])
    def test_a_bad_signature_is_refused(self, shop, ada, wrong):
        shop.buy(ada, "small", hear=False)
        event = shop.standin.webhooks[0]
        at = {"old": -600, "future": 600}.get(wrong, 0) + timezone.now().timestamp()
        body, signature = shop.standin.signed(event, secret="whsec_other" if wrong == "secret" else None, at=at)
        body = body + b" " if wrong == "body" else body
        signature = {"none": "", "nonsense": "t=x,v1"}.get(wrong, signature)
        assert shop.post(body, signature) == 400
        assert not StripeEvent.objects.exists()

    def test_it_is_written_down_and_answered_before_anything_is_done(self, shop, ada):
        shop.buy(ada, "small", hear=False)
        asked = len(shop.standin.requests)
        shop.standin.deliver(shop.post)
        assert len(shop.standin.requests) == asked and shop.state(ada).credits == 100
        assert set(StripeEvent.objects.values_list("state", flat=True)) == {"received"}

    def test_what_was_not_asked_for_is_taken_and_left_alone(self, shop, ada):
        """Such as the preview of an invoice, which has no id, and things of other parts of Stripe."""
        shop.buy(ada, "pro")
        about = {name: value for name, value in shop.standin.of("invoice")[0].items() if name != "id"}
        for type, thing in (("invoice.upcoming", about), ("balance.available", {"object": "balance"})):
            event = shop.standin.new("event", type=type, data={"object": thing}, api_version="2026-10-28.endive")
            assert shop.post(*shop.standin.signed(event)) == 200
        shop.work()
        assert set(StripeEvent.objects.values_list("state", flat=True)) == {"done"}
        assert shop.state(ada).credits == 1100

    def test_an_old_and_a_new_secret_both_work(self, shop, ada, settings):
        settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", shop.standin.secret]
        shop.buy(ada, "small")
        assert shop.state(ada).credits == 600

    def test_what_is_no_object_of_ours_is_left_alone(self, shop, ada):
        stranger = shop.standin.new("customer", email="x@example.org", metadata={"site": "https://other.example"})
        shop.standin._charge(stranger, 500, "usd")
        shop.standin.refund(shop.standin.of("payment_intent")[0]["id"])
        shop.standin.told("customer.updated", stranger)
        shop.hear()
        assert set(StripeEvent.objects.values_list("state", flat=True)) == {"done"}
        assert not Customer.objects.exists() and not Payment.objects.exists()

    def test_an_object_that_stripe_does_not_know_is_told_as_failed_and_tried_again(self, shop, ada):
        shop.buy(ada, "small", hear=False)
        event = shop.standin.webhooks[0]
        held = shop.standin.all["checkout.session"].popitem()
        shop.hear()
        row = StripeEvent.objects.get(pk=event["id"])
        assert row.state == "failed" and "There is nothing here" in row.error
        shop.standin.all["checkout.session"].update([held])
        with later(1):
            assert row in events.waiting()
            shop.work()
        assert shop.state(ada).credits == 600

    def test_a_customer_whose_row_was_lost_is_found_again(self, shop, ada):
        shop.buy(ada, "small", hear=False)
        Customer.objects.all().delete()
        shop.hear()
        assert shop.state(ada).credits == 600 and Customer.objects.get().user == ada

    def test_stripe_away_for_an_hour_loses_nothing(self, shop, ada):
        shop.buy(ada, "pro", hear=False)
        shop.standin.away = True
        shop.hear()
        assert set(StripeEvent.objects.values_list("state", flat=True)) == {"failed"}
        with pytest.raises(gateway.PaymentsAway):
            payments.open_portal(ada)
        with later(1 / 24):
            shop.standin.away = False
            assert events.waiting().count() == StripeEvent.objects.count()
            shop.work()
        assert (shop.state(ada).credits, shop.state(ada).books) == (1100, [])

    def test_faults_of_stripe_are_asked_again_with_one_key(self, shop, ada, monkeypatch):
        monkeypatch.setattr(gateway.client, "RETRIES", 2)
        monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.01)
        monkeypatch.setattr("stripe.HTTPClient.MAX_DELAY", 0.02)
        shop.checkout(ada, "small")
        shop.standin.faults = [500, 503]
        shop.buy(ada, "small")
        assert shop.state(ada).credits == 600

    def test_a_worker_that_died_does_not_keep_an_event(self, shop, ada):
        shop.buy(ada, "small", hear=False)
        shop.standin.deliver(shop.post)
        StripeEvent.objects.update(state="started", tried_at=timezone.now(), tries=1)
        shop.work()
        assert shop.state(ada).credits == 100
        StripeEvent.objects.update(tried_at=timezone.now() - timedelta(minutes=10))
        assert events.waiting().exists()
        shop.work()
        assert shop.state(ada).credits == 600

    def test_two_workers_write_what_stripe_said_last(self, shop, ada, monkeypatch):
        shop.buy(ada, "pro")
        fetched = gateway.subscriptions
        calls = []

        def overtaken(customer):
            found = fetched(customer)
            if not calls:
                calls.append(1)
                shop.standin.of("subscription")[0]["cancel_at_period_end"] = True
                sync.sync_customer(customer)  # another worker asks later, and writes first
            return found

        monkeypatch.setattr(gateway, "subscriptions", overtaken)
        sync.sync_customer(shop.customer(ada))
        assert shop.row(ada).cancel_at_period_end

    def test_without_keys_there_is_no_webhook(self, client, db):
        assert client.post("/stripe/webhook", b"{}", content_type="application/json").status_code == 404


class TestReconcile:
    def test_it_finds_and_repairs_what_was_missed(self, shop, ada, ben):
        shop.buy(ada, "pro", hear=False)
        shop.buy(ben, "small", hear=False)
        shop.standin.webhooks.clear()
        found = reconcile(repair=False)
        assert shop.state(ada).credits == shop.state(ben).credits == 100
        assert any("its credits were not given" in sentence for sentence in found)
        assert any("is not as we have it" in sentence for sentence in found)
        reconcile()
        assert (shop.state(ada).credits, shop.state(ada).plan, shop.state(ben).credits) == (1100, "pro", 600)
        assert reconcile() == [] and shop.state(ada).books == []

    def test_it_finds_refunds_and_ends_that_nobody_told(self, shop, ada, ben):
        shop.buy(ada, "pro")
        shop.buy(ben, "business")
        shop.standin.refund(shop.intent(ada))
        shop.standin._end(shop.standin.of("subscription", customer=shop.customer(ben))[0])
        shop.standin.webhooks.clear()
        told = "\n".join(reconcile())
        assert "refunded and 0 disputed" in told and "has ended, which we missed" in told
        assert (shop.state(ada).credits, shop.state(ben).plan) == (100, "free")
        assert reconcile() == []

    def test_the_command_tells_and_repairs(self, shop, ada, capsys):
        shop.buy(ada, "small", hear=False)
        shop.standin.webhooks.clear()
        call_command("reconcile_stripe", "--dry-run")
        assert "is paid, and its credits were not given" in capsys.readouterr().out
        call_command("reconcile_stripe")
        assert "and repaired" in capsys.readouterr().out
        call_command("reconcile_stripe")
        assert "Nothing was missed." in capsys.readouterr().out
        assert shop.state(ada).credits == 600

    @pytest.mark.parametrize("command", ["stripe_setup", "reconcile_stripe"])
    def test_without_keys_the_commands_say_so(self, db, command):
        with pytest.raises(CommandError, match="STRIPE_SECRET_KEY is not set"):
            call_command(command)


class TestSetup:
    def test_it_makes_everything_once(self, standin, db, capsys, settings):
        call_command("stripe_setup")
        said = capsys.readouterr().out
        assert f"STRIPE_WEBHOOK_SECRET={standin.secret}" in said and "cinevivid_pro: 1999 usd" in said
        before = json.dumps(standin.all)
        call_command("stripe_setup")
        assert capsys.readouterr().out.strip() == "Everything was there already."
        assert json.dumps(standin.all) == before
        endpoint = standin.of("webhook_endpoint")[0]
        assert endpoint["url"] == f"{settings.SITE_URL}/stripe/webhook"
        assert endpoint["enabled_events"] == list(gateway.EVENTS)

    def test_a_new_price_takes_over_the_key_and_old_subscriptions_keep_theirs(self, shop, ada):
        shop.buy(ada, "pro")
        Plan.objects.filter(slug="pro").update(price=2499)
        call_command("stripe_setup")
        assert gateway.price_of("cinevivid_pro").amount == 2499
        with later(32):
            shop.tick()
            assert (shop.state(ada).credits, shop.state(ada).plan) == (2100, "pro")
            assert Payment.objects.first().amount == 1999

    def test_a_wrong_key_is_told(self, standin, db, settings):
        settings.STRIPE_SECRET_KEY = "sk_test_wrong"
        with pytest.raises(CommandError, match="Check STRIPE_SECRET_KEY"):
            call_command("stripe_setup")


class TestFreeCredits:
    def test_the_free_plan_gives_credits_each_month_once(self, shop, ada):
        upkeep.upkeep()
        assert shop.state(ada).credits == 100
        for month in (1, 2):
            with later(32 * month):
                upkeep.upkeep()
                upkeep.upkeep()
                assert shop.state(ada).credits == 100 + 300 * month
        assert shop.state(ada).books == []

    def test_who_looks_at_the_prices_before_the_first_sweep_gets_them_as_well(self, shop, page, ada):
        assert "Next free credits" in page.get("/home/billing").content.decode()
        upkeep.upkeep()
        with later(32):
            upkeep.upkeep()
            assert shop.state(ada).credits == 400

    def test_rows_that_lack_the_day_are_given_it(self, shop, ada, ben):
        """As those that were made by a look at the prices; not the ones of people who pay."""
        sync.subscription_of(ada)
        shop.buy(ben, "pro")
        Subscription.objects.update(free_credits_at=None)
        with later(1):
            upkeep.upkeep()
        assert shop.row(ada).free_credits_at and not shop.row(ben).free_credits_at

    def test_who_pays_gets_none_until_the_plan_ends(self, shop, ada):
        shop.buy(ada, "pro")
        with later(29):
            upkeep.upkeep()
            shop.change(ada, "free")
        with later(32):
            upkeep.upkeep()
            assert shop.state(ada).credits == 1100
            shop.tick()
            assert shop.row(ada).free_credits_at is not None
        with later(63):
            upkeep.upkeep()
            assert shop.state(ada).credits == 1400

    def test_months_that_nobody_swept_are_not_made_up_for(self, shop, ada):
        upkeep.upkeep()
        with later(200):
            upkeep.upkeep()
            upkeep.upkeep()
            assert shop.state(ada).credits == 400

    def test_without_payments_nobody_is_on_the_free_plan(self, ada):
        upkeep.upkeep()
        with later(40):
            upkeep.upkeep()
        assert billing.balance(ada) == 100 and not Subscription.objects.exists()

    def test_the_31st_is_the_last_day_of_a_shorter_month(self):
        start = timezone.datetime(2026, 1, 31, 12, tzinfo=timezone.get_current_timezone())
        assert [sync.add_months(start, count).strftime("%m-%d") for count in range(5)] == [
            "01-31", "02-28", "03-31", "04-30", "05-31",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("joined", "now", "then"),
        [
            ("2028-02-29 12:00", "2029-02-28 11:59", "2029-02-28 12:00"),
            ("2028-02-29 12:00", "2029-02-28 12:00", "2029-03-29 12:00"),
            ("2028-02-29 12:00", "2032-02-29 11:00", "2032-02-29 12:00"),
            ("2027-12-31 23:59", "2028-02-01 00:00", "2028-02-29 23:59"),
            ("2027-12-31 23:59", "2027-12-31 23:59", "2028-01-31 23:59"),
        ],
    )
    def test_months_end_where_they_end(self, joined, now, then):
        at = lambda text: timezone.datetime.fromisoformat(f"{text}+00:00")  # noqa: E731
        with time_machine.travel(at(now), tick=False):
            assert sync.next_anniversary(at(joined)) == at(then)


def test_letters_are_sent_once(shop, ada):
    mail.outbox.clear()
    shop.buy(ada, "pro")
    shop.standin.told("invoice.paid", shop.standin.of("invoice")[0])
    shop.hear(twice=1.0)
    assert [letter.subject for letter in mail.outbox] == ["Your receipt: $19.99 for Pro"]
    assert "1,000 credits" in mail.outbox[0].body and "/invoice/in_" in mail.outbox[0].body


def test_packs_are_told_apart_by_product_or_lookup_key(db):
    price = gateway.Price(id="p", product="prod_made_by_hand", lookup_key="cinevivid_small", amount=1, currency="usd")
    assert sync.pack_of(price) == TopUp.objects.get(slug="small")
