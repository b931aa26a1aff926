"""What pages say about a job's tool, and what its assets are to other tools."""

import math
from typing import Any
from urllib.parse import urlencode

from django import forms, template
from django.template import Context
from django.utils.choices import flatten_choices
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.library.models import Asset, Generation, GenerationInput
from apps.library.templatetags.cards import duration, kept
from apps.tools import fixes, registry, services, starting
from apps.tools.fields import VoiceField
from apps.tools.help import label_of
from apps.tools.line import Line, Place
from apps.tools.registry import Quote, Stoppable, Timeline
from apps.voices import services as voices

register = template.Library()
ABOUT_NOW = 3.0  # seconds
VARIED, SEEDS = 1000, 2**31  # how far away the seeds of variations are, and how many there are


@register.filter
def terms(job: Generation) -> str:
    """What a stop now keeps, and what it costs: "keep 4.1 s, pay 50 of 60 credits"."""
    numbers = {"seconds": job.kept_seconds, "price": services.price_if_stopped(job), "cost": job.cost}
    if job.in_pictures:
        return _("keep %(kept)s, pay %(price)s of %(cost)s credits") % (numbers | {"kept": kept(job)})
    tool = services.tool_of(job)
    if size := tool.size(job.params) if tool and job.params.get("finish") else None:
        # What is stopped is not enlarged.
        sized = numbers | {"size": " × ".join(map(str, size))}
        if job.cost:
            return _("keep %(seconds).1f s at %(size)s, pay %(price)s of %(cost)s credits") % sized
        return _("keep %(seconds).1f s at %(size)s") % sized
    if job.cost:
        return _("keep %(seconds).1f s, pay %(price)s of %(cost)s credits") % numbers
    return _("keep %(seconds).1f s") % numbers


@register.filter
def spared(job: Generation) -> int:
    """The credits that came back because a job that was not stopped came out shorter than was expected."""
    if job.status != Generation.Status.SUCCEEDED or job.stopped_early or not (asset := job.asset):
        return 0
    return job.cost - services.price_if_made(job, asset.frames)


@register.simple_tag
def first_quote(user: User) -> Quote | None:
    """What the video costs that an account has asked for before it was confirmed."""
    return starting.quote(user, user.first_prompt) if user.first_prompt else None


@register.simple_tag(takes_context=True)
def place_of(context: Context, job: Generation) -> Place | None:
    """Where a queued job stands in line; a page has one `jobs_line` for all of them."""
    line = context.get("jobs_line") or Line()
    return line.place_of(job)


@register.filter
def in_line(place: Place | None) -> str:
    """A place in words: "Number 2 in line, starts in about 40 s"; without a time when nobody can tell."""
    if place is None:
        return ""
    if place.at_once is not None:
        return ngettext(
            "Starts after your other job: your plan makes %(count)d at once",
            "Starts after another of your jobs: your plan makes %(count)d at once",
            place.at_once,
        ) % {"count": place.at_once}
    words = _("Next in line") if place.number == 1 else _("Number %(number)s in line") % {"number": place.number}
    if place.seconds is None:
        return words
    if place.seconds < ABOUT_NOW:
        return _("%(place)s, starts in a moment") % {"place": words}
    return _("%(place)s, starts in about %(time)s") % {"place": words, "time": duration(_rounded(place.seconds))}


def _rounded(seconds: float) -> float:
    """Round an expectation to what it is worth: 5 seconds, beyond a minute 10."""
    step = 5 if seconds < 60 else 10
    return max(step, step * round(seconds / step))


@register.filter
def fix(job: Generation) -> fixes.Fix | None:
    """What helps a job that failed or was cancelled."""
    return fixes.fix_of(job)


@register.filter
def way_out(code: str) -> fixes.Fix | None:
    """What helps after a refusal."""
    return fixes.way_out(code)


@register.filter
def not_enlarged(job: Generation) -> str:
    """Where the finish that a stopped job was to have is made; empty where none is lacking."""
    tool, film, factor = registry.get("upscale"), job.asset, job.params.get("finish")
    if not (tool and film and film.file and factor and job.stopped_early):
        return ""
    return f"{tool.get_absolute_url()}?{urlencode({'source': film.pk, 'factor': factor})}"


@register.filter
def renamed(job: Generation) -> bool:
    """Whether its owner has given a job another title than its tool does."""
    return job.title != services.usual_title(job)


@register.filter
def proportion(job: Generation) -> str:
    """The shape of what a job makes, as width and height without a common divisor: "5:3"."""
    tool, asset = services.tool_of(job), job.asset
    size = (asset.width, asset.height) if asset and asset.width else tool.size(job.params) if tool else None
    if size is None or len(job.assets.all()) > 1:
        return str(job.params.get("ratio") or "1:1")
    common = math.gcd(*size)
    return f"{size[0] // common}:{size[1] // common}"


@register.filter
def can_stop(job: Generation) -> bool:
    """Whether `stop` keeps what is finished: more is to come and no stop was asked for, or the job is OFFERED."""
    # Work that is not done in windows tells its frames as steps.
    more = job.kept_windows < job.windows if job.windows else job.kept_frames < job.steps
    undecided = job.status == job.Status.OFFERED or (more and not job.stop_requested_at)
    # Parts of a window that is not whole can be seen, and are not kept.
    return job.is_watchable and job.kept_windows > 0 and undecided and isinstance(services.tool_of(job), Stoppable)


@register.filter
def shows_live(job: Generation) -> bool:
    """Whether what is finished of a job is something to see while the rest is made."""
    tool = services.tool_of(job)
    return tool is None or tool.watchable


@register.filter
def result_template(job: Generation) -> str:
    """The template that shows what a job has made; also of a job whose tool is no longer here."""
    tool = services.tool_of(job)
    return tool.result_template if tool else registry.RESULT_TEMPLATE


@register.filter
def timeline(job: Generation) -> Timeline | None:
    """The frames of a job's film and where its windows begin, as far as its tool knows them."""
    tool = services.tool_of(job)
    return tool.timeline(job) if tool else None


@register.filter
def times(line: Timeline) -> str:
    """When the windows of a film begin, in seconds: "0.000 2.125 4.125"."""
    return " ".join(f"{first / line.fps:.3f}" for first in line.windows)


@register.filter
def uses(asset: Asset) -> list[tuple[str, str]]:
    """What an asset can be to the tools: names and addresses."""
    return registry.uses(asset)


@register.filter
def variations(asset: Asset) -> str:
    """The page that makes variations of a picture; empty for one whose noise is not known."""
    job, noise = asset.generation, asset.recipe.get("noise")
    tool = services.tool_of(job) if job else None
    if not (job and noise and tool and "near" in tool.prefill):
        return ""
    # Seeds of their own, and not those of the pictures beside it.
    seed = (int(asset.recipe["params"]["seed"]) + VARIED) % SEEDS
    return f"{tool.get_absolute_url()}?{urlencode({'from': job.pk, 'near': noise, 'seed': seed, 'count': 4})}"


@register.filter
def label(given: GenerationInput) -> str:
    """How the tool's page calls an input of a job: "First frame"."""
    tool = services.tool_of(given.generation)
    field = tool.asset_fields.get(given.name) if tool else None
    return str((field.label if field else None) or given.name.replace("_", " ").capitalize())


@register.filter
def setting(job: Generation, name: str) -> str:
    """How the tool's page calls a parameter of a job: "Negative prompt"."""
    tool = services.tool_of(job)
    field = tool.form_class.base_fields.get(name) if tool else None
    if field is None:
        return _(name.replace("_", " ").capitalize())
    return str(getattr(field.widget, "counts", "") or label_of(name, field))


@register.filter
def chosen(job: Generation, name: str) -> Any:
    """The value of a parameter of a job as the tool's page calls it: "× 4" of a finish, of other values themselves."""
    tool, value = services.tool_of(job), job.params.get(name)
    field = tool.form_class.base_fields.get(name) if tool else None
    if isinstance(field, VoiceField):
        return voices.name_of(str(value))
    if not isinstance(field, forms.ChoiceField):
        return value
    choices: Any = field.choices
    titles: dict[Any, Any] = dict(flatten_choices(choices))
    return next((title for choice, title in titles.items() if str(choice) == str(value)), value)


@register.filter
def synthetic(job: Generation) -> str:
    """What is to be said of a result that could be taken for a recording; empty for others."""
    tool = registry.get(job.tool)
    return str(tool.synthetic) if tool else ""


@register.simple_tag
def before(job: Generation) -> Asset | None:
    """What the result is compared with: an input of the same kind that is still in the library."""
    tool = registry.get(job.tool)
    given = next((each for each in job.inputs.all() if tool and each.name == tool.compares), None)
    found = given.found if given else None
    return found if found and job.asset and found.kind == job.asset.kind else None
