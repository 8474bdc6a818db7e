"""What several processes must do together; with one, nothing."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist


def gather(tensor: torch.Tensor) -> torch.Tensor:
    """The rows of all processes' tensors, in the order of the processes: (B, ...) to (processes × B, ...).

    Gradients flow back to every process's rows. A contrastive loss needs it: each process computes the whole loss of
    the gathered rows; the mean that DistributedDataParallel takes of the gradients is then the whole loss's gradient.
    Every process must give as many rows. In one process the tensor itself.
    """
    if processes() == 1:
        return tensor
    rows: torch.Tensor = _Gather.apply(tensor)
    return rows


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def anywhere(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set in any process; all processes get the same answer and must ask together."""
    if processes() == 1:
        return flag
    flags = torch.tensor(float(flag), device=device)
    dist.all_reduce(flags, op=dist.ReduceOp.MAX)
    return bool(flags.item())


class _Gather(torch.autograd.Function):
    """torch.distributed.nn has this, but is deprecated from torch 2.14 on, and its successor is not in 2.4."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(processes())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        # Each process's loss depends on every process's rows: their gradients add up.
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(processes())[dist.get_rank()]
