from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from helpers.volumes import SHAPE, oblique, volume

from synthmed.data.reading import mask_slices, read_array, volume_axis, volume_shape
from synthmed.data.record import FileRef
from synthmed.errors import UserError


def written(path: Path, affine: np.ndarray, data: np.ndarray) -> Path:
    """By SimpleITK, whose arrays are (z, y, x) and whose world is LPS."""
    image = sitk.GetImageFromArray(data.T)
    lps = np.diag([-1, -1, 1]) @ affine[:3, :3]
    zooms = np.linalg.norm(lps, axis=0)
    image.SetSpacing(zooms.tolist())
    image.SetDirection((lps / zooms).ravel().tolist())
    image.SetOrigin((np.diag([-1, -1, 1]) @ affine[:3, 3]).tolist())
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("suffix", ["mhd", "mha"])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_planes_as_from_nifti(seed: int, suffix: str, tmp_path: Path) -> None:
    file = written(tmp_path / f"x.{suffix}", oblique(seed), volume())
    nib.save(nib.Nifti1Image(volume(), oblique(seed)), tmp_path / "x.nii")
    assert volume_shape(file) == SHAPE
    for plane in ("axial", "coronal", "sagittal"):
        assert volume_axis(file, plane) == volume_axis(tmp_path / "x.nii", plane)
    for axis in range(3):
        ours = read_array(FileRef(file, (axis, 1)))
        theirs = read_array(FileRef(tmp_path / "x.nii", (axis, 1)))
        np.testing.assert_array_equal(ours.values, theirs.values)
        assert ours.spacing == pytest.approx(theirs.spacing, rel=1e-4)
        assert mask_slices(file, axis) == mask_slices(tmp_path / "x.nii", axis)
    assert (ours.bits, ours.unit, ours.values.dtype) == (0, "scanner", np.int16)


def test_big_endian_and_flat(tmp_path: Path) -> None:
    head = "NDims = 2\nDimSize = 3 2\nElementSpacing = 0.5 2\nElementByteOrderMSB = True\n"
    (tmp_path / "x.mhd").write_text(head + "ElementType = MET_SHORT\nElementDataFile = x.raw\n")
    (tmp_path / "x.raw").write_bytes(np.arange(6).astype(">i2").tobytes())
    pixels = read_array(FileRef(tmp_path / "x.mhd"))
    # x runs to the patient's left and y to posterior, as rows and columns do.
    np.testing.assert_array_equal(pixels.values[0], [[0, 1, 2], [3, 4, 5]])
    assert pixels.spacing == (2.0, 0.5)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("DimSize = 1000000 1000000 1000", "at most"),
        ("DimSize = 7 5", "lengths"),
        ("DimSize = 7 5 0", "no image"),
        ("DimSize = 7 5 5", "truncated"),
        ("DimSize = a b c", "number"),
        ("ElementType = MET_STRING", "MET_STRING"),
        ("ElementSpacing = 0 1 1", "singular"),
        ("TransformMatrix = 1 0 0 0", "TransformMatrix"),
        ("CompressedData = True", "compressed"),
        ("ElementNumberOfChannels = 3", "channels"),
        ("ElementDataFile = ../x.raw", "same folder"),
        ("ElementDataFile = /etc/passwd", "same folder"),
        ("ElementDataFile = LIST", "same folder"),
        ("ElementDataFile =", "same folder"),
        ("ElementDataFile = gone.raw", "gone.raw' is not beside it"),
    ],
)
def test_headers_that_are_refused(line: str, reason: str, tmp_path: Path) -> None:
    file = written(tmp_path / "x.mhd", np.eye(4), volume())
    key = line.split(" ")[0]
    lines = [old for old in file.read_text().splitlines() if not old.startswith(f"{key} ")]
    lines = [*lines, line] if key == "ElementDataFile" else [*lines[:-1], line, lines[-1]]
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=reason) as caught:
        read_array(FileRef(file, (2, 0)))
    assert "\n" not in str(caught.value)
