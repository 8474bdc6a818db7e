"""Synthetic medical data: train a generator, make paired datasets, and measure whether they help."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthmed.generation.collate import collate
    from synthmed.generation.dataset import SyntheticDataset
    from synthmed.generation.mix import mix
    from synthmed.generation.sugar import generate
    from synthmed.load import load_model
    from synthmed.protocols import Generator, Request
    from synthmed.sample import Box, Sample

__all__ = [
    "Box",
    "Generator",
    "Request",
    "Sample",
    "SyntheticDataset",
    "__version__",
    "collate",
    "generate",
    "load_model",
    "mix",
]

_HOMES = {
    "Box": "synthmed.sample",
    "Generator": "synthmed.protocols",
    "Request": "synthmed.protocols",
    "Sample": "synthmed.sample",
    "SyntheticDataset": "synthmed.generation.dataset",
    "collate": "synthmed.generation.collate",
    "generate": "synthmed.generation.sugar",
    "load_model": "synthmed.load",
    "mix": "synthmed.generation.mix",
}


def __getattr__(name: str) -> Any:
    # PEP 562: torch and MONAI take seconds to import, which `synthmed --help` need not wait for.
    if name == "__version__":
        return version("synthmed")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
