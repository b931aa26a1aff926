"""Everything that the studio holds of a person, as one zip.

What the database knows is written first, into a temporary file. Then the answer is made from files alone.
"""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import IO, Any

from allauth.account.models import EmailAddress
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ApiToken, User
from apps.billing import services as billing
from apps.billing.models import Payment
from apps.billing.plans import plan_of
from apps.library import limits, zips
from apps.library.models import Asset, Generation, Group, LikenessConsent
from apps.library.zips import Document, Medium, zipped
from apps.tools.models import Preset
from apps.voices.models import FavouriteVoice, VoiceConsent

BATCH = 200  # rows
IN_MEMORY = 1024 * 1024  # what a document takes before it goes to the disk
FOLDERS = {"video": "videos", "image": "images", "audio": "sounds"}
README = _("""Your data at CineVivid, {when}.

account.json       name, addresses, plan, payments, credits and the names of API tokens
generations.json   every job: its prompt and settings, its recipe, its cost, and the text that it made, if any
ledger.csv         every movement of your credits
videos, images …   what you made
uploads            what you uploaded
""")


def answer(user: User) -> HttpResponseBase:
    """Return the zip of a user as a download."""
    about = str(README).format(when=date_format(timezone.now(), "j F Y"))
    return zips.answer(f"cinevivid-{timezone.now():%Y-%m-%d}.zip", zipped(media(user), documents(user), about))


def documents(user: User) -> list[Document]:
    """Write what the database knows of a user."""
    return [
        _document("account.json", lambda file: _json(file, _account(user))),
        _document("generations.json", lambda file: _list(file, _generations(user))),
        _document("ledger.csv", lambda file: _ledger(file, user)),
    ]


def _document(name: str, write: Callable[[IO[str]], None]) -> Document:
    file = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="export-")  # noqa: SIM115
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    write(text)
    text.detach()
    file.seek(0)
    return Document(name, file)


def _json(file: IO[str], value: Any) -> None:
    json.dump(value, file, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _list(file: IO[str], rows: Iterator[dict[str, Any]]) -> None:
    """Write a JSON list row by row."""
    before = "[\n"
    for row in rows:
        file.write(before)
        _json(file, row)
        before = ",\n"
    file.write("[]\n" if before == "[\n" else "\n]\n")


def _account(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "email": user.email,
        "first_prompt": user.first_prompt,
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "joined": user.date_joined,
        "last_sign_in": user.last_login,
        "looked_at_activity": user.activity_seen_at,
        "credits": billing.balance(user),
        "held": billing.held(user),
        "plan": plan_of(user).title,
        "payments": list(
            Payment.objects.filter(user=user).values(
                "title", "reference", "amount", "currency", "credits", "refunded", "paid_at", "document_url"
            )
        ),
        "api_tokens": list(
            ApiToken.objects.filter(user=user).values("name", "created_at", "last_used_at", "revoked_at")
        ),
        "favourite_voices": list(FavouriteVoice.objects.filter(user=user).values_list("voice", flat=True)),
        "voice_consents": list(
            VoiceConsent.objects.filter(user=user).values("name", "speaker", "statement", "voice", "created_at")
        ),
        "likeness_consents": list(
            LikenessConsent.objects.filter(user=user).values("asset", "statement", "created_at", "withdrawn_at")
        ),
        "presets": list(
            Preset.objects.filter(user=user).values(
                "name", "tool", "words", "negative", "params", "shared", "created_at"
            )
        ),
        "groups": list(Group.objects.filter(user=user).values("id", "kind", "title", "created_at")),
    }


def _generations(user: User) -> Iterator[dict[str, Any]]:
    """Every job of a user, newest first, the ones in the trash too."""
    jobs = Generation.objects.filter(user=user).prefetch_related("inputs", "assets")
    batch: list[Generation] = []
    for job in jobs.iterator(chunk_size=BATCH):
        batch.append(job)
        if len(batch) == BATCH:
            yield from _told(batch)
            batch = []
    yield from _told(batch)


def _told(jobs: list[Generation]) -> Iterator[dict[str, Any]]:
    receipts = billing.receipts([job.reference for job in jobs])
    for job in jobs:
        receipt = receipts[job.reference]
        receipt = receipt.of_part(job.part, job.cost) if job.part else receipt
        yield {
            "id": job.pk,
            "tool": job.tool,
            "title": job.title,
            "status": job.status,
            "params": job.params,
            "inputs": [
                {"name": given.name, "asset": given.asset_id, "job": given.source_id} for given in job.inputs.all()
            ],
            "group": job.group_id,
            "engine": job.engine,
            "error": job.error,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "deleted_at": job.deleted_at,
            "credits": {"held": receipt.held, "captured": receipt.captured, "released": receipt.released},
            "data": job.data,
            "files": [
                {
                    "id": asset.pk,
                    "kind": asset.kind,
                    "name": _name(asset),
                    "sha256": asset.sha256,
                    "recipe": asset.recipe,
                }
                for asset in job.assets.all()
            ],
        }


def _ledger(file: IO[str], user: User) -> None:
    rows = csv.writer(file)
    rows.writerow(("time", "movement", "from", "to", "credits", "reference"))
    for each in billing.history(user).iterator(chunk_size=BATCH):
        rows.writerow(
            (
                each.created_at.isoformat(),
                each.get_kind_display(),
                each.source.get_kind_display(),
                each.destination.get_kind_display(),
                each.amount,
                each.reference,
            )
        )


def media(user: User) -> list[Medium]:
    """Name every file of a user, oldest first, the ones in the trash too while their bytes are there."""
    files = Asset.objects.filter(user=user).exclude(file="").select_related("generation").order_by("created_at", "pk")
    watermark = limits.of(user).watermark
    return [
        Medium(_name(asset), asset.served("file", watermark), asset.created_at)
        for asset in files.iterator(chunk_size=BATCH)
    ]


def _name(asset: Asset) -> str:
    """Where an asset lies in the zip: under the name of its download, with what makes it unlike any other."""
    folder = FOLDERS.get(asset.kind, "others") if asset.generation_id else "uploads"
    name = PurePath(asset.download_name)
    return f"{folder}/{asset.created_at:%Y-%m-%d}-{name.stem}-{asset.pk.hex[:8]}{name.suffix}"
