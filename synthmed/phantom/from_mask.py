"""From a label map back to an image: regions become structures on a slice, and thicknesses on a film."""

from __future__ import annotations

import numpy as np

from synthmed.phantom.axial import Map
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.patient import Patient
from synthmed.phantom.projection import Film
from synthmed.phantom.solids import Array, Bool
from synthmed.phantom.tissue import INDEX, MASK_NAMES, table

_SPACING = 2.7
"""mm a pixel that a given mask is taken to have, scaled so that 128 pixels are a thorax."""
_TRUNK, _AIR = 250.0, 150.0
"""mm of tissue, and of lung, that a ray meets at most on a film made from a mask."""
_FILL = {
    "body": "muscle",
    "lung right": "lung",
    "lung left": "lung",
    "heart": "myocardium",
    "mediastinum": "mediastinal fat",
    "liver": "liver",
    "bone": "cortical bone",
    **{kind: kind for kind in KINDS},
}
_STRUCTURE = np.array([INDEX["outside"], *(INDEX[_FILL[name]] for name in MASK_NAMES[1:])], dtype=np.uint8)
_MU = table("mu")


def mask_spacing(mask: Map) -> float:
    """mm a pixel that a given mask is taken to have: its shorter side is a thorax wide."""
    return _SPACING * 128 / float(min(mask.shape))


def structures_of(mask: Map, rng: np.random.Generator) -> Map:
    """(H, W) structures of a slice: every label's tissue, with skin fat, lung vessels and heart chambers drawn in."""
    from scipy import ndimage

    structures = _STRUCTURE[mask]
    spacing = mask_spacing(mask)
    inside = ndimage.distance_transform_edt(np.pad(mask > 0, 1))[1:-1, 1:-1] * spacing
    body = mask == MASK_NAMES.index("body")
    structures[body & (inside < rng.uniform(8, 20))] = INDEX["fat"]
    heart = np.isin(mask, [MASK_NAMES.index(name) for name in ("heart", "cardiomegaly")])
    if heart.any():
        structures[ndimage.distance_transform_edt(heart) * spacing > 12] = INDEX["chamber"]
    lung = structures == INDEX["lung"]
    speckle = ndimage.gaussian_filter(rng.standard_normal(mask.shape), 0.7)
    structures[lung & (speckle > 0.95)] = INDEX["lung vessel"]
    return structures


def film_of(mask: Map, patient: Patient) -> Film:
    """A film whose rays meet the labelled regions, each inflated to a solid, behind the ribs and spine of ``patient``.

    A pixel at the distance d from its region's rim has the chord 2 sqrt(d (2 R - d)) of a solid as thick as R, the
    region's greatest d. The patient's cage is stretched over the mask's lungs.
    """
    spacing = mask_spacing(mask)
    body = mask > 0
    muscle, lung = _MU[INDEX["muscle"]], _MU[INDEX["lung"]]
    depth = muscle * np.minimum(_inflate(body, spacing), _TRUNK)
    solid = [MASK_NAMES.index(name) for name in ("cardiomegaly", "rib lesion")]
    lungs = np.isin(mask, [MASK_NAMES.index(name) for name in ("lung right", "lung left")])
    field = lungs | ((mask >= MASK_NAMES.index(next(iter(KINDS)))) & ~np.isin(mask, solid))
    air = np.minimum(2.2 * _inflate(field, spacing), _AIR)
    depth += (lung - muscle) * air
    bone = _skeleton(lungs if lungs.any() else body, patient)
    depth += bone * body * np.where(field, 1.0, 0.6)
    for kind in KINDS:
        region = mask == MASK_NAMES.index(kind)
        if region.any() and kind != "cardiomegaly":
            # A finding fills at most the lung's depth there; at its rim it still has a film's least contrast.
            thick = np.clip(_inflate(region, spacing), 8.0 * region, np.where(field, air, 40.0))
            depth += (_MU[INDEX[kind]] - (muscle if kind == "rib lesion" else lung)) * thick
    return Film(np.where(body, np.maximum(depth, 0), 0).astype(np.float32), mask, [], body)


def _skeleton(lungs: Bool, patient: Patient) -> Array:
    """(H, W) optical depth of the patient's ribs and vertebrae, the cavity's outline laid over that of ``lungs``."""
    anatomy, (height, width) = patient.anatomy, lungs.shape
    rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
    reach = anatomy.ribs.cavity.extent[0]
    apex, base = patient.frame.bottom + float(reach[2]), patient.frame.dome - 30
    across = (np.arange(width) - (columns[0] + columns[-1]) / 2) / max(len(columns) / 2, 1) * float(reach[0])
    down = apex - (np.arange(height) - rows[0]) / max(len(rows), 1) * (apex - base)
    x, z = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
    muscle = _MU[INDEX["muscle"]]
    ribs = (_MU[INDEX["cortical bone"]] - muscle) * anatomy.ribs.length(x, z)
    parts = zip(anatomy.spine.STRUCTURES, anatomy.spine.chords(x, z), strict=False)
    return np.asarray(ribs + sum((_MU[INDEX[name]] - muscle) * chord for name, chord in parts), dtype=np.float32)


def _inflate(region: Bool, spacing: float) -> Array:
    from scipy import ndimage

    rim = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1] * spacing
    return np.asarray(2 * np.sqrt(rim * np.maximum(2 * rim.max() - rim, 0)), dtype=np.float32)
