"""What helps after an error: the button that a failed job, or a refusal, is shown with."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.billing.plans import connected
from apps.library.models import Generation
from apps.tools import registry

# The field of the form that most likely helps, by the error's code; "" where it cannot be told.
CHANGED: dict[str, tuple[str, ...]] = {
    "validation_failed": (),
    "invalid_frames": ("num_frames",),
    "generation_timeout": ("num_frames",),
    "out_of_memory": ("num_frames",),
    "memory_short": ("base_num_frames", "num_frames"),
    "upscale_refused": ("factor",),
    "ranks_unfit": (),
    "invalid_file": ("@input",),
    "file_too_large": ("@input",),
    "input_missing": ("@input",),
}
MODELS = ("model_not_ready", "model_unknown", "model_unreleased", "model_absent", "model_broken")
LABELS = {
    "num_frames": gettext_lazy("Make it shorter"),
    "base_num_frames": gettext_lazy("Choose a shorter window"),
    "factor": gettext_lazy("Choose another size"),
    "model_id": gettext_lazy("Choose another model"),
}


@dataclass(frozen=True, slots=True)
class Fix:
    """A way out: `label` on a button that leads to `url`. `again` posts there, which starts a new job."""

    label: str
    url: str
    again: bool = False


def fix_of(job: Generation) -> Fix | None:
    """Return what helps a job that failed or was cancelled; None when its tool is gone."""
    tool = registry.get(job.tool)
    if tool is None:
        return None
    code = job.error_code if job.status == Generation.Status.FAILED else ""
    if code == "insufficient_credits":
        return Fix(_("Get credits"), reverse(_where_credits_are()))
    if code == "payment_overdue":
        return Fix(_("Billing"), reverse("billing:billing"))
    if code == "prerequisite_failed":
        lost = job.waits_for.filter(status__in=(Generation.Status.FAILED, Generation.Status.CANCELLED)).first()
        if lost:
            return Fix(_("Open the other job"), lost.get_absolute_url())
    fields = tool.form_class.base_fields
    settings = f"{tool.get_absolute_url()}?from={job.pk}"
    if code in MODELS and "model_id" in fields:
        return Fix(str(LABELS["model_id"]), f"{settings}#id_model_id")
    if code in CHANGED:
        asked = [tool.inputs[0] if name == "@input" and tool.inputs else name for name in CHANGED[code]]
        field = next((name for name in asked if name in fields), "")
        label = _("Choose another file") if field in tool.inputs else LABELS.get(field, _("Change the settings"))
        return Fix(str(label), f"{settings}#id_{field}" if field else settings)
    return Fix(_("Try again"), reverse("tools:again", args=[job.pk]), again=True)


def way_out(code: str) -> Fix | None:
    """Return what helps after a refusal that is told in a toast, if a page does."""
    ways = {
        "insufficient_credits": (_("Get credits"), _where_credits_are()),
        "payment_overdue": (_("Billing"), "billing:billing"),
        "not_in_plan": (_("See the plans"), "billing:pricing"),
        "storage_full": (_("Open the library"), "library:library"),
        "too_many_jobs": (_("See what is running"), "tools:activity"),
    }
    return Fix(ways[code][0], reverse(ways[code][1])) if code in ways else None


def _where_credits_are() -> str:
    """Return the name of the page on which credits are to be had: bought, or asked for."""
    return "billing:billing" if connected() else "billing:credits"
