"""Credits move in balanced transfers, once each, and never below zero."""

from importlib import import_module

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from apps.billing import services as billing
from apps.billing.models import Account, Transfer
from tests.factories import UserFactory


def balances(user):
    return billing.balance(user), billing.held(user)


def test_a_hold_leaves_the_wallet_and_waits(ada):
    assert billing.hold(ada, 30, "generation:1")
    assert balances(ada) == (70, 30)


def test_a_hold_of_the_same_job_counts_once(ada):
    billing.hold(ada, 30, "generation:1")
    assert not billing.hold(ada, 30, "generation:1")
    assert balances(ada) == (70, 30)


def test_it_refuses_a_hold_beyond_the_wallet_and_names_the_numbers(ada):
    with pytest.raises(billing.InsufficientCredits, match="You need 30 more credits"):
        billing.hold(ada, 130, "generation:1")
    assert balances(ada) == (100, 0)


def test_a_capture_charges_what_was_held(ada):
    billing.hold(ada, 30, "generation:1")
    assert billing.capture(ada, 30, "generation:1")
    assert not billing.capture(ada, 30, "generation:1")
    assert balances(ada) == (70, 0)


def test_it_cannot_capture_more_than_is_held(ada):
    billing.hold(ada, 30, "generation:1")
    with pytest.raises(ValueError, match="holds 30"):
        billing.capture(ada, 31, "generation:1")


def test_a_job_can_be_charged_in_parts_and_the_rest_goes_back(ada):
    billing.hold(ada, 30, "generation:1")
    billing.capture(ada, 10, "generation:1", part="window-1")
    assert billing.release(ada, "generation:1") == 20
    receipt = billing.receipt("generation:1")
    assert (receipt.held, receipt.captured, receipt.released, receipt.open) == (30, 10, 20, 0)
    assert balances(ada) == (90, 0)


def test_a_second_release_gives_nothing(ada):
    billing.hold(ada, 30, "generation:1")
    assert billing.release(ada, "generation:1") == 30
    assert billing.release(ada, "generation:1") == 0
    assert balances(ada) == (100, 0)


def test_a_welcome_is_granted_once(ada):
    assert not billing.grant(ada, 100, f"test:{ada.pk}")
    assert billing.balance(ada) == 100


def test_the_database_refuses_a_negative_balance(ada):
    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.filter(user=ada, kind="wallet").update(balance=-1)


@pytest.mark.parametrize("change", [{"amount": 0}, {"destination": "source"}])
def test_the_database_refuses_a_transfer_that_moves_nothing(ada, change):
    wallet = Account.objects.get(user=ada, kind="wallet")
    held = Account.objects.get(user=ada, kind="held")
    values = {"source": wallet, "destination": held, "amount": 5, "kind": "hold", "reference": "x"} | change
    if values["destination"] == "source":
        values["destination"] = wallet
    with pytest.raises(IntegrityError), transaction.atomic():
        Transfer.objects.create(**values)


def test_the_audit_passes_on_true_books(ada, capsys):
    billing.hold(ada, 30, "generation:1")
    billing.capture(ada, 30, "generation:1")
    call_command("audit_ledger")
    assert "The books are right." in capsys.readouterr().out


def test_the_audit_finds_a_balance_that_was_tampered_with(ada):
    Account.objects.filter(user=ada, kind="wallet").update(balance=1_000_000)
    with pytest.raises(CommandError, match="1 differences"):
        call_command("audit_ledger")


def test_the_history_page_shows_movements_and_leads_to_the_receipt(page, ada):
    billing.hold(ada, 30, "generation:1")
    billing.release(ada, "generation:1")
    html = page.get("/home/credits").content.decode()
    assert "/home/credits/generation:1" in html
    receipt = page.get("/home/credits/generation:1")
    assert receipt.status_code == 200
    assert "30" in receipt.content.decode()


def test_a_stranger_sees_no_receipt(client, ada, ben):
    billing.hold(ada, 30, "generation:1")
    client.force_login(ben)
    assert client.get("/home/credits/generation:1").status_code == 404


def test_accounts_that_had_their_free_credits_before_addresses_were_remembered_are_known_too(ada, ben, settings):
    from django.apps import apps

    fill = import_module("apps.billing.migrations.0004_fill_welcomed").fill
    billing.grant(ada, settings.FREE_CREDITS, f"welcome:{ada.pk}")
    fill(apps, None)
    fill(apps, None)
    someone = UserFactory(email="someone@example.org")
    assert not billing.welcome(someone, "Ada@example.org")
    assert billing.welcome(ben, "ben@example.org"), "who had none gets them"
