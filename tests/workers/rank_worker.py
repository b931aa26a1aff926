"""A worker with two ranks at work, for a test that kills it: prints the ids of its processes and goes on."""

from tests.workers.conftest import tiny_spec
from workers.engines.skyreels.engine import SkyReelsEngine
from workers.engines.skyreels.request.execution import Execution

told = False


def tell(progress):
    """Print the processes once the sampler is at work."""
    global told
    if progress.stage == "denoising" and not told:
        told = True
        print(*engine.group.pids.values(), engine.group._torchrun.pid, flush=True)


if __name__ == "__main__":
    engine = SkyReelsEngine(ranks_pool="tests.workers.rank_pool:pool")
    list(engine.stream(tiny_spec(num_frames=401, steps=200), tell, run=Execution(ranks=2)))
