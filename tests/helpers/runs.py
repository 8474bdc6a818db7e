"""What tests of training runs share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[..., dict[str, Any]]
"""Makes a recipe's keys and values; see the fixture ``recipe`` of tests/medm2g/training."""


def hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file in a folder, by relative path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
