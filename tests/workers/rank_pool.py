"""What the ranks of a test have: nano, small random models in the place of the large, and xfuser's base on CPUs."""

import os

import torch
import torch.distributed as dist

from tests.workers.conftest import I2V, T2V
from workers.engines.skyreels.memory.pool import Pool
from workers.engines.skyreels.sampler.sequence import BACKENDS, Xfuser
from workers.engines.skyreels.tiny import components

ODD_HEADS = "SkyReels-V2-DF-1.3B-540P"
ON_ONE_RANK = "SkyReels-V2-DF-14B-540P"


def pool() -> Pool:
    """Make the models of one process."""
    made = Pool()
    made.put(T2V, components("t2v"))
    made.put(I2V, components("i2v"))
    made.put(ODD_HEADS, components("df", inject=True, heads=3))
    if os.environ.get("RANK") == "0":
        made.put(ON_ONE_RANK, components("df"))
    return made


class Yunchang(Xfuser):
    """The xfuser backend with the class that xfuser's attention is derived from, which runs on CPUs."""

    name = "yunchang"

    def _check(self):
        pass

    def _exchange(self):
        from yunchang import LongContextAttention, set_seq_parallel_pg
        from yunchang.kernels import AttnType

        set_seq_parallel_pg(self.size, 1, dist.get_rank(), self.size)
        attention = LongContextAttention(attn_type=AttnType.TORCH_MATH)
        return lambda query, key, value: attention(*(t.contiguous() for t in (query, key, value))).to(torch.float32)


BACKENDS[Yunchang.name] = Yunchang
