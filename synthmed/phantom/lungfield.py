"""The lungs on a film: how much air every ray meets, after all that takes the cavity's room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom.axial import Map
from synthmed.phantom.lesions import Lesion
from synthmed.phantom.patient import Patient
from synthmed.phantom.rays import Rays
from synthmed.phantom.solids import MISSED, Array, Bool, Ellipsoids, Occupied, Window
from synthmed.phantom.tissue import INDEX, MASK_NAMES, table

_MU = table("mu")
_CENTRAL = {"mediastinum": "mediastinum", "right dome": "liver", "left dome": "body"}
"""Upright organs about one coronal plane: where a ray meets two of them, their union is one interval."""
_BLOCKERS = {
    "middle dome": "body",
    "aortic arch": "mediastinum",
    "descending aorta": "",
    "right pulmonary artery": "",
    "left pulmonary artery": "",
}
"""Organs that take the cavity's room, with the label that their shadow has on a film (none for the small vessels)."""
AERATED = 12.0
"""mm of lung from which a ray counts as the lung's."""


@dataclass(frozen=True)
class Shadow:
    """What one finding adds to the optical depth: (h, w) float32 in a window of the film."""

    window: Window
    depth: Array


class LungField:
    """The pleural cavity along the rays.

    Attributes:
        window: the part of the film that the cavity takes up.
        air: (h, w) mm of lung that the window's rays meet, before the findings.
    """

    def __init__(self, patient: Patient, rays: Rays) -> None:
        anatomy = patient.anatomy
        self._rays = rays
        self.window = rays.windows(anatomy.ribs.cavity)[0]
        lo, hi = rays.interval(anatomy.ribs.cavity, self.window)
        self._occupied = Occupied(lo[0], hi[0])
        self._shown: list[tuple[str, Window, Bool]] = []
        everywhere = (slice(None), slice(None))
        blockers = [anatomy.names.index(name) for name in (*_CENTRAL, *_BLOCKERS)]
        windows = dict(zip(blockers, rays.windows(anatomy.organs[np.array(blockers)]), strict=True))
        union = np.full_like(lo[0], MISSED), np.full_like(lo[0], -MISSED)
        for name, label in (*_CENTRAL.items(), *_BLOCKERS.items()):
            k = anatomy.names.index(name)
            floor = float(anatomy.domes[k])
            window = self._within(windows[k])
            if not np.isinf(floor):
                window = slice(window[0].start, self.window[0].stop), window[1]
            local = self._local(window)
            lo, hi = rays.interval(anatomy.organs[k : k + 1], window, floor)
            self._shown.append((label, local, hi[0] > lo[0]))
            if name not in _CENTRAL:
                self._occupied.insert(lo[0], hi[0], local)
                continue
            np.minimum(union[0][local], lo[0], out=union[0][local])
            np.maximum(union[1][local], hi[0], out=union[1][local])
            if label == "body":
                self._occupied.insert(*union, everywhere)
        for k, window in enumerate(rays.windows(patient.usual_heart)):
            solid, window = patient.usual_heart[k : k + 1], self._within(window)
            lo, hi = rays.interval(solid, window)
            self._occupied.insert(lo[0], hi[0], self._local(window))
        half = anatomy.spine.half_width
        spine = self._within(rays.window((-half, 0, -1e3), (half, 0, 1e3)))
        self._occupied.insert(*anatomy.spine.column(rays.x[spine], rays.z[spine]), self._local(spine))
        self._taken = self._occupied.length(everywhere)
        self.air = self._occupied.hi - self._occupied.lo - self._taken

    def shadow(self, lesion: Lesion) -> Shadow:
        """What the lesion adds, given all that took the cavity's room before it; from then on it takes its own."""
        reach = np.minimum(lesion.reach, 1e4)
        window = self._within(self._rays.window((lesion.centre - reach).tolist(), (lesion.centre + reach).tolist()))
        local = self._local(window)
        lo, hi = lesion.region.interval(self._rays.x[window][None], self._rays.z[window][None])
        for k in range(len(lo)):
            self._occupied.insert(lo[k], hi[k], local)
        taken = self._occupied.length(local)
        mu = _MU[INDEX[lesion.finding.kind]]
        depth = (mu - _MU[INDEX["lung"]]) * (taken - self._taken[local])
        self._taken[local] = taken
        if lesion.finding.kind == "rib lesion":
            # A rib's lesion lies in the wall, too, where it replaces muscle.
            within = np.minimum(hi[0], self._occupied.hi[local]) - np.maximum(lo[0], self._occupied.lo[local])
            depth += (mu - _MU[INDEX["muscle"]]) * (np.maximum(hi[0] - lo[0], 0) - np.maximum(within, 0))
        return Shadow(window, np.asarray(depth, dtype=np.float32))

    def label(self, organs: Map, heart: Ellipsoids) -> None:
        """Write lungs, diaphragm, mediastinum and heart into the film's (H, W) label map."""
        value = {name: np.uint8(MASK_NAMES.index(name)) for name in MASK_NAMES}
        view, x = organs[self.window], self._rays.x[self.window]
        aerated = self.air > AERATED
        view[aerated & (x < 0)] = value["lung right"]
        view[aerated & (x >= 0)] = value["lung left"]
        for label in ("body", "mediastinum", "liver"):
            for name, window, shown in self._shown:
                if name == label:
                    inside = view[window]
                    inside[shown & (inside > 0)] = value[label]
        for k, window in enumerate(self._rays.windows(heart)):
            lo, hi = self._rays.interval(heart[k : k + 1], window)
            organs[window][hi[0] > lo[0]] = value["heart"]

    def _within(self, window: Window) -> Window:
        rows, columns = (
            slice(max(part.start, own.start), max(min(part.stop, own.stop), own.start))
            for part, own in zip(window, self.window, strict=True)
        )
        return rows, columns

    def _local(self, window: Window) -> Window:
        rows, columns = (
            slice(part.start - own.start, part.stop - own.start) for part, own in zip(window, self.window, strict=True)
        )
        return rows, columns
