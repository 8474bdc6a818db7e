"""Which shards one of many machines makes, from ``a:b`` or from what SLURM and torchrun tell each process."""

from __future__ import annotations

import re
from collections.abc import Mapping

from synthmed.errors import UserError

_RANKS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
_ARRAY = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_STEP")


def parse_shards(text: str, shards: int) -> range:
    """``a:b`` (b excluded; either may be left out) within ``shards``.

    Raises:
        UserError: not of that form, or empty.
    """
    match = re.fullmatch(r"(\d*):(\d*)", text.strip())
    if match is None:
        raise UserError(f"--shards {text}: write a:b, as in --shards 0:50 (b is left out of the range)")
    start, stop = int(match[1] or 0), min(int(match[2] or shards), shards)
    if start >= stop:
        raise UserError(f"--shards {text}: no shard in it; this plan has shards 0:{shards}")
    return range(start, stop)


def ranked_shards(environment: Mapping[str, str], shards: int) -> range:
    """This process's share of the shards: all of them unless the environment names a rank among several.

    A SLURM array and the tasks of each of its jobs multiply. Shares are contiguous, and empty for surplus ranks.
    """
    rank, world = 0, 1
    for rank_name, world_name in _RANKS:
        if rank_name in environment and world_name in environment:
            rank, world = _number(environment, rank_name), _number(environment, world_name)
            break
    if all(name in environment for name in _ARRAY[:3]):
        job, first, jobs = (_number(environment, name) for name in _ARRAY[:3])
        step = _number(environment, _ARRAY[3]) if _ARRAY[3] in environment else 1
        rank, world = (job - first) // max(step, 1) * world + rank, world * jobs
    if not 0 <= rank < world:
        raise UserError(
            f"rank {rank} of {world} processes, as RANK/WORLD_SIZE or SLURM_* say: unset them, or give --shards"
        )
    return range(shards * rank // world, shards * (rank + 1) // world)


def _number(environment: Mapping[str, str], name: str) -> int:
    try:
        return int(environment[name])
    except ValueError:
        raise UserError(f"{name}={environment[name]} is not a number; unset it, or give --shards") from None
