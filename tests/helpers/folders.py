"""What tests ask of a dataset's folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def shard_hashes(folder: Path) -> dict[str, str]:
    """sha256 of all that must be a function of the plan: every file but stats.json, which holds times."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if not path.name.endswith(".stats.json")
    }


def flaky_model(folder: Path, fault: str, times: int = 1) -> Path:
    """A model folder of the test plugin's ``flaky``."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "flaky", "fault": fault, "times": times}))
    return folder
