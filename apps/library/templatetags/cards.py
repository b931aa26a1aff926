"""Words about jobs and files that several pages show."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.library import batches
from apps.library.batches import Batch
from apps.library.models import Asset, Generation

register = template.Library()
ONE_PIECE = ("upscaling", "speaking")  # stages that a film goes through as a whole


@register.filter
def facts(asset: Asset) -> str:
    """How large and how long a file is: "96 × 64 · 1.0 s"; of a sound, only how long."""
    sides = f"{asset.width} × {asset.height}" if asset.width else ""
    return " · ".join(filter(None, [sides, f"{asset.seconds:.1f} s" if asset.seconds else ""]))


@register.filter
def contents(job: Generation) -> str:
    """What a job has made, in a few words: the facts of its only file, or "3 images"."""
    assets = list(job.assets.all())
    if len(assets) < 2:
        return "".join(facts(asset) for asset in assets)
    kinds, number = {asset.kind for asset in assets}, len(assets)
    if kinds == {Asset.Kind.IMAGE}:
        return ngettext("%(number)d image", "%(number)d images", number) % {"number": number}
    if kinds == {Asset.Kind.VIDEO}:
        return ngettext("%(number)d video", "%(number)d videos", number) % {"number": number}
    if kinds == {Asset.Kind.AUDIO}:
        return ngettext("%(number)d sound", "%(number)d sounds", number) % {"number": number}
    return ngettext("%(number)d file", "%(number)d files", number) % {"number": number}


@register.filter
def shape(value: Any) -> str:
    """How a value of a job's data is shown: as a "map", a "list" or a "text"."""
    return "map" if isinstance(value, Mapping) else "list" if isinstance(value, list | tuple) else "text"


@register.filter
def pairs(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The names of a mapping, in words, with their values."""
    return [(str(name).replace("_", " ").capitalize(), each) for name, each in value.items()]


@register.filter
def duration(seconds: float) -> str:
    """A time as one says it, in seconds up to a minute and a half and in minutes beyond: "45 s", "3 min"."""
    return _("%d min") % round(seconds / 60) if seconds > 90 else _("%d s") % round(seconds)


@register.filter
def kept(job: Generation) -> str:
    """What a stop keeps, in words: "2 windows" of a job at work, "2 of 3 windows" of one that has ended.

    Of work that is not done in windows, it is the seconds: "4.1 s"; of pictures, how many: "2 images".
    """
    if job.in_pictures:
        numbers = {"kept": job.kept_windows, "all": job.params["count"]}
        if job.is_ended:
            return ngettext("%(kept)d of %(all)d image", "%(kept)d of %(all)d images", numbers["all"]) % numbers
        return ngettext("%(kept)d image", "%(kept)d images", job.kept_windows) % numbers
    if not job.windows:
        return _("%.1f s") % job.kept_seconds
    numbers = {"kept": job.kept_windows, "windows": job.windows}
    if job.is_ended:
        return ngettext("%(kept)d of %(windows)d window", "%(kept)d of %(windows)d windows", job.windows) % numbers
    return ngettext("%(kept)d window", "%(kept)d windows", job.kept_windows) % numbers


@register.filter
def detail(job: Generation) -> str:
    """What a running job is at: "Window 1 of 2, step 3 of 4, about 20 s left"; empty between its stages."""
    if job.in_pictures:
        return _of_pictures(job)
    if job.stop_requested_at:
        return _("%.1f s kept") % job.kept_seconds
    windows = {"number": job.window, "all": job.windows}
    window = _("Window %(number)d of %(all)d") % windows if job.windows and job.stage not in ONE_PIECE else ""
    if job.stage == "decoding" and job.windows > 1:
        return window
    if job.stage == job.LOADING and job.seconds_left:
        return _("About %s left") % duration(job.seconds_left)
    if job.stage in (job.WAITING, job.LOADING, job.ENCODING, "decoding", "listening"):
        return ""
    steps = {"number": job.step, "all": job.steps}
    frame = _("frame %(number)d of %(all)d")
    words = dict.fromkeys(("upscaling", "grading", "tracking", "syncing", "talking"), frame)
    words |= dict.fromkeys(("speaking", "voicing"), _("%(number)d of %(all)d sentences"))
    step = words.get(job.stage, _("step %(number)d of %(all)d")) % steps
    if job.stage == "speaking" and job.steps == 1:
        step = ""  # of a film, in which speech is a moment
    left = _("about %s left") % duration(job.seconds_left) if job.seconds_left else ""
    told = ", ".join(filter(None, [window, step, left] if job.steps else [left]))
    return told[:1].upper() + told[1:]


def _of_pictures(job: Generation) -> str:
    """What a job that makes pictures is at: "Image 2 of 4, about 5 s left"."""
    left = duration(job.seconds_left) if job.seconds_left else ""
    if job.stop_requested_at or job.stage in (job.WAITING, job.LOADING, job.ENCODING):
        return _("About %s left") % left if left and not job.stop_requested_at else ""
    place = _("Image %(number)d of %(all)d") % {"number": job.window, "all": job.windows}
    return ", ".join(filter(None, [place, _("about %s left") % left if left else ""]))


@register.filter
def any_active(jobs: Iterable[Generation]) -> bool:
    """Whether one of the jobs, or of the batches that they stand for, has not ended."""
    return any((batches.batch_of(job) or job).is_active for job in jobs)


@register.simple_tag
def batch_of(job: Generation) -> Batch | None:
    """The batch that a job stands for."""
    return batches.batch_of(job)


@register.filter
def tally(batch: Batch) -> str:
    """How far a batch is, in words: "3 of 8 done, 1 failed or cancelled"."""
    number = len(batch.jobs)
    told = ngettext("%(made)d of %(jobs)d done", "%(made)d of %(jobs)d done", number)
    if batch.is_ended and not batch.lost:
        told = ngettext("%(jobs)d job", "%(jobs)d jobs", number)
    lost = ngettext("%(lost)d failed or cancelled", "%(lost)d failed or cancelled", batch.lost)
    numbers = {"made": batch.made, "jobs": number, "lost": batch.lost}
    return ", ".join(each % numbers for each in ([told, lost] if batch.lost else [told]))
