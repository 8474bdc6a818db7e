"""What a sample's bytes depend on besides its plan: threads, device, library versions, processor."""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

THREADS = 1
"""Threads of each worker on a CPU. One thread a worker gives the most samples a second, and bytes depend on it."""

_PACKAGES = ("synthmed", "torch", "numpy", "scipy", "diffusers", "transformers", "pillow", "pyarrow", "webdataset")


@functools.cache
def environment(device: str = "cpu") -> dict[str, Any]:
    """The environment fields of a plan. Two runs whose environments are equal make equal bytes from equal plans."""
    import torch
    from PIL import features

    versions = {name: version(name) for name in _PACKAGES}
    versions["python"] = platform.python_version()
    versions["zlib"] = str(features.version("zlib"))
    processor = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    return {
        "threads": THREADS,
        "device": device.partition(":")[0],
        "dtype": "float32",
        "backend": "torch",
        "processor": processor,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "versions": versions,
    }


def device_for(generator: object) -> str:
    """``cuda`` where there is a GPU and the generator can go there (it has a ``to``), else ``cpu``."""
    import torch

    return "cuda" if hasattr(generator, "to") and torch.cuda.is_available() else "cpu"


@contextmanager
def worker_threads() -> Iterator[None]:
    """Compute inside with a worker's number of threads, so that what is made in this process equals a worker's."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with threadpool_limits(THREADS):
            yield
    finally:
        torch.set_num_threads(before)


def difference(planned: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Where two environments differ: dotted name to [planned, here]; empty where they are equal."""
    a, b = _flat(planned), _flat(here)
    return {name: [a.get(name), b.get(name)] for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value})
    return flat
