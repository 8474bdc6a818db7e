"""The pixels: where the rows and columns of a film and of a slice lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.patient import Patient
from synthmed.phantom.solids import Array


@dataclass(frozen=True)
class Grid:
    """Square pixels. Columns run to the patient's left; a film's rows run to the feet, a slice's to the back.

    Attributes:
        spacing: pixel size in mm.
        columns: (W,) x in mm of the columns' centres, rising.
        rows: (H,) z of a film's rows, falling, or y of a slice's, rising, in mm.
    """

    spacing: float
    columns: Array
    rows: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.rows), len(self.columns)


def film_grid(patient: Patient, size: tuple[int, int]) -> Grid:
    """A film from the neck to the upper abdomen; its shorter side covers 330 mm of a patient of 170 cm."""
    spacing = round(330.0 * patient.frame.scale / min(size), 3)
    return Grid(spacing, _centred(size[1], spacing), 10 * patient.frame.scale - _centred(size[0], spacing))


def slice_grid(patient: Patient, size: tuple[int, int]) -> Grid:
    """An axial slice with the whole body in it."""
    trunk, level = patient.anatomy.trunk, patient.level
    depth = float(np.interp(level, trunk.levels, trunk.half_depth)) + trunk.fat
    middle = float(np.interp(level, trunk.levels, trunk.centre))
    breast = 16.0 if patient.frame.sex == "F" else 0.0
    spacing = round(max(2.14 * trunk.width_at(level) / size[1], (2.14 * depth + breast) / size[0]), 3)
    return Grid(spacing, _centred(size[1], spacing), _centred(size[0], spacing) + np.float32(middle - breast / 2))


def _centred(count: int, spacing: float) -> Array:
    return ((np.arange(count) - (count - 1) / 2) * spacing).astype(np.float32)
