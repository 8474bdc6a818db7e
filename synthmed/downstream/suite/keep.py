"""A run's folder: what it is of, and the cells that need not be trained again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthmed.downstream.cell import Cell
from synthmed.downstream.suite.truth_file import load_truth, save_truth
from synthmed.downstream.truth import Truth
from synthmed.errors import UserError
from synthmed.evaluation.results import read_json, write_json

SUITE = "suite.json"
FORMAT = 1
_OWN = ("cells", "rows", "synthetic")
_FILES = (SUITE, "guard.json", "results.parquet", "results.json", "report.html")
_MAX_BYTES = 2**24


@dataclass(frozen=True)
class Kept:
    """``suite.json``, ``cells/<key>.json`` and ``cells/<key>.safetensors`` with the cell's predictions."""

    out: Path

    def begin(self, about: Mapping[str, Any], *, overwrite: bool = False) -> None:
        """Make the folder this run's.

        Args:
            about: what its results depend on, as JSON.
            overwrite: drop what a run of whatever suite left there.

        Raises:
            UserError: it holds another suite's run, or files that are no run.
        """
        about = json.loads(json.dumps({"format": FORMAT, **about}))
        before = read_json(self.out / SUITE)
        if not isinstance(before, dict):
            self._refuse_strangers()
        elif overwrite:
            self._empty()
        elif changed := differences(before, about):
            listed = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            raise UserError(
                f"{self.out}: holds a run of another suite or data ({listed}); name another --out, or replace it with "
                "--overwrite"
            )
        write_json(self.out / SUITE, about)

    def load(self, key: str) -> Cell | None:
        """The cell of that key, None where it must be trained.

        Raises:
            UserError: its file is damaged, or another cell's.
        """
        path = self.out / "cells" / f"{key}.json"
        if not path.is_file() or not self._predictions(key).is_file():
            return None
        try:
            data = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= _MAX_BYTES else None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove it to run the cell again") from None
        cell = Cell.from_json(data, str(path))
        if cell.key != key:
            raise UserError(f"{path}: is the cell {cell.key}; remove it to run the cell again")
        return cell

    def save(self, cell: Cell, predictions: Truth) -> None:
        """Keep a cell; its own file, which says that it is there, comes last."""
        save_truth(self._predictions(cell.key), predictions)
        write_json(self.out / "cells" / f"{cell.key}.json", cell.to_json())

    def predictions(self, key: str, n: int) -> Truth:
        """Of a cell, for its n test rows.

        Raises:
            UserError: they are damaged.
        """
        return load_truth(self._predictions(key), n)

    def _predictions(self, key: str) -> Path:
        return self.out / "cells" / f"{key}.safetensors"

    def _refuse_strangers(self) -> None:
        if self.out.exists() and not self.out.is_dir():
            raise UserError(f"{self.out}: is no folder; name another --out")
        if self.out.is_dir() and any(path.name != ".lock" for path in self.out.iterdir()):
            raise UserError(f"{self.out}: holds files that are no run of a suite; name another --out")

    def _empty(self) -> None:
        for name in _FILES:
            (self.out / name).unlink(missing_ok=True)
        for name in _OWN:
            shutil.rmtree(self.out / name, ignore_errors=True)


class KeptPredictions(Mapping[str, Truth]):
    """Predictions by `Cell.key`, each read when it is asked for.

    Args:
        trained: the key under which each cell was trained, and its number of test rows.
    """

    def __init__(self, kept: Kept, trained: Mapping[str, tuple[str, int]]) -> None:
        self._kept, self._trained = kept, dict(trained)

    def __getitem__(self, key: str) -> Truth:
        return self._kept.predictions(*self._trained[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._trained)

    def __len__(self) -> int:
        return len(self._trained)


def differences(before: Any, now: Any, path: str = "") -> list[str]:
    """Where two JSON values differ, by dotted keys and places in lists."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted(before.keys() | now.keys())
        return [found for key in keys for found in differences(before.get(key), now.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [found for place, pair in pairs for found in differences(*pair, f"{path}.{place}")]
    return [] if before == now else [path.lstrip(".")]
