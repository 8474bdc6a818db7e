"""What a run's figures depend on besides its suite and data."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

_PACKAGES = ("synthmed", "torch", "monai", "torchio", "numpy", "scipy", "scikit-learn")


def environment() -> dict[str, Any]:
    """Versions, threads and the kind of processor; no host and no path."""
    import torch

    return {
        "versions": {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}},
        "threads": 1,
        "processor": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
