"""A batch as its owner sees it: jobs that one form has asked for, as one thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from apps.library.models import Asset, Generation, Group

Status = Generation.Status
# The state of the whole is the first of these that one of its jobs has: at work before done, made before lost.
ORDER = (
    *(Status.RUNNING, Status.OFFERED, Status.QUEUED, Status.WAITING),
    *(Status.SUCCEEDED, Status.FAILED, Status.CANCELLED),
)
MOSAIC = 9  # places on the card of a batch


@dataclass(frozen=True)
class Batch:
    """A group with those of its jobs that are not in the trash, in their order."""

    group: Group
    jobs: Sequence[Generation]

    @cached_property
    def status(self) -> str:
        found = {job.status for job in self.jobs}
        return next((status for status in ORDER if status in found), Status.CANCELLED)

    @property
    def is_active(self) -> bool:
        return any(job.is_active for job in self.jobs)

    @property
    def is_ended(self) -> bool:
        return not self.is_active

    @property
    def face(self) -> Generation:
        """The first job, which stands for all of them where one is needed."""
        return self.jobs[0]

    @cached_property
    def made(self) -> int:
        return sum(job.status == Status.SUCCEEDED for job in self.jobs)

    @cached_property
    def lost(self) -> int:
        return sum(job.status in (Status.FAILED, Status.CANCELLED) for job in self.jobs)

    @property
    def cost(self) -> int:
        return sum(job.cost for job in self.jobs)

    @property
    def percent(self) -> int:
        """How much is done, 0-100: what has ended counts as done, and each as much as it costs."""
        parts = [(max(1, job.cost), 100 if job.is_ended else job.percent) for job in self.jobs]
        return sum(weight * done for weight, done in parts) // max(1, sum(weight for weight, _ in parts))

    @property
    def ids(self) -> str:
        """The ids of its jobs, as a form sends them."""
        return ",".join(str(job.pk) for job in self.jobs)

    @cached_property
    def files(self) -> list[Asset | None]:
        """Its files, those finished first in front, and None for each that is still to come; at least one place."""
        finished = sorted(filter(lambda job: job.finished_at, self.jobs), key=attrgetter("finished_at"))
        coming = sum(int(job.params.get("count") or 1) for job in self.jobs if job.is_active)
        return [*(asset for job in finished for asset in job.assets.all()), *[None] * coming] or [None]

    @property
    def pictures(self) -> list[Asset | None]:
        """The files that its card has places for."""
        return self.files[:MOSAIC]

    @property
    def more(self) -> int:
        """How many files its card has no place for."""
        return max(0, len(self.files) - MOSAIC)


def batch_of(job: Generation) -> Batch | None:
    """Return the batch that a job stands for or belongs to; None for a job alone, or one of another kind of group."""
    if not job.group_id or job.group is None or not job.group.is_batch:
        return None
    jobs = getattr(job.group, "shown", None)  # of `with_batches`
    if jobs is None:
        jobs = list(job.group.generations.filter(deleted_at=None).with_assets().order_by("created_at", "pk"))
    return Batch(job.group, jobs) if jobs else None
