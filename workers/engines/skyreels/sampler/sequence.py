"""Several devices on one window: every rank denoises the same window and computes its part of the tokens.

Ulysses (DeepSpeed, arXiv:2309.14509): the sequence is split over the ranks everywhere except inside self-attention,
where each rank sees the whole sequence for its share of the heads. Two ways to exchange them: `native`, diffusers'
context parallel code, on CPUs (gloo) and cards (nccl); and `xfuser` (arXiv:2411.01738), which the official script uses,
on cards.

Ring attention is left out: diffusers' needs sums that the plain attention does not return, and yunchang's differed.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from workers.base import EngineError
from workers.engines.skyreels.request.execution import backend, refuse_unfit

# [B, L, heads, head] each, the answer like the query.
Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

# How long a rank waits for another one before it gives up: longer than any step, decode or load of another rank.
PATIENCE = timedelta(minutes=30)


class SequenceParallel(ABC):
    """The ranks of this process group and this one's place among them; `name` is the backend's."""

    name: str

    def __init__(self, device: torch.device) -> None:
        """Take the group that torch.distributed has been initialised with; `device` is this rank's own."""
        from diffusers import ContextParallelConfig
        from diffusers.models._modeling_parallel import ParallelConfig

        self.device = device
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        # Not through `enable_parallelism`: it divides by the number of accelerators, and can be called only once.
        mesh = dist.device_mesh.init_device_mesh(device.type, (1, self.size), mesh_dim_names=("ring", "ulysses"))
        self.config = ContextParallelConfig(ulysses_degree=self.size, mesh=mesh)
        self.parallel = ParallelConfig(context_parallel_config=self.config)
        self.parallel.setup(self.rank, self.size, device, mesh=mesh)

    @abstractmethod
    def prepare(self, heads: int, tokens: int) -> None:
        """Get ready for a model of so many heads and a window of so many tokens; raises EngineError("ranks_unfit")."""

    @abstractmethod
    def attention(self, kernel: Kernel, causal: bool) -> Kernel:
        """Return attention over the whole sequence for a rank that has a part of it; `kernel` computes it in one piece.

        Raises EngineError("ranks_unfit") where `causal` attention cannot be shared.
        """

    @contextmanager
    def split(self, transformer: Any, tokens: int, forcing: bool) -> Iterator[None]:
        """Let a rank compute its part of the `tokens` of a window inside; the answer is whole on every rank.

        `forcing` says that each latent has its own noise level. Self-attention is exchanged by `attention`; attention
        to the words is not, as every rank has all of them. Raises EngineError("ranks_unfit").
        """
        from diffusers.hooks.context_parallel import apply_context_parallel, remove_context_parallel

        self.prepare(int(transformer.config.num_attention_heads), tokens)
        plan = _plan(forcing)
        apply_context_parallel(transformer, self.config, plan)
        # Not at `proj_out`, as in diffusers' plan for Wan: shift and scale after `norm_out` have one entry for each
        # token of the whole sequence.
        end = transformer.norm_out.register_forward_hook(lambda module, given, part: self.gather(part, tokens))
        # A rank's part may begin and end within a frame, so its tokens do not stand in rows (memory/transformer.py).
        transformer.rows = False
        try:
            yield
        finally:
            transformer.rows = True
            end.remove()
            remove_context_parallel(transformer, plan)

    def gather(self, part: torch.Tensor, tokens: int) -> torch.Tensor:
        """Return the whole sequence [B, tokens, D] from this rank's `part` [B, L, D]; the first may have one more.

        diffusers' own way takes parts of unequal length only on cards.
        """
        longest = -(-tokens // self.size)
        part = torch.nn.functional.pad(part, (0, 0, 0, longest - part.shape[1])).contiguous()
        parts = [torch.empty_like(part) for _ in range(self.size)]
        dist.all_gather(parts, part)
        lengths = [tokens // self.size + (rank < tokens % self.size) for rank in range(self.size)]
        return torch.cat([found[:, :length] for found, length in zip(parts, lengths, strict=True)], dim=1)

    def decide(self, decision: bool) -> bool:
        """Return what rank 0 decided, on every rank; all ranks have to ask at the same time."""
        flag = torch.tensor([decision])
        dist.broadcast(flag, src=0)
        return bool(flag)


class Native(SequenceParallel):
    """diffusers' context parallel code: any number of tokens, and heads that do not divide where `fits` allows."""

    name = "native"

    def prepare(self, heads: int, tokens: int) -> None:
        """Choose the exchange of equal parts where everything divides: the other one has to tell sizes each time."""
        refuse_unfit(heads, tokens, self.size)
        self.config.ulysses_anything = bool(heads % self.size or tokens % self.size)

    def attention(self, kernel: Kernel, causal: bool) -> Kernel:
        """Exchange sequence for heads around `kernel`, which may be causal."""
        from diffusers.models.attention_dispatch import _templated_context_parallel_attention

        def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = _templated_context_parallel_attention(
                query,
                key,
                value,
                forward_op=lambda _, q, k, v, *args, **options: kernel(q, k, v),
                backward_op=None,
                _parallel_config=self.parallel,
            )
            return answer

        return attend


class Xfuser(SequenceParallel):
    """xfuser's attention (https://github.com/xdit-project/xDiT), called as the official script calls it.

    Raises EngineError("ranks_backend") where xfuser cannot be imported: it needs a card and triton.
    """

    name = "xfuser"

    def __init__(self, device: torch.device) -> None:
        self._check()
        super().__init__(device)
        self.exchange = self._exchange()

    def _check(self) -> None:
        try:
            import xfuser  # noqa: F401
        except (ImportError, NotImplementedError, RuntimeError) as error:
            raise EngineError("ranks_backend", "xfuser does not run here: choose the native backend.") from error

    def _exchange(self) -> Kernel:
        from xfuser.core import distributed
        from xfuser.core.long_ctx_attention import xFuserLongContextAttention
        from yunchang.kernels import AttnType

        distributed.init_distributed_environment(self.size, self.rank, local_rank=self.device.index or 0)
        distributed.initialize_model_parallel(
            sequence_parallel_degree=self.size, ring_degree=1, ulysses_degree=self.size
        )
        if (distributed.get_sequence_parallel_rank(), distributed.get_sequence_parallel_world_size()) != (
            self.rank,
            self.size,
        ):
            raise EngineError("ranks_backend", "xfuser counts the devices in another order: choose the native backend.")
        flash = AttnType.FA if find_spec("flash_attn") else AttnType.TORCH_FLASH
        attention = xFuserLongContextAttention(attn_type=flash)
        return lambda query, key, value: attention(None, query=query, key=key, value=value)

    def prepare(self, heads: int, tokens: int) -> None:
        """Refuse what xfuser's exchange of equal parts cannot do."""
        refuse_unfit(heads, tokens, self.size, even=True)

    def attention(self, kernel: Kernel, causal: bool) -> Kernel:
        """Leave all of it to xfuser; `kernel` is not used."""
        if causal:
            text = "Causal attention on several devices needs the native backend."
            raise EngineError("ranks_unfit", text)
        return self.exchange


BACKENDS: dict[str, type[SequenceParallel]] = {backend.name: backend for backend in (Native, Xfuser)}


def join(meeting: Path) -> SequenceParallel:
    """Join the group that torchrun has started this process for, on this rank's card or on the CPU.

    `meeting` is a file through which the ranks find each other; it is made, and has to stay as long as they do.
    `CINEVIVID_SEQUENCE_PARALLEL` names the backend, "native" without it. Raises EngineError("ranks_backend") for one
    that is unknown or cannot run here.
    """
    name = backend()
    if name not in BACKENDS:
        raise EngineError("ranks_backend", f"There is no sequence parallel backend {name}.")
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = dist.FileStore(str(meeting), size)  # type: ignore[attr-defined]
    store.set_timeout(PATIENCE)
    # gloo beside nccl: decisions and sizes travel without a stop of the card.
    kinds = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(kinds, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    return BACKENDS[name](device)


def _plan(forcing: bool) -> dict[str, Any]:
    """Say where the transformer's tokens are split."""
    from diffusers.models._modeling_parallel import ContextParallelInput

    turns = ContextParallelInput(split_dim=1, expected_dims=4, split_output=True)
    plan: dict[str, Any] = {
        "rope": {0: turns, 1: turns},
        "blocks.0": {"hidden_states": ContextParallelInput(split_dim=1, expected_dims=3)},
    }
    if forcing:
        plan["blocks.*"] = {"temb": ContextParallelInput(split_dim=2, expected_dims=4)}
    return plan
