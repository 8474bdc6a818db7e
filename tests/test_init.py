from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import synthmed


def test_importing_synthmed_imports_nothing_heavy() -> None:
    heavy = ("torch", "monai", "numpy", "pydantic", "fsspec")
    code = f"import synthmed, sys; dir(synthmed); print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"


def test_public_names_are_there_and_no_others() -> None:
    assert (
        set(dir(synthmed))
        == set(synthmed.__all__)
        == {
            *("SyntheticDataset", "Sample", "Box", "load_model", "generate", "collate", "mix", "Generator", "Request"),
            "__version__",
        }
    )
    for name in synthmed.__all__:
        assert getattr(synthmed, name) is not None
    assert synthmed.__version__ == version("synthmed")
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        synthmed.torch  # noqa: B018
    with pytest.raises(ImportError):
        from synthmed import nonsense  # type: ignore[attr-defined]  # noqa: F401
