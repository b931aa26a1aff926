"""Mail leads to the studio's own address, and its links open in any browser."""

import re
import statistics
import threading
import time

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.core import mail
from django.db import transaction
from django.test import Client

from apps.accounts import outbox
from apps.accounts.models import ApiToken, User

PASSWORD, NEW = "a-long-enough-phrase", "another-long-phrase"
ELSEWHERE = {"HTTP_HOST": "evil.example", "HTTP_X_FORWARDED_HOST": "evil.example"}


@pytest.fixture
def studio(settings):
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://studio.example", ["*"]
    return settings


def add_address(person, email, password):
    """Add an address on the account page, which asks for the password once more."""
    asked = person.post("/accounts/email/", {"email": email, "action_add": ""})
    person.post(asked.url, {"password": password})


def path_of(message, part):
    return re.search(rf"https?://[^/]+({part}\S*)", message.body)[1]


def test_every_link_in_every_mail_leads_to_the_site_whatever_host_was_asked(studio, ada):
    visitor, person = Client(**ELSEWHERE), Client(**ELSEWHERE)
    ada.set_password(PASSWORD)
    ada.save()
    ApiToken.objects.issue(ada, "script")
    visitor.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    visitor.post("/accounts/signup/", {"email": ada.email, "password1": PASSWORD})
    visitor.post("/accounts/password/reset/", {"email": ada.email})
    visitor.post("/accounts/password/reset/", {"email": "nobody@example.org"})
    person.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    person.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    add_address(person, "second@example.org", NEW)
    reset = next(message for message in mail.outbox if "choose a new password" in message.body)
    form = visitor.get(path_of(reset, "/accounts/password/reset/key/"), follow=True).request["PATH_INFO"]
    visitor.post(form, {"password1": PASSWORD, "password2": PASSWORD})
    links = [link for message in mail.outbox for link in re.findall(r"https?://\S+", message.body)]
    assert len(mail.outbox) >= 6
    assert len(links) >= 6
    assert [link for link in links if not link.startswith("https://studio.example/")] == []
    assert not any("evil" in message.body + message.subject for message in mail.outbox)


def test_guesses_count_together_whatever_host_they_name(studio, ada):
    ada.set_password(PASSWORD)
    ada.save()
    for number in range(6):
        Client().post("/accounts/login/", {"login": ada.email, "password": "wrong"}, HTTP_HOST=f"host{number}.example")
    answer = Client().post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert "Too many failed login attempts" in answer.content.decode()


def confirmation(client, mailoutbox):
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    return path_of(mailoutbox[-1], "/accounts/confirm-email/")


def test_an_address_is_confirmed_in_a_browser_that_did_not_sign_up(client, db, mailoutbox):
    path = confirmation(client, mailoutbox)
    telephone = Client()
    answer = telephone.post(path)
    assert (answer.status_code, answer.url) == (302, "/accounts/login/")
    assert "new@example.org is confirmed." in telephone.get(answer.url).content.decode()
    assert not get_user(telephone).is_authenticated
    assert EmailAddress.objects.get(email="new@example.org").verified


def test_an_address_is_confirmed_in_a_browser_of_somebody_else(client, page, ada, mailoutbox):
    path = confirmation(Client(), mailoutbox)
    assert page.get(path).status_code == 200
    assert get_user(page) == ada  # looking signs nobody out
    assert page.post(path).status_code == 302
    assert not get_user(page).is_authenticated


def test_a_confirmation_that_was_used_says_so(client, db, mailoutbox):
    path = confirmation(client, mailoutbox)
    client.post(path)
    for answer in (Client().post(path), Client().get(path), Client().post("/accounts/confirm-email/x/")):
        assert answer.status_code == 200
        assert "was used already or has expired" in answer.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/password/reset/key/1-set-password/",
        "/accounts/password/reset/key/done/",
        "/accounts/password/reset/done/",
        "/accounts/confirm-email/",
        "/accounts/reauthenticate/",
        "/accounts/password/change/",
        "/accounts/password/set/",
        "/accounts/email/",
        "/accounts/inactive/",
        "/accounts/logout/",
        "/accounts/link/MQ/x",
        "/accounts/tokens?after=password",
        "/start",
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "head"])
@pytest.mark.parametrize("signed_in", [False, True])
def test_no_step_breaks_in_a_browser_that_did_not_begin_it(client, ada, path, method, signed_in):
    if signed_in:
        client.force_login(ada)
    data = {"password1": NEW, "password2": NEW, "email": "x@example.org"} if method == "post" else {}
    assert getattr(client, method)(path, data).status_code < 500


def test_a_reset_that_another_browser_began_is_begun_again(client, ada, mailoutbox):
    client.post("/accounts/password/reset/", {"email": ada.email})
    form = client.get(path_of(mailoutbox[-1], "/accounts/password/reset/key/"), follow=True).request["PATH_INFO"]
    other = Client()
    assert "Send a new link" in other.post(form, {"password1": NEW, "password2": NEW}).content.decode()
    ada.refresh_from_db()
    assert not ada.check_password(NEW)


def test_an_address_added_here_is_confirmed_on_a_telephone(ada, mailoutbox):
    ada.set_password(PASSWORD)
    ada.save()
    person = Client()
    person.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    add_address(person, "second@example.org", PASSWORD)
    path = path_of(mailoutbox[-1], "/accounts/confirm-email/")
    assert Client().post(path).url == "/accounts/login/"
    assert EmailAddress.objects.get(email="second@example.org", user=ada).verified


def test_nobody_waits_for_the_mail_server(client, transactional_db, settings, monkeypatch, wait_until):
    settings.MAIL_IN_BACKGROUND = True
    sent, there = [], threading.Event()

    def slowly(message):
        there.wait(60)
        sent.append(message)

    monkeypatch.setattr(outbox, "deliver", slowly)
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    assert sent == []
    there.set()
    wait_until(lambda: sent)
    outbox.pool.submit(int).result(60)
    assert "new@example.org" in sent[0].to


def test_what_is_rolled_back_is_not_mailed(transactional_db, settings, monkeypatch, wait_until):
    sent, settings.MAIL_IN_BACKGROUND = [], True
    monkeypatch.setattr(outbox, "deliver", sent.append)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.send("rolled back")
        1 / 0  # noqa: B018
    outbox.send("committed")
    wait_until(lambda: sent)
    assert sent == ["committed"]


def test_a_mail_server_that_is_away_does_not_break_a_sign_up(client, db, settings):
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    assert client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD}).status_code == 302
    assert User.objects.filter(email="new@example.org").exists()


@pytest.mark.parametrize("path", ["/accounts/signup/", "/accounts/login/", "/accounts/password/reset/"])
def test_the_time_of_an_answer_does_not_tell_who_has_an_account(settings, db, path):
    """With a real password hash, the median of seven tries for a known address is within a third of an unknown one."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.ACCOUNT_RATE_LIMITS = dict.fromkeys(settings.ACCOUNT_RATE_LIMITS, "1000/s/ip")
    User.objects.create_user("known@example.org", PASSWORD)
    took: dict[bool, list[float]] = {True: [], False: []}
    for number in range(14):
        known = number % 2 == 0
        email = "known@example.org" if known else f"person{number}@example.org"
        data = {"email": email, "login": email, "password1": NEW, "password": NEW}
        start = time.process_time()  # of the processor alone: what waits for a neighbour tells nothing
        Client().post(path, data)
        took[known].append(time.process_time() - start)
    known, unknown = (statistics.median(took[each]) for each in (True, False))
    assert abs(known - unknown) < max(unknown, known) / 3 + 0.01
