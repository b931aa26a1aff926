"""What pages say about a job's tool, and what its assets are to other tools."""

from django import template

from apps.library.models import Asset, Generation, GenerationInput
from apps.tools import registry, services
from apps.tools.registry import Stoppable, Timeline

register = template.Library()


@register.filter
def terms(job: Generation) -> str:
    """What a stop now keeps, and what it costs: "keep 4.1 s, pay 50 of 60 credits"."""
    price = f", pay {services.price_if_stopped(job)} of {job.cost} credits" if job.cost else ""
    return f"keep {job.kept_seconds:.1f} s{price}"


@register.filter
def can_stop(job: Generation) -> bool:
    """Whether `stop` keeps what is finished: more is to come and no stop was asked for, or the job is OFFERED."""
    # Work that is not done in windows tells its frames as steps.
    more = job.kept_windows < job.windows if job.windows else job.kept_frames < job.steps
    undecided = job.status == job.Status.OFFERED or (more and not job.stop_requested_at)
    return job.is_watchable and undecided and isinstance(services.tool_of(job), Stoppable)


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
def label(given: GenerationInput) -> str:
    """How the tool's page calls an input of a job: "First frame"."""
    tool = services.tool_of(given.generation)
    field = tool.asset_fields.get(given.name) if tool else None
    return str((field.label if field else None) or given.name.replace("_", " ").capitalize())


@register.simple_tag
def before(job: Generation) -> Asset | None:
    """What the result is compared with: an input of the same kind that is still in the library."""
    tool = registry.get(job.tool)
    given = next((each for each in job.inputs.all() if tool and each.name == tool.compares), None)
    found = given.found if given else None
    return found if found and job.asset and found.kind == job.asset.kind else None
