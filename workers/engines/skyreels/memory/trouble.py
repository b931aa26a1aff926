"""What went wrong on a device: too little memory, which another way of running may help, or a card that is lost."""

from __future__ import annotations

import torch

SHORT = ("out of memory", "alloc_failed", "can't allocate memory", "not enough memory")
LOST = ("cuda error", "cudnn_status_execution_failed", "cublas_status_execution_failed", "device-side assert")


def out_of_memory(error: BaseException) -> bool:
    """True where an allocation failed, on the card or in the host's memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in SHORT)


def lost_card(error: BaseException) -> bool:
    """True where the process's connection to its card is broken: all that it computes there fails from now on."""
    if out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.AcceleratorError) or any(words in str(error).lower() for words in LOST)
