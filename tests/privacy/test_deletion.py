"""An account is deleted whole: nothing of the person stays but the ledger, without a name."""

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from asgiref.sync import sync_to_async
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import send_mail
from django.db import models
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
from apps.billing.models import Account
from apps.errors import StudioError
from apps.library.models import Asset, Generation, Group
from apps.privacy import deletion
from apps.privacy.deletion import GONE, LastSuperuser, delete_account
from apps.privacy.models import Deletion, Leftover
from apps.tools import services, sweeper
from tests.factories import AssetFactory, GenerationFactory, UserFactory
from tests.library.sockets import SECONDS, connect, drain
from tests.privacy.traces import files, traces
from tests.threads import Killed, at_once, killed
from tests.tools import toy

PASSWORD = "a-long-enough-phrase"
PROMPT = "a lighthouse that only ada knows"
Status = Generation.Status
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def studio(settings, tmp_path):
    """A studio that keeps mail as files."""
    settings.EMAIL_BACKEND = "cinevivid.mail.ConsoleAndFileBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    return tmp_path


@pytest.fixture
def lived_in(ada, studio):
    """An account with something of ada's in every place where a studio keeps it."""
    ada.name = "Ada of Example"
    ada.set_password(PASSWORD)
    ada.save()
    AssetFactory(
        generation__user=ada, generation__title=PROMPT, generation__params={"prompt": PROMPT}, generation__held=False
    )
    AssetFactory(
        generation=None,
        user=ada,
        kind="image",
        recipe={"name": "lighthouse that only ada knows.png"},
        deleted_at=timezone.now(),
    )
    failed = GenerationFactory(user=ada, title=PROMPT, cost=10)
    services.fail(Generation.objects.claim(failed.queue), StudioError(f"Not made: {PROMPT}", code="generation_failed"))
    group = Group.objects.create(user=ada, kind="batch", title=PROMPT)
    GenerationFactory(user=ada, title=PROMPT, group=group, cost=10)
    default_storage.save(f"live/{failed.pk}/1/prompt.txt", ContentFile(PROMPT.encode()))
    (work := studio / "work" / f"{failed.pk}-1").mkdir(parents=True)
    (work / "prompt.txt").write_text(PROMPT)
    ApiToken.objects.issue(ada, "ada of example's script")
    EmailAddress.objects.create(user=ada, email="ada.two@example.org", verified=True)
    for address in ("ada@example.org", "Ada <ADA.two@example.org>", "nada@example.org"):
        send_mail("Hello", "x", None, [address])
    staff = UserFactory(is_staff=True)
    LogEntry.objects.create(
        user=staff,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(ada.pk),
        object_repr="ada@example.org",
        action_flag=CHANGE,
        change_message="ada of example",
    )
    return ada


def sign_in(user):
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert get_user(client) == user
    return client


def delete_on_the_page(client, address):
    return client.post("/accounts/delete", {"address": address})


def test_nothing_of_the_person_stays(lived_in, studio):
    browser, phone = sign_in(lived_in), sign_in(lived_in)
    words = ["ada@example", "ada.two@example", "ada of example", "only ada knows"]
    assert len(traces(words, studio)) > 10
    answer = delete_on_the_page(browser, "ADA@example.org")
    assert (answer.status_code, answer.url) == (302, "/")
    assert traces([word for word in words if word != "ada@example"], studio) == []
    # The only hit is somebody else's address, which ends like ada's.
    assert [hit for hit in traces(["ada@example"], studio) if "mail" not in hit] == []
    (letter,) = files(studio / "mail")
    assert "nada@example.org" in Path(letter).read_text()
    assert files(studio / "media") == [] and files(studio / "work") == []
    assert not get_user(browser).is_authenticated and not get_user(phone).is_authenticated
    assert not Session.objects.filter(pk=phone.session.session_key).exists()


def test_the_ledger_stays_whole_without_a_name(lived_in):
    delete_account(lived_in)
    assert billing.audit() == []
    wallet, held = Account.objects.filter(user=lived_in).order_by("-kind")
    assert (wallet.balance, held.balance) == (0, 0)
    user = User.objects.get(pk=lived_in.pk)
    assert (user.is_active, user.name, user.has_usable_password()) == (False, "", False)
    assert user.email.endswith("@deleted.invalid")
    kinds = [transfer.kind for transfer in billing.history(user)]
    assert kinds.count("forfeit") == 1 and "grant" in kinds and "release" in kinds


def test_others_keep_what_is_theirs(lived_in, ben):
    asset = AssetFactory(generation__user=ben)
    _, secret = ApiToken.objects.issue(ben, "script")
    client = Client()
    client.force_login(ben)
    delete_account(lived_in)
    assert client.get(asset.generation.get_absolute_url()).status_code == 200
    assert asset.file.storage.exists(asset.file.name) and asset.file.storage.exists(asset.poster.name)
    assert ApiToken.objects.authenticate(secret)


def test_every_table_that_points_to_a_user_is_dealt_with():
    """A new one has to be put into the list of what goes, or named here with the reason why it stays."""
    stays = {
        "Account": "the ledger",
        "Payment": "what the ledger's purchases were paid with, without the invoices",
        "Debt": "what the ledger lacks of a refunded payment",
        "Subscription": "says that nothing is charged any more",
        "Customer": "an id, until nothing is left of it in Stripe",
        "LogEntry": "what staff did in the administration, under an emptied user",
        "Deletion": "the mark itself",
        "User_groups": "cleared",
        "User_user_permissions": "cleared",
    }
    pointing = {
        model.__name__
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.remote_field.model is User
    }
    assert pointing - stays.keys() - {model.__name__ for model, _ in GONE} == set()


def test_the_last_mail_says_what_stays(ada, mailoutbox, settings):
    delete_account(ada)
    (mail,) = mailoutbox
    assert mail.to == ["ada@example.org"] and "What stays is the ledger" in mail.body
    deletion.go_on()
    assert len(mailoutbox) == 1


def test_it_asks_for_the_password_and_the_address(ada):
    ada.set_password(PASSWORD)
    ada.save()
    client = Client()
    client.force_login(ada)
    assert "/accounts/reauthenticate/" in client.get("/accounts/delete").url
    assert "/accounts/reauthenticate/" in delete_on_the_page(client, "ada@example.org").url
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get("/accounts/delete").status_code == 200
    answer = delete_on_the_page(client, "ben@example.org")
    assert answer.status_code == 422 and "not the email address of this account" in answer.content.decode()
    assert User.objects.get(pk=ada.pk).is_active and not Deletion.objects.exists()
    delete_on_the_page(client, "ada@example.org")
    assert not User.objects.get(pk=ada.pk).is_active


def test_the_page_says_exactly_what_goes(lived_in):
    html = re.sub(r"<[^>]+>|\s+", " ", sign_in(lived_in).get("/accounts/delete").content.decode())
    html = re.sub(r"\s+", " ", html)
    for words in ("1 file that you made", "1 upload", "3 jobs with prompts", "1 of them is not finished",
                  "1 API token", "100 credits", "The ledger, without your name", "free credits"):  # fmt: skip
        assert words in html, words


def test_the_address_can_sign_up_anew_without_new_credits(client, mailoutbox, settings):
    def sign_up():
        client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
        link = re.search(r"https?://[^/]+(/accounts/confirm-email/\S+)", mailoutbox[-1].body).group(1)
        client.post(link)
        return User.objects.get(email="new@example.org")

    first = sign_up()
    assert billing.balance(first) == settings.FREE_CREDITS
    delete_account(first)
    client.logout()
    cache.clear()  # an address is sent one link in three minutes
    second = sign_up()
    assert second.pk != first.pk and second.emailaddress_set.get().verified
    assert billing.balance(second) == 0
    assert billing.audit() == []


def test_an_address_that_moved_to_another_account_brings_no_credits_twice(ada, settings):
    assert billing.welcome(ada, "Ada@Example.org")
    ben = UserFactory(email="someone@example.org")
    assert not billing.welcome(ben, "ada@example.org ")
    assert billing.welcome(ben, "someone@example.org")
    assert not billing.welcome(ben, "third@example.org"), "an account is welcomed once"


async def test_open_pages_lose_their_socket(ada):
    socket = await connect(ada)
    await drain(socket)
    await sync_to_async(delete_account)(ada)
    for _ in range(10):  # the credits that went may be painted first
        last = await socket.receive_output(SECONDS)
        if last["type"] == "websocket.close":
            break
    assert (last["type"], last["code"]) == ("websocket.close", 4401)


def test_tokens_and_links_stop(ada):
    from apps.accounts.links import sign_in_url

    _, secret = ApiToken.objects.issue(ada, "script")
    link = sign_in_url(ada)
    delete_account(ada)
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}").get("/api/v1/account/").status_code == 401
    client = Client()
    client.get(link)
    assert not get_user(client).is_authenticated


def test_the_last_superuser_stays(ada):
    ada.is_superuser = ada.is_staff = True
    ada.set_password(PASSWORD)
    ada.save()
    answer = delete_on_the_page(sign_in(ada), "ada@example.org")
    assert answer.status_code == 422
    assert "This is the only administrator account left." in answer.content.decode()
    assert User.objects.get(pk=ada.pk).is_active and not Deletion.objects.exists()
    UserFactory(is_superuser=True)
    delete_account(ada)
    assert not User.objects.get(pk=ada.pk).is_superuser


def test_two_superusers_who_leave_at_once_do_not_both_leave():
    users = [UserFactory(is_superuser=True) for _ in range(2)]
    results = at_once([told(lambda user=user: delete_account(user)) for user in users])
    assert sorted(map(str, results)) == ["None", "last_superuser"]


def told(function):
    """The function, which returns the code of an error instead of raising it."""

    def call():
        try:
            return function()
        except StudioError as error:
            return error.code

    return call


@pytest.fixture
def stage():
    """A toy task that stops in its middle until the test lets it go on."""

    class Stage:
        reached, go_on, heard = threading.Event(), threading.Event(), []

        def __call__(self, params, folder, on_progress):
            (folder / "half.txt").write_text(PROMPT)
            self.reached.set()
            assert self.go_on.wait(120)

    stage = Stage()
    stage.reached.clear()
    stage.go_on.clear()
    remove = toy.install(stage)
    yield stage
    stage.go_on.set()
    remove()


def test_a_running_job_stores_nothing_afterwards(stage, ada, worker, wait_until, tmp_path):
    job = services.submit(ada, toy.ToyTool(), {"prompt": "swan", "size": 2})
    assert stage.reached.wait(120)
    delete_account(ada)
    assert billing.audit() == [] and not Generation.objects.exists()
    stage.go_on.set()
    worker.join()
    wait_until(lambda: not files(tmp_path / "work"))
    assert files(tmp_path / "media") == [] and not Asset.objects.exists()
    assert fresh_or_none(job) is None
    assert [transfer.kind for transfer in billing.history(ada)] == ["forfeit", "release", "hold", "grant"]


def fresh_or_none(job):
    return Generation.objects.filter(pk=job.pk).first()


def test_waiting_jobs_are_cancelled_with_the_ones_they_wait_for(ada, boat):
    first = services.submit(ada, boat, {"prompt": "swan", "size": 2})
    services.submit(ada, boat, {"prompt": "duck", "size": 2}, waits_for=[first])
    delete_account(ada)
    assert not Generation.objects.exists() and billing.audit() == []


@pytest.mark.parametrize("price", [0, 10])
def test_whatever_is_submitted_meanwhile_is_refused_or_cancelled(settings, price):
    settings.MAX_ACTIVE_JOBS = 1000
    tool = toy.toy_tool(price)
    for _ in range(3):
        user = UserFactory(credits=1000)

        def submit(user=user):
            return services.submit(user, tool, {"prompt": "x", "size": 1})

        leave = told(lambda user=user: delete_account(user))
        at_once([told(submit)] * 6 + [leave] + [told(submit)] * 6)
        assert not Generation.objects.filter(user=user).exists()
        assert submit_code(user, tool) == "account_closed"
        assert billing.balance(user) == billing.held(user) == 0
    assert billing.audit() == []


def submit_code(user, tool):
    with pytest.raises(StudioError) as caught:
        services.submit(user, tool, {"prompt": "x", "size": 1})
    return caught.value.code


def test_deleting_twice_at_once_is_deleting_once(ada, mailoutbox):
    AssetFactory(generation__user=ada)
    assert at_once([lambda: delete_account(User.objects.get(pk=ada.pk))] * 4) == [None] * 4
    assert len(mailoutbox) == 1 and billing.audit() == []


@pytest.mark.parametrize("step", ["_sessions", "_note_leftovers", "_forget_in_log", "remove_leftovers"])
def test_a_deletion_that_is_interrupted_goes_on_with_the_next_sweep(lived_in, studio, monkeypatch, step):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(deletion, step, killed)
        delete_account(lived_in)
    assert not User.objects.get(pk=lived_in.pk).is_active, "nobody gets in from the first step on"
    sweeper.sweep()
    assert traces(["ada.two@example", "ada of example", "only ada knows"], studio) == []
    assert files(studio / "media") == [] and not Leftover.objects.exists()
    assert billing.audit() == []


def test_bytes_that_the_storage_does_not_give_up_now_go_later(lived_in, studio, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("apps.library.keeper.remove_folder", lambda folder: 1 / 0)
        delete_account(lived_in)
    assert files(studio / "media") and Leftover.objects.exists()
    sweeper.sweep()
    assert files(studio / "media") == [] and not Leftover.objects.exists()


def test_what_a_late_request_writes_goes_with_the_next_sweep(ada, tmp_path):
    """A page that read the user before the deletion saves them after it, and an upload arrives."""
    stale = User.objects.get(pk=ada.pk)
    delete_account(ada)
    stale.name = "Ada of Example"
    stale.save()
    AssetFactory(generation=None, user=stale, kind="image", recipe={"name": "x"})
    ApiToken.objects.issue(stale, "script")
    sweeper.sweep()
    assert traces(["ada@example", "ada of example"], tmp_path) == []
    assert not User.objects.get(pk=ada.pk).is_active
    assert files(tmp_path / "media") == [] and not ApiToken.objects.exists()


def test_a_sweep_leaves_what_was_deleted_long_ago_alone(ada, django_assert_max_num_queries):
    delete_account(ada)
    Deletion.objects.update(asked_at=timezone.now() - timedelta(days=30))
    with django_assert_max_num_queries(2):
        deletion.go_on()


def test_refused_as_long_as_somebody_must_stay(ada):
    ada.is_superuser = True
    ada.save()
    with pytest.raises(LastSuperuser):
        delete_account(ada)


@pytest.fixture
def root(client):
    """The administration, as a superuser sees it."""
    root = UserFactory(email="root@example.org", is_staff=True, is_superuser=True)
    client.force_login(root)
    return client


USERS = "/admin/accounts/user/"


def test_staff_delete_an_account_in_the_administration(root, lived_in, studio):
    asked = {"action": "delete_accounts", "_selected_action": [lived_in.pk]}
    html = root.post(USERS, asked).content.decode()
    assert "ada@example.org" in html and "1 upload" in html and User.objects.get(pk=lived_in.pk).is_active
    assert root.post(USERS, asked | {"confirmed": "yes"}, follow=True).status_code == 200
    assert traces(["ada.two@example", "ada of example", "only ada knows"], studio) == []
    assert "@deleted.invalid" not in root.get(USERS).content.decode()


def test_the_administration_keeps_the_last_superuser(root):
    own = User.objects.get(email="root@example.org")
    asked = {"action": "delete_accounts", "_selected_action": [own.pk], "confirmed": "yes"}
    assert "This is the only administrator account left." in root.post(USERS, asked, follow=True).content.decode()
    assert User.objects.get(pk=own.pk).is_active


def test_only_superusers_delete_others(client, ada):
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
    client.force_login(staff)
    assert client.get(USERS).status_code == 200
    client.post(USERS, {"action": "delete_accounts", "_selected_action": [ada.pk], "confirmed": "yes"})
    assert client.post(f"{USERS}{ada.pk}/change/", {"is_active": "on", "is_superuser": "on"}).status_code == 302
    assert client.post(f"{USERS}{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    ada.refresh_from_db()
    assert ada.is_active and not ada.is_superuser
    root = UserFactory(is_superuser=True)
    assert client.post(f"{USERS}{root.pk}/change/", {}).status_code == 403


def test_a_deletion_that_says_nothing_is_refused(client, ada):
    ada.set_unusable_password()  # so that nothing has to be entered once more
    ada.save()
    client.force_login(ada)
    assert client.get("/accounts/delete").status_code == 200
    assert client.post("/accounts/delete").status_code == 422
