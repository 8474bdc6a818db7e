"""What one run of ``synthmed caption`` is asked to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthmed.errors import UserError

Mode = Literal["full", "simple", "empty"]
MODES: tuple[Mode, ...] = ("full", "simple", "empty")


@dataclass(frozen=True)
class Settings:
    """The pictures, the back end, and the table.

    Attributes:
        images: a source's folder, or one image file.
        out: the table; None is ``metadata.csv`` in that folder. Where folders are splits, one table serves this
            project's `ImageFolder`, but Hugging Face's own reader wants a run, and a table, for each split's folder.
        source, source_options: how the folder is read; see ``synthmed ls sources``.
        domain: a name or a YAML file; "" takes the modality's.
        describer, describer_options: the back end, ``name=value`` each.
        mode: ``full`` captions, ``simple`` class sentences alone, or ``empty`` ones: the paper's ablations.
        labels: see `synthmed.medart.captions.labels.label_reader`.
        seed: of all pictures' seeds.
        per_minute: pictures at most; 0 is no limit.
        batch: pictures that the back end gets at once.
        limit: the first so many pictures; 0 is all.
        copy: write each picture as a PNG into ``images/`` beside the table, so that the folder stands alone.
        overwrite: replace a table that is not this run's.

    Raises:
        UserError: a value is out of its range.
    """

    images: Path
    out: Path | None = None
    source: str = "folder"
    source_options: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""
    describer: str = "embedded"
    describer_options: Sequence[str] = ()
    mode: Mode = "full"
    labels: str = ""
    seed: int = 0
    per_minute: float = 0.0
    batch: int = 8
    limit: int = 0
    copy: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(f"--mode {self.mode!r}: {', '.join(MODES)}")
        if self.batch < 1:
            raise UserError(f"--batch {self.batch}: must be 1 or more")
        if not 0 <= self.per_minute < float("inf"):
            raise UserError(f"--per-minute {self.per_minute}: must be 0 (no limit) or more")
        if self.limit < 0:
            raise UserError(f"--limit {self.limit}: must be 0 (all) or more")
        if not self.images.exists():
            raise UserError(f"{self.images}: there is no such folder or file")
        if self.table.is_dir():
            raise UserError(f"{self.table}: is a folder; name a CSV file with --out")

    @property
    def table(self) -> Path:
        """The table's path."""
        folder = self.images if self.images.is_dir() else self.images.parent
        return self.out or folder / "metadata.csv"
