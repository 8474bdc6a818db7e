"""Small volumes of three different lengths, and affines as scanners give them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

SHAPE = (7, 5, 4)
ZOOMS = (0.5, 1.25, 3.0)


def volume(dtype: type = np.int16, seed: int = 0) -> np.ndarray:
    """Random values from 0 to 199."""
    return np.random.default_rng(seed).integers(0, 200, SHAPE).astype(dtype)


def oblique(seed: int) -> np.ndarray:
    """Axes in any order and direction, tilted a little; voxels of `ZOOMS` mm."""
    rng = np.random.default_rng(seed)
    axes = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(rng.uniform(-0.2, 0.2, 3)).as_matrix() @ axes.T @ np.diag(ZOOMS)
    affine[:3, 3] = rng.normal(size=3) * 50
    return affine
