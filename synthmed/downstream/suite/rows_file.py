"""Rows on the disk, so that worker processes open them by memory map instead of being sent them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.truth_file import load_truth, save_truth
from synthmed.errors import UserError
from synthmed.evaluation.results import read_json, write_json

PIXELS, TRUTH, ABOUT = "pixels.npy", "truth.safetensors", "rows.json"
_FORMAT = 1


@dataclass(frozen=True)
class RowsFolder:
    """``pixels.npy``, ``truth.safetensors`` and, once these are whole, ``rows.json``."""

    path: Path

    def holds(self, identity: str) -> bool:
        """Whether its rows were made from that."""
        about = read_json(self.path / ABOUT)
        return isinstance(about, dict) and about.get("format") == _FORMAT and about.get("identity") == identity

    def make(self, identity: str, make: Callable[[Path], Rows]) -> Rows:
        """The rows that it holds, made now unless they were made from the same before.

        Patients are kept as numbers in the order of the rows: draws go by them, and pseudonyms differ between machines.

        Args:
            make: gives the rows, with their pixels in the ``.npy`` file that it is told.
        """
        if not self.holds(identity):
            self.path.mkdir(parents=True, exist_ok=True)
            (self.path / ABOUT).unlink(missing_ok=True)
            rows = make(self.path / PIXELS)
            save_truth(self.path / TRUTH, rows.truth)
            told = {
                "format": _FORMAT,
                "identity": identity,
                "digest": rows.digest,
                "patients": numbered(rows.patients),
                "attributes": [dict(one) for one in rows.attributes],
                "keys": rows.keys,
            }
            write_json(self.path / ABOUT, told)
        return self.load()

    def load(self) -> Rows:
        """The rows, with their pixels left in the file.

        Raises:
            UserError: they are not there, or damaged.
        """
        about = read_json(self.path / ABOUT)
        try:
            pixels = np.load(self.path / PIXELS, mmap_mode="r", allow_pickle=False)
            n = len(pixels)
            patients, attributes, keys = (tuple(about[name]) for name in ("patients", "attributes", "keys"))
            if not len(patients) == len(attributes) == n or pixels.ndim != 4 or pixels.dtype != np.float16:
                raise ValueError("its files do not fit together")
            return Rows(pixels, load_truth(self.path / TRUTH, n), patients, attributes, str(about["digest"]), keys)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.path}: rows that cannot be read ({error}); remove the folder") from None


def numbered(patients: Sequence[str]) -> list[str]:
    """Each patient as its number by first appearance; ``""`` stays."""
    known: dict[str, str] = {"": ""}
    return [known.setdefault(patient, f"{len(known):07d}") for patient in patients]
