"""The scripts in benchmarks/medart, which are no package, as modules."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks" / "medart"))
