"""Words about jobs and files that several pages show."""

from django import template

from apps.library.models import Asset, Generation

register = template.Library()


@register.filter
def facts(asset: Asset) -> str:
    """How large and how long a file is: "96 × 64 · 1.0 s"; of a sound, only how long."""
    sides = f"{asset.width} × {asset.height}" if asset.width else ""
    return " · ".join(filter(None, [sides, f"{asset.seconds:.1f} s" if asset.seconds else ""]))


@register.filter
def duration(seconds: float) -> str:
    """A time as one says it, in seconds up to a minute and a half and in minutes beyond: "45 s", "3 min"."""
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


@register.filter
def detail(job: Generation) -> str:
    """What a running job is at: "Window 1 of 2, step 3 of 4, about 20 s left"; empty between its stages."""
    if job.stop_requested_at:
        return f"{job.kept_seconds:.1f} s of film"
    window = f"Window {job.window} of {job.windows}"
    if job.stage == job.Stage.DECODING and job.windows > 1:
        return window
    if job.stage != job.Stage.DENOISING:
        return ""
    steps = [window, f"step {job.step} of {job.steps}"] if job.steps else []
    left = f"about {duration(job.seconds_left)} left" if job.seconds_left else ""
    return ", ".join(filter(None, [*steps, left]))
