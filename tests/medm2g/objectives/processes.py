"""A process of two: ``python -m medm2g.objectives.processes RANK FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from medm2g.objectives.encoders import batch, image_encoder, projector, text_encoder
from safetensors.torch import save_file

from synthmed.medm2g.objectives.alignment import AlignmentObjective
from synthmed.training.objective import set_training


def gradients(rows: slice) -> dict[str, torch.Tensor]:
    """Of the loss of some rows of the batch, with the batch norm's statistics."""
    objective = AlignmentObjective(text_encoder(), image_encoder(), projector_b=projector())
    set_training(objective)
    inputs = {
        name: {key: part[rows] for key, part in value.items()} if isinstance(value, dict) else value[rows]
        for name, value in batch().items()
    }
    losses = objective(inputs, torch.Generator())
    losses["loss"].backward()
    found = {name: value.grad for name, value in objective.named_parameters() if value.grad is not None}
    return found | dict(objective.named_buffers()) | {"loss": losses["loss"].detach()}


if __name__ == "__main__":
    rank, folder = int(sys.argv[1]), Path(sys.argv[2])
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    mine = gradients(slice(4 * rank, 4 * rank + 4))
    for tensor in mine.values():  # the mean over processes, as DistributedDataParallel takes it
        if tensor.is_floating_point():
            dist.all_reduce(tensor)
            tensor /= 2
    if rank == 0:
        save_file({name: tensor.contiguous() for name, tensor in mine.items()}, folder / "two.safetensors")
    dist.destroy_process_group()
