"""The axial slice: which structure every pixel is, from the solids' intervals at one level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthmed.phantom.grid import Grid
from synthmed.phantom.lesions import Lesion
from synthmed.phantom.patient import Patient
from synthmed.phantom.solids import Array, Bool
from synthmed.phantom.tissue import INDEX, LABEL_OF, MASK_NAMES, STRUCTURES

Map = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Cut:
    """A slice as structures.

    Attributes:
        structures: (H, W) uint8 index into `tissue.STRUCTURES`.
        organs: (H, W) uint8 mask values of the organs, as they would be without the findings.
        replaced: for every lesion, the (H, W) map of its pixels (bool) and, for these, the structures before it.
    """

    structures: Map
    organs: Map
    replaced: list[tuple[Bool, Map]]


def cut(patient: Patient, grid: Grid) -> Cut:
    """The slice of ``patient`` at its level on ``grid``."""
    canvas = _Canvas(patient, grid)
    _lay_trunk(canvas)
    cavity = _lay_wall(canvas)
    _lay_cavity(canvas, cavity)
    _lay_spine(canvas)
    organs = LABEL_OF[canvas.map]
    # The two lungs are one structure: their labels differ by the side of the midline.
    organs[(organs == MASK_NAMES.index("lung right")) & (canvas.x >= 0)] = MASK_NAMES.index("lung left")
    return Cut(canvas.map, organs, [_lay_lesion(canvas, lesion) for lesion in patient.lesions])


class _Canvas:
    """A structure map that solids are laid over, and the slice's columns in the frame's bent coordinates."""

    def __init__(self, patient: Patient, grid: Grid) -> None:
        self.patient, self.grid = patient, grid
        self.x, self.z, self.shift = patient.frame.warp.slice(grid.columns, patient.level)
        self.map: Map = np.zeros(grid.shape, dtype=np.uint8)

    def lay(self, lo: Array, hi: Array, structures: Sequence[int], only: Bool | None = None) -> None:
        """Lay K solids, one over the other, where ``only`` (H, W) allows it.

        ``lo`` and ``hi`` are (K, W), bent y in mm: the runs of rows between them are filled column by column.
        """
        height, width = self.map.shape
        first, spacing = self.grid.rows[0], self.grid.spacing
        top = np.ceil((lo - self.shift - first) / spacing).clip(0, height).astype(np.intp)
        stop = np.floor((hi - self.shift - first) / spacing + 1).clip(0, height).astype(np.intp)
        which, column = np.nonzero(stop > top)
        top, length = top[which, column], (stop - top)[which, column]
        # One index a pixel: the run's first one, and its place in the run.
        place = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
        flat = np.repeat(top * width + column, length) + place * width
        value = np.repeat(np.asarray(structures, dtype=np.uint8)[which], length)
        if only is not None:
            allowed = only.ravel()[flat]
            flat, value = flat[allowed], value[allowed]
        self.map.ravel()[flat] = value

    def between(self, lo: Array, hi: Array) -> Bool:
        """(H, W) whether a pixel lies between the (W,) bent y ``lo`` and ``hi`` of its column."""
        y = self.grid.rows[:, None] + self.shift
        return np.asarray((y > lo) & (y < hi))


def _lay_trunk(canvas: _Canvas) -> None:
    anatomy = canvas.patient.anatomy
    level = np.array([canvas.patient.level], dtype=np.float32)
    skin, muscle = anatomy.trunk.intervals(canvas.x, level)
    x, z = canvas.x[None], canvas.z[None]
    breast, gland = (anatomy.breasts.shrunk(factor).interval(x, z) for factor in (1.0, 0.72))
    ends = [np.concatenate([breast[i], gland[i], skin[i][None], muscle[i][None]]) for i in (0, 1)]
    canvas.lay(ends[0], ends[1], [INDEX[name] for name in ("fat", "fat", "gland", "gland", "fat", "muscle")])


def _lay_wall(canvas: _Canvas) -> Bool:
    """Fat planes and bones of the chest wall; returns where the pleural cavity is."""
    anatomy, grid = canvas.patient.anatomy, canvas.grid
    x, z = canvas.x[None], canvas.z[None]
    lo, hi = anatomy.ribs.cavity.interval(x, z)
    cavity = canvas.between(lo[0], hi[0])
    lo, hi = anatomy.ribs.cage.interval(x, z)
    canvas.lay(lo, hi, [INDEX["muscle"]])
    shell = canvas.between(lo[0], hi[0]) & ~cavity
    muscle = (canvas.map == INDEX["muscle"]) & ~cavity
    lo, hi = anatomy.wall.interval(x, z)
    canvas.lay(lo, hi, [INDEX[name] for name in anatomy.wall_structures], muscle)
    rows, columns = np.nonzero(shell)
    bone = anatomy.ribs.inside(canvas.x[columns], grid.rows[rows] + canvas.shift[columns], canvas.z[columns])
    canvas.map[rows[bone], columns[bone]] = INDEX["cortical bone"]
    return cavity


def _lay_cavity(canvas: _Canvas, cavity: Bool) -> None:
    anatomy = canvas.patient.anatomy
    canvas.map[cavity] = INDEX["lung"]
    near = np.abs(anatomy.vessels.centre[:, 2] - canvas.patient.level) < anatomy.vessels.extent[:, 2] + 8
    vessels = anatomy.vessels[near].interval(canvas.x[None], canvas.z[None])
    organs = anatomy.organs.interval(canvas.x[None], np.maximum(canvas.z, anatomy.domes[:, None]))
    structures = [INDEX["lung vessel"]] * len(vessels[0]) + [INDEX[name] for name in anatomy.structures]
    lo, hi = (np.concatenate(ends) for ends in zip(vessels, organs, strict=True))
    canvas.lay(lo, hi, structures, cavity)


def _lay_spine(canvas: _Canvas) -> None:
    spine = canvas.patient.anatomy.spine
    lo, hi = spine.interval(canvas.x, canvas.z)
    structures = [INDEX[name] for name in spine.STRUCTURES]
    if spine.is_disc(canvas.z[len(canvas.z) // 2]):
        structures[0] = INDEX["disc"]
    canvas.lay(lo, hi, structures)


def _lay_lesion(canvas: _Canvas, lesion: Lesion) -> tuple[Bool, Map]:
    kind = lesion.finding.kind
    if kind == "cardiomegaly":
        # The organs have the enlarged heart already; what it replaced is the lung outside the usual one.
        lo, hi = canvas.patient.usual_heart.interval(canvas.x[None], canvas.z[None])
        heart = LABEL_OF[canvas.map] == MASK_NAMES.index("heart")
        grown = heart & ~canvas.between(lo[0], hi[0]) & ~canvas.between(lo[1], hi[1])
        return grown, np.full(int(grown.sum()), INDEX["lung"], dtype=np.uint8)
    allowed = np.array([structure.name in lesion.replaces for structure in STRUCTURES])
    before = canvas.map.copy()
    lo, hi = lesion.region.interval(canvas.x[None], canvas.z[None])
    canvas.lay(lo, hi, [INDEX[kind]] * len(lo), allowed[before])
    changed = canvas.map != before
    return changed, before[changed]
