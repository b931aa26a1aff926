"""A new password is the moment to look at the other keys to an account."""

import re

import pytest

from apps.accounts.models import ApiToken

PASSWORD, NEW = "a-long-enough-phrase", "another-long-phrase"


@pytest.fixture
def person(client, ada):
    """Ada's browser, where she signed in with her password."""
    ada.set_password(PASSWORD)
    ada.save()
    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    return client


def change(person):
    return person.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})


def test_after_a_change_of_password_the_tokens_are_shown_and_revoked_with_one_click(person, ada, mailoutbox):
    secrets = [ApiToken.objects.issue(ada, name)[1] for name in ("render script", "telephone")]
    shown = person.get(change(person).url).content.decode()
    assert "these tokens still work" in shown
    assert "render script" in shown and "telephone" in shown and "Revoke all tokens" in shown
    assert "2 API tokens still work" in mailoutbox[-1].body
    assert "/accounts/tokens" in mailoutbox[-1].body
    assert person.get("/accounts/tokens/revoke").status_code == 405
    person.post("/accounts/tokens/revoke")
    assert [ApiToken.objects.authenticate(secret) for secret in secrets] == [None, None]


def test_revoking_all_tokens_leaves_those_of_others(person, ada, ben):
    ApiToken.objects.issue(ada, "mine")
    _, secret = ApiToken.objects.issue(ben, "his")
    person.post("/accounts/tokens/revoke")
    assert ApiToken.objects.authenticate(secret)


def test_without_tokens_a_change_of_password_says_nothing_of_them(person, ada, mailoutbox):
    assert change(person).url == "/accounts/password/change/"
    assert "token" not in mailoutbox[-1].body


def test_after_a_reset_the_tokens_are_told_and_shown_after_signing_in(client, ada, mailoutbox):
    ApiToken.objects.issue(ada, "render script")
    client.post("/accounts/password/reset/", {"email": ada.email})
    path = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", mailoutbox[-1].body)[1]
    form = client.get(path, follow=True).request["PATH_INFO"]
    done = client.post(form, {"password1": NEW, "password2": NEW}, follow=True).content.decode()
    assert "1 API token still works" in done
    assert "1 API token still works" in mailoutbox[-1].body
    sign_in = re.search(r'href="(/accounts/login/\?next=[^"]+)"', done)[1]
    page = client.post(sign_in, {"login": ada.email, "password": NEW}, follow=True)
    assert "these tokens still work" in page.content.decode()
    assert "render script" in page.content.decode()
