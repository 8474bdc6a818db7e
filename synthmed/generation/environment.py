"""What a sample's bytes depend on besides its plan: threads, device, library versions, processor."""

from __future__ import annotations

import functools
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from synthmed.protocols import Generator

THREADS = 1
"""Threads of each worker on a CPU. One thread a worker gives the most samples a second, and bytes depend on it."""

_PACKAGES = ("synthmed", "numpy", "pillow", "pyarrow")


@functools.cache
def environment(packages: tuple[str, ...] = (), device: str = "cpu") -> dict[str, Any]:
    """The environment fields of a plan. Two runs whose environments are equal make equal bytes from equal plans.

    Args:
        packages: the distributions that the generator's bytes depend on besides the engine's own.
    """
    import numpy as np
    from PIL import features

    versions = {name: version(name) for name in (*_PACKAGES, *packages)}
    versions["python"] = platform.python_version()
    versions["zlib"] = str(features.version("zlib"))
    fields: dict[str, Any] = {
        "threads": THREADS,
        "device": device.partition(":")[0],
        "dtype": "float32",
        "backend": "numpy",
        "processor": platform.machine(),
        "cpu_capability": " ".join(np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])),
        "versions": versions,
    }
    if "torch" in packages:
        import torch

        fields["backend"] = "torch"
        fields["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
        if fields["device"] == "cuda":
            fields["processor"] = torch.cuda.get_device_name(device)
    return fields


def device_for(generator: Generator) -> str:
    """``cuda`` where there is a GPU and the generator can go there, else ``cpu``."""
    if "torch" not in generator.packages or not hasattr(generator, "to"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def worker_threads() -> Iterator[None]:
    """Compute inside with a worker's number of threads, so that what is made in this process equals a worker's.

    Enter it after the model is loaded: it limits the libraries that are loaded by then.
    """
    from threadpoolctl import threadpool_limits

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else THREADS
    try:
        if torch:
            torch.set_num_threads(THREADS)
        with threadpool_limits(THREADS):
            yield
    finally:
        if torch:
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
