"""What was typed before the sign-up becomes a film once the address is confirmed, in any browser, and only once."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import services as billing
from apps.library.models import Generation
from apps.privacy.deletion import remove_unconfirmed
from cinevivid.management.commands.studio import demo_user

EMAIL, PASSWORD, TOOL = "new@example.org", "a-long-enough-phrase", "/home/tools/to-video"
PROMPT = "a red star rises"
HERE = {"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"}
INBOX = "/accounts/confirm-email/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed_up(client):
    client.post("/start", {"prompt": PROMPT})
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    return User.objects.get(email=EMAIL)


def mailed(mailoutbox):
    return re.search(r"https?://[^/]+(/accounts/confirm-email/\S+)", mailoutbox[-1].body).group(1)


def test_the_browser_that_signed_up_lands_on_its_film(client, signed_up, mailoutbox):
    assert Generation.objects.count() == 0
    link = mailed(mailoutbox)
    assert PROMPT in client.get(link).content.decode(), "what the button starts is told beside it"
    answer = client.post(link, follow=True)
    assert answer.redirect_chain[-1] == (TOOL, 302)
    job = Generation.objects.get()
    assert (job.user, job.params["prompt"]) == (signed_up, PROMPT)
    assert f"generation-{job.pk}" in answer.content.decode()
    client.get("/start")
    assert Generation.objects.count() == 1


def test_the_confirmation_names_the_price_and_what_is_not_known_and_offers_another_prompt(client, mailoutbox):
    client.post("/start", {"prompt": "a golden retriever on the beach"})
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    link = mailed(mailoutbox)
    html = client.get(link).content.decode()
    offered = re.search(r'name="prompt" value="([^"]+)"', html)[1]
    assert "does not know:" in html and "<bdi>retriever</bdi>" in html
    assert Generation.objects.count() == 0
    answer = client.post(link, {"prompt": offered}, follow=True)
    job = Generation.objects.get()
    assert job.params["prompt"] == offered and f"<strong>{job.cost}</strong> credits" in html
    assert answer.context["form"]["prompt"].value() == offered, "the form keeps what was started"


def test_a_confirmation_starts_nothing_that_was_not_asked_for(client, mailoutbox):
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    client.post(mailed(mailoutbox), {"prompt": PROMPT})
    assert Generation.objects.count() == 0


def test_another_browser_starts_it_too_and_the_first_one_goes_on_by_itself(client, signed_up, mailoutbox):
    phone = Client()
    answer = phone.post(mailed(mailoutbox), follow=True)
    assert Generation.objects.get().params["prompt"] == PROMPT
    assert not get_user(phone).is_authenticated, "whoever has the mail need not know the password"
    assert f'value="{EMAIL}"' in answer.content.decode()
    told = client.get(f"{INBOX}waiting", HTTP_HX_REQUEST="true")
    assert told["HX-Redirect"] == "/start" and get_user(client) == signed_up
    after = phone.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD}, follow=True)
    assert after.redirect_chain[-1] == (TOOL, 302)
    assert Generation.objects.count() == 1 and User.objects.get().first_prompt == ""


def test_nobody_is_let_in_before_the_address_is_confirmed_or_with_another_password(client, signed_up, mailoutbox):
    assert client.get(f"{INBOX}waiting", HTTP_HX_REQUEST="true").status_code == 204
    signed_up.set_password("somebody-else-chose-this")
    signed_up.save()
    Client().post(mailed(mailoutbox))
    assert client.get(f"{INBOX}waiting", HTTP_HX_REQUEST="true").status_code == 204
    assert not get_user(client).is_authenticated
    assert client.get(f"{INBOX}waiting").url == INBOX, "a page without scripts asks again and again"


def test_what_cannot_be_started_is_in_the_form_with_the_reason(client, signed_up, mailoutbox, settings):
    settings.FREE_CREDITS = 1
    answer = client.post(mailed(mailoutbox), follow=True)
    assert answer.context["form"]["prompt"].value() == PROMPT
    assert "more credits" in " ".join(map(str, answer.context["messages"]))
    assert Generation.objects.count() == 0 and not client.get(TOOL).context["form"]["prompt"].value()


def test_a_taken_address_looks_the_same_and_gets_no_prompt(client, ada):
    client.post("/start", {"prompt": PROMPT})
    client.post("/accounts/signup/", {"email": ada.email, "password1": PASSWORD})
    assert PROMPT not in client.get("/accounts/signup/").content.decode() + client.get(INBOX).content.decode()
    assert User.objects.get(pk=ada.pk).first_prompt == ""


def test_who_forgot_that_they_have_an_account_finds_the_prompt_by_signing_in(client, ada):
    client.post("/start", {"prompt": PROMPT})
    client.post("/accounts/signup/", {"email": ada.email, "password1": PASSWORD})
    assert Generation.objects.count() == 0
    client.force_login(ada)
    for _ in range(2):
        client.get("/start")
    assert [(job.user, job.params["prompt"]) for job in Generation.objects.all()] == [(ada, PROMPT)]


@pytest.fixture
def files(settings, tmp_path):
    settings.EMBEDDED = True  # as on one machine
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "cinevivid.mail.ConsoleAndFileBackend", tmp_path / "mail"
    return tmp_path / "mail"


def test_an_operator_without_a_mail_server_gets_the_link(files):
    here = Client(**HERE)
    here.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    html = here.get(INBOX).content.decode()
    assert str(files) in html
    link = re.search(r'href="(/accounts/confirm-email/[^"]+)"', html)[1]
    assert link in "".join(file.read_text() for file in files.glob("*.log"))
    assert Client(**HERE).get(INBOX).content.decode().count("Open the link") == 0, "another browser signed nobody up"


@pytest.mark.parametrize(
    ("visitor", "changed"),
    [
        ({"REMOTE_ADDR": "10.0.0.7"}, {}),
        ({"HTTP_X_FORWARDED_FOR": "10.0.0.7"}, {}),
        ({"HTTP_X_REAL_IP": "10.0.0.7"}, {}),
        ({"HTTP_FORWARDED": "for=10.0.0.7"}, {}),
        ({"HTTP_HOST": "studio.example"}, {"ALLOWED_HOSTS": ["*"]}),
        ({"HTTP_REFERER": "https://studio.example/accounts/signup/"}, {}),
        ({}, {"SITE_URL": "https://studio.example"}),
        ({}, {"BEHIND_PROXY": True}),
        ({}, {"EMBEDDED": False}),
        ({}, {"EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend"}),
    ],
)
def test_nobody_else_ever_sees_the_link(files, settings, visitor, changed):
    here = Client(**HERE)
    here.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    for name, value in changed.items():
        setattr(settings, name, value)
    assert "Open the link" not in here.get(INBOX, **visitor).content.decode()


def test_an_account_that_nobody_confirms_is_removed_with_its_mail(signed_up, ada, files, settings):
    Client().post("/accounts/signup/", {"email": "later@example.org", "password1": PASSWORD})
    assert remove_unconfirmed() == 0
    old = timezone.now() - timedelta(days=settings.UNCONFIRMED_DAYS + 1)
    User.objects.exclude(email="later@example.org").update(date_joined=old)
    assert remove_unconfirmed() == 1
    assert set(User.objects.values_list("email", flat=True)) == {ada.email, "later@example.org"}
    assert billing.audit() == []


def test_the_demo_account_is_confirmed_and_its_link_can_be_made_again(client, capsys):
    user = demo_user()
    assert user.emailaddress_set.get().verified
    for _ in range(2):
        call_command("sign_in_link")
        link = capsys.readouterr().out.strip()
        client.post(link)
        assert get_user(client) == user
        client.post("/accounts/logout/")


def test_a_superuser_of_the_command_line_needs_no_mail(client):
    User.objects.create_superuser("boss@example.org", PASSWORD)
    client.post("/accounts/login/", {"login": "boss@example.org", "password": PASSWORD})
    assert client.get("/admin/").status_code == 200


def test_a_prompt_with_what_no_database_can_hold_is_made_without_it(client, mailoutbox):
    client.post("/start", {"prompt": f" \0{PROMPT}\r\n\0\u200b"})
    client.post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD})
    assert User.objects.get(email=EMAIL).first_prompt == PROMPT
    client.post(mailed(mailoutbox))
    assert Generation.objects.get().params["prompt"] == PROMPT


def test_a_studio_that_writes_its_mail_to_files_does_not_claim_to_have_sent_it(files):
    answer = Client(**HERE).post("/accounts/signup/", {"email": EMAIL, "password1": PASSWORD}, follow=True)
    said = " ".join(str(message) for message in answer.context["messages"])
    assert "We sent" not in said and str(files) in said


def test_a_wrong_password_is_told_in_a_plain_sentence(client, ada):
    answer = client.post("/accounts/login/", {"login": ada.email, "password": "not-the-password"})
    assert "The email address or the password is wrong." in answer.content.decode()
