"""sRGB to CIELAB, where a distance is about what an eye sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# IEC 61966-2-1: linear sRGB to CIE XYZ, and the white that (1, 1, 1) has by it.
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _TO_XYZ.sum(axis=1)
_DELTA = 6 / 29


def to_lab(rgb: npt.NDArray[np.uint8] | Array) -> Array:
    """(…, 3) sRGB levels in [0, 255] to (…, 3) L* in [0, 100], a*, b* for illuminant D65 (CIE 15:2004).

    ΔE*76 is the Euclidean distance of two.
    """
    unit = np.asarray(rgb, np.float64) / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _TO_XYZ.T / _WHITE
    f = np.where(ratio > _DELTA**3, np.cbrt(ratio), ratio / (3 * _DELTA**2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
