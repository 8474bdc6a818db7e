"""The real data that some tests look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("SYNTHMED_SHARED_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data").resolve()
real = pytest.mark.skipif(not ROOT.is_dir(), reason=f"shared data are not here ({ROOT}); set SYNTHMED_SHARED_DATA")
