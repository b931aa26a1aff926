"""An e-mail address is the same in capitals and without, wherever it came from."""

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.accounts.models import User

PASSWORD = "korrekt-Pferd-77"


@pytest.mark.parametrize("typed", ["Boss.Lady@Studio.Example", "boss.lady@studio.example", "BOSS.LADY@STUDIO.EXAMPLE"])
def test_an_administrator_made_with_capitals_signs_in(client, db, monkeypatch, mailoutbox, typed):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--email", "Boss.Lady@Studio.Example", verbosity=0)
    answer = client.post("/accounts/login/", {"login": typed, "password": PASSWORD})
    assert answer.status_code == 302
    assert mailoutbox == [], "whoever has the machine vouches for the address"
    assert client.get("/admin/").status_code == 200


def test_an_address_is_kept_and_found_in_lower_case(db):
    user = User.objects.create_user("Ada@Example.ORG")
    assert user.email == "ada@example.org"
    user.email = "ADA.L@example.org"
    user.save()
    assert user.email == "ada.l@example.org"
    User.objects.filter(pk=user.pk).update(email="Ada.Two@example.org")
    found = User.objects.get(email="ADA.TWO@example.org")
    assert found.email == "ada.two@example.org"
    assert User.objects.get_by_natural_key("Ada.Two@Example.org") == found
    assert User.objects.get_or_create(email="ada.TWO@example.org") == (found, False)


def test_a_second_administrator_of_the_same_name_is_refused(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    User.objects.create_user("boss@studio.example")
    with pytest.raises(Exception, match="already taken"):
        call_command("createsuperuser", "--noinput", "--email", "Boss@Studio.Example", verbosity=0)


def test_the_page_has_only_buttons_that_do_something(client, db):
    ada = User.objects.create_user("ada@example.org")
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    client.force_login(ada)

    def buttons():
        html = client.get("/accounts/email/").content.decode()
        return {name for name in ("primary", "send", "remove") if f'name="action_{name}"' in html}

    assert buttons() == set()
    EmailAddress.objects.create(user=ada, email="ada.two@example.org", verified=True)
    assert buttons() == {"primary", "remove"}
    EmailAddress.objects.filter(email="ada.two@example.org").update(verified=False)
    assert buttons() == {"primary", "send", "remove"}
    EmailAddress.objects.filter(primary=False).delete()
    EmailAddress.objects.update(verified=False)
    assert buttons() == {"send"}


@pytest.mark.django_db(transaction=True)
def test_addresses_of_an_earlier_release_are_brought_to_lower_case():
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate([("accounts", "0001_initial")])
    old = executor.loader.project_state([("accounts", "0001_initial"), ("account", newest_of(newest, "account"))]).apps
    OldUser, OldAddress = old.get_model("accounts", "User"), old.get_model("account", "EmailAddress")
    boss, twin, first, second = (
        OldUser.objects.create(email=email)
        for email in ("Boss.Lady@Studio.Example", "Twin@x.org", "a@x.org", "b@x.org")
    )
    OldAddress.objects.create(user=twin, email="Twin@x.org", verified=True, primary=True)
    OldAddress.objects.create(user=twin, email="twin@x.org")
    OldAddress.objects.create(user=first, email="shared@x.org", verified=True)
    OldAddress.objects.create(user=second, email="Shared@x.org", verified=True, primary=True)
    try:
        MigrationExecutor(connection).migrate(newest)
        assert User.objects.get(pk=boss.pk).email == "boss.lady@studio.example"
        rows = EmailAddress.objects.order_by("user_id", "email")
        assert list(rows.values_list("user_id", "email", "verified", "primary")) == [
            (twin.pk, "twin@x.org", True, True),
            (first.pk, "shared@x.org", True, False),
            (second.pk, "shared@x.org", False, True),
        ]
    finally:
        User.objects.all().delete()


def newest_of(nodes, app):
    return next(name for label, name in nodes if label == app)
