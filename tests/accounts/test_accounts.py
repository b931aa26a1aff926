"""Sign-up with verification, sign-in, reset, one-time links and tokens."""

import re

import pytest
from django.contrib.auth import get_user

from apps.accounts.models import ApiToken, User
from apps.billing import services as billing

PASSWORD = "a-long-enough-phrase"


def sign_up(client, email="new@example.org"):
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD})


def link(message, path):
    return re.search(rf"https?://[^/]+({path}\S+)", message.body).group(1)


def test_signing_up_needs_the_mailed_link_and_brings_the_free_credits_once(client, db, mailoutbox, settings):
    assert sign_up(client).status_code == 302
    user = User.objects.get(email="new@example.org")
    assert billing.balance(user) == 0
    assert client.post("/accounts/login/", {"login": user.email, "password": PASSWORD}).url.endswith("/confirm-email/")
    path = link(mailoutbox[0], "/accounts/confirm-email/")
    assert client.get(path).status_code == 200
    client.post(path)
    assert billing.balance(user) == settings.FREE_CREDITS
    client.post(path)
    assert billing.balance(user) == settings.FREE_CREDITS


def test_a_taken_address_is_not_given_away(client, ada, mailoutbox):
    answer = sign_up(client, "ada@example.org")
    assert answer.status_code == 302
    assert User.objects.count() == 1
    assert "already" in mailoutbox[0].body


def test_a_weak_password_is_refused_on_its_field(client, db):
    answer = client.post("/accounts/signup/", {"email": "new@example.org", "password1": "12345"})
    assert "password1" in answer.context["form"].errors
    assert not User.objects.exists()


def test_sign_in_and_out(client, ada):
    ada.set_password(PASSWORD)
    ada.save()
    client.post("/accounts/login/", {"login": "ADA@example.org", "password": PASSWORD})
    assert get_user(client) == ada
    client.post("/accounts/logout/")
    assert not get_user(client).is_authenticated


def test_guessing_passwords_is_stopped(client, ada):
    ada.set_password(PASSWORD)
    ada.save()
    for _ in range(6):
        client.post("/accounts/login/", {"login": ada.email, "password": "wrong-guess-again"})
    answer = client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert not get_user(client).is_authenticated
    assert "Too many failed login attempts" in answer.content.decode()


def test_many_sign_ups_from_one_address_are_stopped(client, db, settings):
    answers = [sign_up(client, f"person{n}@example.org") for n in range(21)]
    assert answers[-1].status_code == 429
    assert "Wait a moment and try again." in answers[-1].content.decode()


@pytest.mark.parametrize(
    ("path", "data", "limit"),
    [("/accounts/tokens", {"name": "x"}, 20), ("/accounts/profile", {"name": "x"}, 30), ("/accounts/logout/", {}, 30)],
)
def test_account_pages_have_limits_too(page, path, data, limit):
    answers = [page.post(path, data).status_code for _ in range(limit + 1)]
    assert 429 not in answers[:limit]
    assert answers[limit] == 429


def test_a_forgotten_password_is_reset_by_mail(client, ada, mailoutbox):
    client.post("/accounts/password/reset/", {"email": ada.email})
    answer = client.get(link(mailoutbox[0], "/accounts/password/reset/key/"), follow=True)
    client.post(answer.request["PATH_INFO"], {"password1": "another-long-phrase", "password2": "another-long-phrase"})
    ada.refresh_from_db()
    assert ada.check_password("another-long-phrase")


@pytest.mark.parametrize("url", ["/accounts/link/MQ/wrong", "/accounts/link/!!/x", "/accounts/link/OTk5OTk/a-b"])
def test_a_made_up_link_signs_nobody_in(client, ada, url):
    assert (client.get(url).status_code, client.post(url).status_code) == (302, 302)
    assert not get_user(client).is_authenticated


def test_the_profile_keeps_a_name(page, ada):
    page.post("/accounts/profile", {"name": "Ada"})
    ada.refresh_from_db()
    assert str(ada) == "Ada"


def test_a_token_is_stored_as_a_digest_and_shown_once(page, ada):
    html = page.post("/accounts/tokens", {"name": "script"}).content.decode()
    secret = re.search(r"cv_[\w-]{40,}", html).group()
    token = ApiToken.objects.get(user=ada)
    assert secret not in str(vars(token))
    assert secret not in page.get("/accounts/tokens").content.decode()
    assert ApiToken.objects.authenticate(secret) == token
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_revoked_token_stays_revoked_and_others_cannot_revoke_it(client, ada, ben):
    token, secret = ApiToken.objects.issue(ada, "script")
    client.force_login(ben)
    assert client.post(f"/accounts/tokens/{token.pk}/revoke").status_code == 404
    client.force_login(ada)
    assert client.get(f"/accounts/tokens/{token.pk}/revoke").status_code == 405
    client.post(f"/accounts/tokens/{token.pk}/revoke")
    assert ApiToken.objects.authenticate(secret) is None


def test_a_token_of_a_suspended_account_is_dead(ada):
    _, secret = ApiToken.objects.issue(ada, "script")
    ada.is_active = False
    ada.save()
    assert ApiToken.objects.authenticate(secret) is None
