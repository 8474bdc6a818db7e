"""NIfTI files whose every voxel is known."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np


def put_nifti(path: Path, shape: tuple[int, int, int], seed: int = 0, top: int = 999) -> np.ndarray:
    """Write random int16 voxels with the identity affine, and give them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(seed).integers(0, top, shape).astype(np.int16)
    nib.save(nib.Nifti1Image(data, np.diag([1.5, 0.75, 8, 1])), path)
    return data


def put_mask(path: Path, shape: tuple[int, int, int], marks: dict[int, int]) -> np.ndarray:
    """Write a mask with a value in one voxel of each slice that is named, and give it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.zeros(shape, np.uint8)
    for z, value in marks.items():
        data[1, 2, z] = value
    nib.save(nib.Nifti1Image(data, np.diag([1.5, 0.75, 8, 1])), path)
    return data


def axial(data: np.ndarray, z: int) -> np.ndarray:
    """A slice of a volume with an identity affine, as it is shown."""
    return data[:, :, z].T[::-1, ::-1][None]
