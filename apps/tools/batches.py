"""The page of a batch: what it has made side by side, to pick from."""

import uuid
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.http import SignedIn
from apps.accounts.models import User
from apps.billing import services as billing
from apps.library import picks
from apps.library.batches import Batch
from apps.library.models import Generation, GenerationQuerySet, Group
from apps.tools import registry, services
from apps.tools.templatetags.jobs import chosen, label, setting

MOST_WORDS = 12  # of a prompt that its label shows


def _jobs(user: User, group: Group) -> GenerationQuerySet:
    return Generation.objects.of(user).filter(group=group).order_by("created_at", "pk")


def _group(user: User, pk: uuid.UUID) -> Group:
    return get_object_or_404(Group, user=user, kind=Group.BATCH, pk=pk)


@login_required
@require_GET
def batch(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """The jobs of a batch, each with what is different about it."""
    group = _group(request.user, pk)
    jobs = list(_jobs(request.user, group).with_assets().prefetch_related("inputs__asset", "inputs__source"))
    about = labels(jobs)
    context = {
        "group": group,
        "batch": Batch(group, jobs) if jobs else None,
        "tool": registry.get(jobs[0].tool) if jobs else None,
        "variants": [(job, about[job.pk]) for job in jobs],
        "receipt": billing.receipt(group.reference),
    }
    return render(request, "tools/batch.html", context)


@login_required
@require_POST
def keep(request: SignedIn, pk: uuid.UUID) -> HttpResponse:
    """Move all jobs of a batch to the trash but those that are picked."""
    group, picked = _group(request.user, pk), set(picks.ids(request))
    ids = list(_jobs(request.user, group).values_list("pk", flat=True))
    if not picked & set(ids):
        messages.error(request, _("Pick what you want to keep first."))
    elif others := [each for each in ids if each not in picked]:
        gone = services.delete_many(request.user, others)
        picks.say_deleted(request, [job.pk for job in gone], restored_at="tools:restore_many")
    return redirect(picks.back(request, group.get_absolute_url()))


def labels(jobs: Sequence[Generation]) -> dict[uuid.UUID, list[tuple[str, Any]]]:
    """Return what is different about each of some jobs of one tool: names and values, as its page calls them."""
    tool = registry.get(jobs[0].tool) if jobs else None
    if tool is None:
        return {job.pk: [] for job in jobs}
    names = [name for name in tool.form_class.base_fields if len({str(job.params.get(name)) for job in jobs}) > 1]
    texts = dict(zip(jobs, told_apart([str(job.params.get(tool.text) or "") for job in jobs]), strict=True))
    found: dict[uuid.UUID, list[tuple[str, Any]]] = {}
    for job in jobs:
        values = [
            (setting(job, name), texts[job] if name == tool.text else _shown(chosen(job, name))) for name in names
        ]
        given = {each.name: each for each in job.inputs.all()}
        values += [
            (label(each), str(each.found.name if each.found else _("not in your library any more")))
            for name, each in given.items()
            if len({str(other.asset_id) for job in jobs for other in job.inputs.all() if other.name == name}) > 1
        ]
        found[job.pk] = values
    return found


def _shown(value: Any) -> Any:
    if value is True:
        return _("Yes")
    return _("usual") if value in (None, "", False) else value


def told_apart(texts: Sequence[str]) -> list[str]:
    """Return of each text the words that are not the same in all: "red" and "blue" of "a red star", "a blue star"."""
    words = [text.split() for text in texts]
    first = _same(words)
    rest = [each[first:] for each in words]
    last = _same([each[::-1] for each in rest])
    parts = [each[: len(each) - last] for each in rest]
    return [" ".join(each[:MOST_WORDS]) + ("…" if len(each) > MOST_WORDS else "") or "–" for each in parts]


def _same(words: Sequence[Sequence[str]]) -> int:
    """Return with how many of the same words all begin."""
    return sum(1 for _same in takewhile(lambda each: len(set(each)) == 1, zip(*words, strict=False)))
