"""The film's optical depth: Beer-Lambert's integral of attenuation along parallel rays, in closed form.

Lengths add up by replacement: the trunk as muscle, then, for all that takes the muscle's place, its length times the
difference of the attenuations. Soft organs inside the cavity count as muscle, which they equal within 3 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.axial import Map
from synthmed.phantom.grid import Grid
from synthmed.phantom.lungfield import LungField, Shadow
from synthmed.phantom.patient import Patient
from synthmed.phantom.rays import Rays
from synthmed.phantom.solids import Array, Bool
from synthmed.phantom.tissue import INDEX, MASK_NAMES, table

_MU = table("mu")
_MUSCLE = _MU[INDEX["muscle"]]
BONY = 0.05
"""Optical depth of bone from which a pixel outside the lungs is labelled bone."""


@dataclass(frozen=True)
class Film:
    """A noiseless film.

    Attributes:
        depth: (H, W) float32 optical depth with the findings.
        organs: (H, W) uint8 mask values of the organs. Where shadows overlap, the first of these: heart, liver (the
            right diaphragm's dome), mediastinum, the body under the left dome, lungs, bones, body.
        shadows: of every lesion.
        body: (H, W) whether the ray meets the body.
    """

    depth: Array
    organs: Map
    shadows: list[Shadow]
    body: Bool


def project(patient: Patient, grid: Grid) -> Film:
    """The film of ``patient`` on ``grid``."""
    rays = Rays(grid, patient.frame.warp)
    (skin_lo, skin_hi), (lo, hi) = patient.anatomy.trunk.intervals(rays.x, grid.rows[:, None])
    body = skin_hi > skin_lo
    muscle = np.maximum(hi - lo, 0)
    depth = _MU[INDEX["fat"]] * (np.maximum(skin_hi - skin_lo, 0) - muscle) + _MUSCLE * muscle
    _add_breasts(depth, patient, rays, skin_lo)
    bone = _add_bones(depth, patient, rays)
    field = LungField(patient, rays)
    depth[field.window] += (_MU[INDEX["lung"]] - _MUSCLE) * field.air
    _add_gas(depth, patient, rays)
    _add_vessels(depth, patient, rays, field)
    shadows = [field.shadow(lesion) for lesion in patient.lesions]
    for shadow in shadows:
        depth[shadow.window] += shadow.depth
    depth = np.where(body, np.maximum(depth, 0), 0).astype(np.float32)
    organs = np.where(body, np.where(bone, MASK_NAMES.index("bone"), MASK_NAMES.index("body")), 0).astype(np.uint8)
    heart = patient.anatomy.organs[patient.anatomy.named("heart", "right atrium")]
    field.label(organs, heart)
    return Film(depth, organs, shadows, body)


def _add_breasts(depth: Array, patient: Patient, rays: Rays, skin: Array) -> None:
    breasts = patient.anatomy.breasts
    for k, window in enumerate(rays.windows(breasts)):
        lo, hi = rays.interval(breasts[k : k + 1], window)
        depth[window] += _MU[INDEX["gland"]] * np.maximum(np.minimum(hi[0], skin[window]) - lo[0], 0)


def _add_bones(depth: Array, patient: Patient, rays: Rays) -> Bool:
    """Add ribs, spine and the chest wall's solids; returns where a film shows bone."""
    anatomy = patient.anatomy
    added = np.zeros_like(depth)
    cage = rays.windows(anatomy.ribs.cage)[0]
    added[cage] = (_MU[INDEX["cortical bone"]] - _MUSCLE) * anatomy.ribs.length(rays.x[cage], rays.z[cage])
    reach = anatomy.spine.reach
    spine = rays.window((-reach, 0, -1e3), (reach, 0, 1e3))
    for k, chord in enumerate(anatomy.spine.chords(rays.x[spine], rays.z[spine])):
        added[spine] += (_MU[INDEX[anatomy.spine.STRUCTURES[k]]] - _MUSCLE) * chord
    for k, window in enumerate(rays.windows(anatomy.wall)):
        replaced = _MU[INDEX[anatomy.wall_structures[k]]] - _MUSCLE
        added[window] += replaced * rays.chord(anatomy.wall[k : k + 1], window)
    depth += added
    return np.asarray(added > BONY)


def _add_gas(depth: Array, patient: Patient, rays: Rays) -> None:
    anatomy = patient.anatomy
    gas = anatomy.organs[anatomy.named("trachea", "right bronchus", "left bronchus", "stomach gas")]
    for k, window in enumerate(rays.windows(gas)):
        depth[window] -= _MUSCLE * rays.chord(gas[k : k + 1], window)


def _add_vessels(depth: Array, patient: Patient, rays: Rays, field: LungField) -> None:
    """Add the lungs' vessels, each in a small window of its own; those inside a lesion are the lesion's."""
    vessels, grid = patient.anatomy.vessels, rays.grid
    kept = np.ones(len(vessels), dtype=bool)
    for lesion in patient.lesions:
        if lesion.finding.kind != "cardiomegaly":
            lo, hi = lesion.region.interval(vessels.centre[None, :, 0], vessels.centre[None, :, 2])
            kept &= ~((vessels.centre[:, 1] > lo) & (vessels.centre[:, 1] < hi)).any(axis=0)
    vessels = vessels[kept]
    height, width = grid.shape
    middle = patient.frame.warp.undo(vessels.centre)
    half = int(np.ceil((float(vessels.extent[:, [0, 2]].max()) + 1.0) / grid.spacing))
    offset = np.arange(-half, half + 1)
    rows = np.rint((grid.rows[0] - middle[:, 2]) / grid.spacing).astype(np.intp)[:, None] + offset
    columns = np.rint((middle[:, 0] - grid.columns[0]) / grid.spacing).astype(np.intp)[:, None] + offset
    flat = rows.clip(0, height - 1)[:, :, None] * width + columns.clip(0, width - 1)[:, None, :]
    chord = vessels.chord(rays.x.ravel()[flat], rays.z.ravel()[flat])
    chord *= ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    total = np.bincount(flat.ravel(), chord.ravel(), height * width).reshape(height, width)[field.window]
    replaced = _MU[INDEX["lung vessel"]] - _MU[INDEX["lung"]]
    depth[field.window] += replaced * np.minimum(total, field.air).astype(np.float32)
