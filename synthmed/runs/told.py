"""What a run's stages say of themselves, in ``--dry-run`` and in the model's card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthmed.training.records import last_losses, read_done


def stages_card(folders: Sequence[Path]) -> dict[str, Any]:
    """Finished stages, for the model's card.

    Returns:
        ``stages``, with the name, steps and last losses of each, and ``networks``, the outside ones that taught.
    """
    known = [read_done(folder) or {} for folder in folders]
    stages = [
        {"name": folder.name, "steps": done["step"], **last_losses(folder)}
        for folder, done in zip(folders, known, strict=True)
    ]
    return {"stages": stages, "networks": sorted({name for done in known for name in done.get("networks", ())})}


def steps_done(folder: Path) -> str:
    """How far a stage is, in words; ``""`` for one that has not begun."""
    done = read_done(folder)
    if done is not None:
        return f"all {done['step']}"
    # Only looked at: another process may be writing there.
    names = [place.name.removeprefix("step-") for place in (folder / "checkpoints").glob("step-*")]
    steps = [int(name) for name in names if name.isdigit()]
    return f"{max(steps)} steps" if steps else ""
