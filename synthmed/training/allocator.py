"""Memory that the C library keeps between steps, where a run computes on a CPU."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # <malloc.h>
_LARGE = 2**30


def keep_freed_memory() -> bool:
    """Have glibc reuse what tensors free, and not give it back to the system after each step.

    Each step frees gradients and activations and asks for the same again. By default glibc returns the end of its heap,
    and every large block by itself, and the system then hands out zeroed pages anew: of `benchmarks/training/loop.py`'s
    network, 4,600 a step, and 5 % of its time. The setting holds for the process, until it ends.

    Returns:
        Whether the C library is glibc and took it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    taken = [mallopt(option, ctypes.c_int(_LARGE)) == 1 for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD)]
    return all(taken)
