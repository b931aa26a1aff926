"""What works once works once, also when it is used by many at the same moment."""

import re
from functools import partial

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.contrib.auth import get_user
from django.test import Client

from apps.accounts import forms
from apps.accounts.links import sign_in_url
from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
from apps.library.models import Generation
from tests import threads

PASSWORD = "a-long-enough-phrase"
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(call, times=10):
    """Call a function in threads that begin together, each with its number; what each returned."""
    return threads.at_once([partial(call, number) for number in range(times)])


def signed_in(client):
    return get_user(client).is_authenticated


def test_a_sign_in_link_works_once(client, ada):
    url = sign_in_url(ada)
    client.post(url)
    assert get_user(client) == ada
    client.logout()
    assert "/accounts/login/" in client.post(url).url
    assert "/accounts/login/" in client.get(url).url
    assert not signed_in(client)


def test_whoever_only_looks_at_a_link_changes_nothing(client, ada):
    url = sign_in_url(ada)
    for look in (client.get, client.head, client.get):
        assert look(url).status_code == 200
        assert not signed_in(client)
    assert client.options(url).status_code == 405
    assert "no-store" in client.get(url)["Cache-Control"]
    client.post(url)
    assert signed_in(client)


def test_a_link_needs_the_button_of_its_page(ada):
    client = Client(enforce_csrf_checks=True)
    url = sign_in_url(ada)
    assert client.post(url).status_code == 403
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', client.get(url).content.decode())[1]
    assert client.post(url, {"csrfmiddlewaretoken": token}).url == "/start"
    assert signed_in(client)


def test_of_ten_who_use_a_link_at_once_one_signs_in(ada, settings):
    settings.ACCOUNT_RATE_LIMITS = {}
    url, clients = sign_in_url(ada), [Client() for _ in range(10)]
    at_once(lambda number: clients[number].post(url))
    assert sum(map(signed_in, clients)) == 1


def test_a_link_made_in_the_second_of_a_sign_in_dies_with_the_next(client, ada):
    client.post(sign_in_url(ada))
    ada.refresh_from_db()
    url = sign_in_url(ada)
    Client().post(url)
    other = Client()
    other.post(url)
    assert not signed_in(other)


def test_of_ten_who_reset_a_password_with_one_link_one_does(client, ada, mailoutbox):
    client.post("/accounts/password/reset/", {"email": ada.email})
    path = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", mailoutbox[0].body)[1]
    clients = [Client() for _ in range(10)]
    forms = [each.get(path, follow=True).request["PATH_INFO"] for each in clients]
    words = [f"another-long-phrase-{number}" for number in range(10)]
    answers = at_once(
        lambda number: clients[number].post(forms[number], {"password1": words[number], "password2": words[number]})
    )
    assert sum(answer.status_code == 302 for answer in answers) == 1
    ada.refresh_from_db()
    (winner,) = (number for number, answer in enumerate(answers) if answer.status_code == 302)
    assert ada.check_password(words[winner])


def test_ten_confirmations_at_once_are_one(settings):
    user = User.objects.create_user("new@example.org", PASSWORD)
    address = EmailAddress.objects.create(user=user, email=user.email)
    path = f"/accounts/confirm-email/{EmailConfirmationHMAC(address).key}/"
    answers = at_once(lambda number: Client().post(path).status_code)
    assert set(answers) <= {200, 302}
    assert billing.balance(user) == settings.FREE_CREDITS
    assert EmailAddress.objects.get(user=user).verified


def test_of_two_users_who_confirm_one_address_at_once_one_has_it(ada, ben):
    claims = [EmailAddress.objects.create(user=user, email="shared@example.org") for user in (ada, ben)]
    paths = [f"/accounts/confirm-email/{EmailConfirmationHMAC(claim).key}/" for claim in claims]
    answers = at_once(lambda number: Client().post(paths[number]).status_code, 2)
    assert 500 not in answers
    assert EmailAddress.objects.filter(email="shared@example.org", verified=True).count() == 1


def test_ten_sign_ups_with_one_address_make_one_account(settings):
    settings.ACCOUNT_RATE_LIMITS = {}
    answers = at_once(
        lambda _: Client().post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD}).status_code
    )
    assert answers == [302] * 10
    assert User.objects.filter(email="new@example.org").count() == 1


def test_a_prompt_typed_before_signing_in_starts_one_job_however_often_the_page_is_opened(page, ada):
    billing.grant(ada, 1000, "test:more")
    page.logout()
    page.post("/start", {"prompt": "a red circle moves right"})
    session = page.session
    kept = {name: session[name] for name in ("pending_prompt", "pending_key")}
    page.force_login(ada)
    session = page.session
    session.update(kept)
    session.save()
    browsers = [Client() for _ in range(5)]
    for each in browsers:
        each.cookies = page.cookies
    at_once(lambda number: browsers[number].get("/start").status_code, 5)
    assert Generation.objects.filter(user=ada).count() == 1


def test_a_profile_saved_late_undoes_nothing(page, ada, monkeypatch):
    """The form was read before the account was suspended and its password changed."""
    save = forms.ProfileForm.save

    def meanwhile(form, *args, **kwargs):
        User.objects.filter(pk=ada.pk).update(is_active=False, password="new")
        return save(form, *args, **kwargs)

    monkeypatch.setattr(forms.ProfileForm, "save", meanwhile)
    page.post("/accounts/profile", {"name": "Ada"})
    ada.refresh_from_db()
    assert (ada.name, ada.is_active, ada.password) == ("Ada", False, "new")


def test_revoking_one_token_at_once_and_all_keeps_the_first_time(page, ada):
    tokens = [ApiToken.objects.issue(ada, f"script {number}")[0] for number in range(3)]
    paths = ["/accounts/tokens/revoke", *(f"/accounts/tokens/{token.pk}/revoke" for token in tokens)]
    at_once(lambda number: page.post(paths[number]).status_code, 4)
    assert not ApiToken.objects.of(ada).exists()


def test_two_addresses_made_the_main_one_at_once_are_one_main_address(client, ada):
    ada.set_unusable_password()  # so that nothing has to be entered once more
    ada.save()
    client.force_login(ada)
    emails = ["second@example.org", "third@example.org"]
    EmailAddress.objects.bulk_create(EmailAddress(user=ada, email=email, verified=True) for email in emails)
    answers = at_once(
        lambda number: client.post("/accounts/email/", {"email": emails[number], "action_primary": ""}).status_code, 2
    )
    assert answers == [302, 302]
    main = EmailAddress.objects.get(user=ada, primary=True).email
    ada.refresh_from_db()
    assert main in emails and ada.email == main
