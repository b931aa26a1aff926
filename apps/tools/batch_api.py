"""A batch as a program sends it: a list of objects, each with what is different about one job."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _t
from rest_framework.exceptions import ValidationError

from apps.accounts.models import User
from apps.billing import powers
from apps.library import uploads
from apps.library.models import Asset
from apps.tools import alternatives
from apps.tools.alternatives import UnbalancedError
from apps.tools.batch_form import few, unbalanced
from apps.tools.fields import SEEDS
from apps.tools.registry import Tool

BATCH = "batch"  # the name that the list is sent as


def ordered(
    tool: Tool, data: Any, params: Callable[[dict[str, Any]], dict[str, Any]], user: User
) -> list[dict[str, Any]]:
    """Return the parameters of each job of a batch that a program sends; `params` reads those of one job.

    Raises NotInPlan, or ValidationError where one of them is wrong, with its place from 1.
    """
    shared = {name: data[name] for name in data if name != BATCH}
    members = _expanded(tool, shared, _given(data[BATCH]), user)
    if members and "seed" in tool.form_class.base_fields and shared.get("seed") is None:
        shared["seed"] = secrets.randbelow(SEEDS)
    made: list[dict[str, Any]] = []
    wrong: list[str] = []
    for place, values in members:
        try:
            made.append(params(shared | values))
        except ValidationError as error:
            told = error.detail if isinstance(error.detail, dict) else {"": error.detail}
            sentences = [f"{place}: {sentence}" for found in told.values() for sentence in found]
            wrong += [each for each in sentences if each not in wrong]  # once for all alternatives of a job
        for name in tool.inputs:
            if isinstance(shared.get(name), UploadedFile) and made and isinstance(made[-1].get(name), Asset):
                shared[name] = made[-1][name]
    if wrong:
        uploads.let_go(value for each in made for value in each.values() if isinstance(value, Asset))
        raise ValidationError({BATCH: few(wrong)})
    return made


def _given(batch: Any) -> list[Any]:
    """Return the jobs that a program has sent: a list, or in a form with files, as JSON. Raises ValidationError."""
    if isinstance(batch, str):
        try:
            batch = json.loads(batch)
        except (ValueError, RecursionError):
            batch = None
    if not isinstance(batch, list) or not all(isinstance(each, dict) and BATCH not in each for each in batch):
        raise ValidationError({BATCH: [_t("Send a list of objects, one for each job.")]})
    if not batch:
        raise ValidationError({BATCH: [_t("Send at least one job.")]})
    return batch


def _expanded(tool: Tool, shared: dict[str, Any], given: list[Any], user: User) -> list[tuple[int, dict[str, Any]]]:
    """Return the jobs with their places, those with alternatives in the prompt several times."""
    powers.require(user, {"batch_jobs": len(given)})
    texts = [each.get(tool.text, shared.get(tool.text)) for each in given]
    texts = [text if isinstance(text, str) else "" for text in texts]  # the form says what is wrong with another one
    counts, wrong = dict[str, int](), []
    for place, text in enumerate(texts, start=1):
        try:
            counts[text] = counts.get(text) or alternatives.count(text)
        except UnbalancedError as error:
            wrong.append(f"{place}: {unbalanced(error)}")
    if wrong:
        raise ValidationError({BATCH: few(wrong)})
    powers.require(user, {"batch_jobs": min(alternatives.MOST, sum(counts[text] for text in texts))})
    return [
        (place, each | ({tool.text: spelled} if alternatives.offers(text) else {}))
        for place, (each, text) in enumerate(zip(given, texts, strict=True), start=1)
        for spelled in alternatives.expanded(text)
    ]
