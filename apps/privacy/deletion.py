"""Deleting an account: what goes, what stays, and in which order.

This stands above all other apps, because it is one verb over the rows of each of them; the list below is the order in
which their foreign keys let go. Each step can be repeated. A crash leaves a `Deletion` that is not done, or `Leftover`s
whose bytes are still there, and the sweep goes on with both.

1. The account is closed: nobody can sign in, tokens and sessions stop, no job can be submitted.
2. Jobs that have not ended are cancelled; what they held is released. Their workers find no row and store nothing.
3. One transaction removes the rows, takes what is left in the wallet, and empties the user's row. The row itself stays:
   the accounts of the ledger belong to it, and whoever re-adds them finds every transfer.
4. After the commit: a last mail, and the bytes. Voices that were made for the user are removed at their provider by a
   worker, as soon as that answers; from the commit on nobody sees or uses them.
"""

import json
import re
import shutil
import time
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext

from apps.accounts import outbox, sessions
from apps.accounts.models import ApiToken, User
from apps.billing import payments
from apps.billing import services as billing
from apps.billing.models import Checkout
from apps.errors import StudioError
from apps.library import keeper, storage
from apps.library.ids import as_uuid
from apps.library.models import Asset, Generation, GenerationInput, Group, LikenessConsent
from apps.privacy.models import Deletion, Leftover
from apps.tools import services
from apps.tools.models import Preset
from apps.voices import services as voices
from apps.voices.models import FavouriteVoice, VoiceConsent

log = structlog.get_logger(__name__)
Status = Generation.Status
NOBODY = "deleted.invalid"  # the domain of the addresses of emptied users: no mail can ever reach it
LATE = timedelta(days=1)  # how long a request or a worker that began before the deletion may still write
REMOVING_SECONDS = 5.0
UNCONFIRMED_AT_ONCE = 200
BETWEEN_LETTERS = "-" * 79 + "\n"  # as Django's backend writes them into a file
# Rows that point to a user and are removed, in this order; the first ones hold on to those after them.
GONE: tuple[tuple[type[models.Model], str], ...] = (
    (GenerationInput, "generation__user"),
    (LikenessConsent, "user"),
    (Asset, "user"),
    (Generation, "user"),
    (Group, "user"),
    (Checkout, "user"),
    (ApiToken, "user"),
    (FavouriteVoice, "user"),
    (Preset, "user"),
    (VoiceConsent, "user"),
    (EmailAddress, "user"),
)


class LastSuperuser(StudioError):
    """The account is that of the last active superuser."""

    code = "last_superuser"


def delete_account(user: User) -> None:
    """Delete an account with everything in it. Raises LastSuperuser, and then nothing has changed."""
    _close(user)
    _erase(user)
    remove_leftovers()


def go_on() -> None:
    """Go on with deletions that were interrupted, or into which something was written late."""
    for deletion in unfinished().select_related("user"):
        try:
            _erase(deletion.user)
        except Exception:
            log.exception("account_not_deleted", user=deletion.user_id)
    remove_leftovers()


def unfinished() -> models.QuerySet[Deletion]:
    """Deletions that are not done, and recent ones whose users have something again."""
    left = [Exists(model._default_manager.filter(**{path: OuterRef("user")})) for model, path in GONE]
    back = Q(user__is_active=True) | ~Q(user__email__endswith=f"@{NOBODY}")
    for each in left:
        back |= Q(each)
    return Deletion.objects.filter(Q(done_at=None) | Q(asked_at__gt=timezone.now() - LATE) & back)


def _close(user: User) -> None:
    with transaction.atomic():
        # A submit that has the wallet's lock commits first, and its job is found; a later one finds the account closed.
        billing.lock(user)
        superusers = User.objects.select_for_update(no_key=True).filter(is_superuser=True, is_active=True)
        if [user.pk] == list(superusers.order_by("pk").values_list("pk", flat=True)):
            raise LastSuperuser()
        Deletion.objects.get_or_create(user=user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        sessions.look_again(user.pk)
    log.info("account_closed", user=user.pk)


def _erase(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    # A live worker removes its own folder.
    left = set(Generation.objects.filter(user=user).exclude(status=Status.RUNNING).values_list("pk", flat=True))
    payments.leave(user)
    services.cancel_all(user)
    for session in _sessions(user, _addresses(user)):
        session.delete()
    with transaction.atomic():
        deletion = Deletion.objects.select_for_update().get(user=user)
        user = User.objects.get(pk=user.pk)
        addresses = _addresses(user)
        _note_leftovers(user)
        _forget_in_log(user)
        voices.let_go(user)
        for model, path in GONE:
            model._default_manager.filter(**{path: user}).delete()
        billing.forfeit(user)
        user.groups.clear()
        user.user_permissions.clear()
        User.objects.filter(pk=user.pk).update(
            email=f"{uuid4().hex}@{NOBODY}", name="", first_prompt="", password=make_password(None), last_login=None,
            is_staff=False, is_superuser=False,
        )  # fmt: skip
        told = deletion.done_at is not None
        Deletion.objects.filter(pk=deletion.pk).update(done_at=timezone.now())
        transaction.on_commit(partial(_after, user, addresses, left, told))
    log.info("account_deleted", user=user.pk)


def remove_unconfirmed() -> int:
    """Remove accounts whose address nobody has confirmed in UNCONFIRMED_DAYS. Returns how many.

    They have no credits and have made nothing, so nothing of them stays, and they get no mail.
    """
    old = timezone.now() - timedelta(days=settings.UNCONFIRMED_DAYS)
    addresses = EmailAddress.objects.filter(user=OuterRef("pk"))
    found = User.objects.filter(Exists(addresses), ~Exists(addresses.filter(verified=True)), last_login=None)
    removed = 0
    for user in found.filter(date_joined__lt=old, is_staff=False)[:UNCONFIRMED_AT_ONCE]:
        try:
            with transaction.atomic():
                names = _addresses(user)
                _forget_in_log(user)
                billing.close_accounts(user)
                user.delete()
                transaction.on_commit(partial(_remove_letters, names))
        except models.ProtectedError:
            continue  # the operator has given it something
        removed += 1
    if removed:
        log.info("unconfirmed_accounts_removed", count=removed)
    return removed


def _addresses(user: User) -> set[str]:
    """The addresses that a user has on file; none once the account is emptied."""
    found = {user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)}
    return {address for address in found if not address.endswith(f"@{NOBODY}")}


def _note_leftovers(user: User) -> None:
    """Note where the bytes of a user lie before the rows that know it are gone."""
    folders = {storage.folder_of(asset) for asset in Asset.objects.filter(user=user).only("pk")}
    for job in Generation.objects.filter(user=user, attempt__gt=0):
        folders.add(f"{keeper.ROOT}/{job.pk}")
        if job.status != Status.SUCCEEDED:  # a worker that was killed may have stored what no row knows
            folders.update(services.folders_of_attempts(job))
    Leftover.objects.bulk_create(
        (Leftover(folder=folder) for folder in sorted(folders)), batch_size=500, ignore_conflicts=True
    )


def _forget_in_log(user: User) -> None:
    """Take names and addresses out of what the administration has logged about a user. What they did stays logged."""
    about = Q(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    for model, path in GONE:
        keys = {str(key) for key in model._default_manager.filter(**{path: user}).values_list("pk", flat=True)}
        logged = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        entries = [pk for pk, key in logged.values_list("pk", "object_id").iterator() if key in keys]
        about |= Q(pk__in=entries)
    LogEntry.objects.filter(about).update(object_repr="of a deleted account", change_message="")


def _sessions(user: User, addresses: Iterable[str]) -> Iterable[Session]:
    """The sessions of a user, and those that name an address of theirs. They can be told only by reading them all."""
    named = [json.dumps(address.casefold()) for address in addresses]
    for session in Session.objects.iterator():
        found = session.get_decoded()
        words = json.dumps(found, default=str).casefold() if found else ""
        if str(found.get("_auth_user_id")) == str(user.pk) or any(name in words for name in named):
            yield session


def _after(user: User, addresses: set[str], jobs: set[UUID], told: bool) -> None:
    """Do what a rollback could not take back."""
    if user.email in addresses and not told:
        text = render_to_string("account/email/account_deleted_message.txt").strip() + "\n"
        # Not in the background: its file, where mail is kept in files, is removed with the others.
        outbox.deliver(EmailMessage(gettext("Your account is deleted"), text, to=[user.email]))
    _remove_letters(addresses)
    _remove_work(jobs)


def _remove_letters(addresses: Iterable[str]) -> None:
    """Remove mail to these addresses that a studio without a mail server has kept, several in a file at times."""
    folder = Path(getattr(settings, "EMAIL_FILE_PATH", None) or "")
    if not addresses or folder == Path():
        return
    names = "|".join(re.escape(address) for address in addresses)
    to = re.compile(rf"^To: (?:.*<)?(?:{names})>?\s*$", re.IGNORECASE | re.MULTILINE)
    for file in folder.glob("*.log"):
        try:
            letters = file.read_text(errors="replace").split(BETWEEN_LETTERS)
            others = [letter for letter in letters if not to.search(letter)]
            if not any(letter.strip() for letter in others):
                file.unlink(missing_ok=True)
            elif len(others) < len(letters):
                file.write_text(BETWEEN_LETTERS.join(others))
        except OSError:
            log.warning("mail_not_removed", exc_info=True)


def _remove_work(jobs: set[UUID]) -> None:
    """Remove folders that killed attempts have left on this machine; a live worker removes its own."""
    if settings.WORK_ROOT.is_dir():
        for folder in settings.WORK_ROOT.iterdir():
            if as_uuid(folder.name[:36]) in jobs:
                shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(seconds: float = REMOVING_SECONDS) -> None:
    """Remove the bytes of deleted accounts for so long; the sweep goes on with the rest."""
    ends = time.monotonic() + seconds
    for leftover in Leftover.objects.order_by("pk").iterator():
        try:
            keeper.remove_folder(leftover.folder)
            leftover.delete()
        except Exception:
            log.warning("files_not_removed", folder=leftover.folder, exc_info=True)
        if time.monotonic() > ends:
            return
