from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.volumes import SHAPE, ZOOMS, oblique, volume

from synthmed.data.reading import chosen_slices, mask_slices, read_array, volume_axis, volume_shape
from synthmed.data.record import FileRef
from synthmed.errors import UserError


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "named.png"])
@pytest.mark.parametrize("seed", range(6))
def test_planes_are_shown_as_nibabels_canonical_order_says(seed: int, name: str, tmp_path: Path) -> None:
    data, affine = volume(), oblique(seed)
    image = nib.Nifti1Image(data, affine)
    file = tmp_path / name
    packed = gzip.compress(image.to_bytes()) if name.endswith("gz") else image.to_bytes()
    file.write_bytes(packed)
    assert volume_shape(file) == SHAPE
    canonical = np.asarray(nib.as_closest_canonical(image).dataobj)
    order = nib.io_orientation(affine)
    for world, plane in enumerate(("sagittal", "coronal", "axial")):
        axis = volume_axis(file, plane)
        assert order[axis][0] == world
        for index in range(SHAPE[axis]):
            place = index if order[axis][1] > 0 else SHAPE[axis] - 1 - index
            pixels = read_array(FileRef(file, (axis, index)))
            # Canonical axes run to R, A, S: the higher one points up, the lower one to the image's left.
            np.testing.assert_array_equal(pixels.values[0], canonical.take(place, axis=world).T[::-1, ::-1])
            assert pixels.values.dtype == np.int16
            assert (pixels.bits, pixels.unit) == (0, "scanner")
            rows, columns = (a for a in sorted(range(3), key=lambda a: -order[a][0]) if a != axis)
            assert pixels.spacing == pytest.approx((ZOOMS[rows], ZOOMS[columns]), rel=1e-5)


def test_identity_affine_puts_anterior_on_top_and_right_on_the_left(tmp_path: Path) -> None:
    data = np.zeros(SHAPE, np.uint8)
    data[6, 4, 3] = 9  # right, anterior, superior
    nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / "x.nii")
    for plane in ((2, 3), (1, 4), (0, 6)):
        values = read_array(FileRef(tmp_path / "x.nii", plane)).values[0]
        assert values[0, 0] == 9
    assert read_array(FileRef(tmp_path / "x.nii", (2, 3))).values.shape == (1, 5, 7)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_scales_channels_and_flat_images(kind: type, tmp_path: Path) -> None:
    image = kind(volume(), np.diag([*ZOOMS, 1]))
    image.header.set_slope_inter(2.0, -1024.0)
    nib.save(image, tmp_path / "scaled.nii.gz")
    pixels = read_array(FileRef(tmp_path / "scaled.nii.gz", (2, 1)))
    assert pixels.values.dtype == np.float32
    np.testing.assert_array_equal(
        pixels.values[0], np.asarray(nib.load(tmp_path / "scaled.nii.gz").dataobj)[:, :, 1].T[::-1, ::-1]
    )
    many = np.stack([volume(), volume() + 1], axis=-1)
    nib.save(kind(many, np.eye(4)), tmp_path / "many.nii")
    assert volume_shape(tmp_path / "many.nii") == SHAPE
    for axis in range(3):
        both = read_array(FileRef(tmp_path / "many.nii", (axis, 2))).values
        second = read_array(FileRef(tmp_path / "many.nii", (axis, 2), channel=1)).values
        np.testing.assert_array_equal(both[1:], second)
        np.testing.assert_array_equal(both[0] + 1, second[0])
    nib.save(kind(volume()[:, :, 0], np.diag([*ZOOMS, 1])), tmp_path / "flat.nii")
    flat = read_array(FileRef(tmp_path / "flat.nii"))
    np.testing.assert_array_equal(flat.values[0], volume()[:, :, 0].T[::-1, ::-1])
    assert flat.spacing == (1.25, 0.5)


def test_big_endian(tmp_path: Path) -> None:
    image = nib.Nifti1Image(volume(), np.eye(4), nib.Nifti1Header(endianness=">"))
    image.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "x.nii")
    values = read_array(FileRef(tmp_path / "x.nii", (2, 0))).values
    np.testing.assert_array_equal(values[0], volume()[:, :, 0].T[::-1, ::-1])
    assert values.dtype == np.dtype("=i2")


def test_masks_choose_slices(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:5, 1, 3] = 4
    nib.save(nib.Nifti1Image(mask, np.eye(4)), tmp_path / "mask.nii.gz")
    nib.save(nib.Nifti1Image(volume(), np.eye(4)), tmp_path / "x.nii.gz")
    nib.save(nib.Nifti1Image(volume()[1:], np.eye(4)), tmp_path / "smaller.nii.gz")
    for axis in range(3):
        assert mask_slices(tmp_path / "mask.nii.gz", axis) == list(mask.any(axis=tuple({0, 1, 2} - {axis})))
    assert chosen_slices("mask:2", tmp_path / "x.nii.gz", 0, tmp_path / "mask.nii.gz") == [2, 4]
    assert chosen_slices("central", tmp_path / "x.nii.gz", 0, tmp_path / "mask.nii.gz") == [3]
    with pytest.raises(UserError, match=r"mask.nii.gz: shape \(7, 5, 4\); its image smaller.nii.gz has \(6, 5, 4\)"):
        chosen_slices("mask", tmp_path / "smaller.nii.gz", 0, tmp_path / "mask.nii.gz")
    with pytest.raises(UserError, match="no mask"):
        chosen_slices("mask", tmp_path / "x.nii.gz", 0)


def broken(tmp_path: Path, changes: dict[int, bytes], keep: int | None = None) -> FileRef:
    content = bytearray(nib.Nifti1Image(volume(np.float32), np.eye(4)).to_bytes())
    for place, value in changes.items():
        content[place : place + len(value)] = value
    (tmp_path / "x.nii").write_bytes(bytes(content[:keep]))
    return FileRef(tmp_path / "x.nii", (2, 0))


NAN = struct.pack("<f", float("nan"))


@pytest.mark.parametrize(
    ("changes", "keep", "reason"),
    [
        ({42: struct.pack("<hhh", 30000, 30000, 30000)}, None, "bytes; at most"),
        ({40: struct.pack("<hhhhh", 4, 1, 1, 1, 300)}, None, "300 channels"),
        ({42: struct.pack("<hhh", 30000, 1, 600)}, None, "30000 x 600 pixels; at most"),
        ({42: struct.pack("<h", 0)}, None, "no image"),
        ({42: struct.pack("<h", -3)}, None, "no image"),
        ({40: struct.pack("<h", 9)}, None, "damaged|axes"),
        ({70: struct.pack("<h", 999)}, None, "damaged NIfTI header"),
        ({70: struct.pack("<h", 128)}, None, "voxels of type"),
        ({70: struct.pack("<h", 1792)}, None, "voxels of type"),
        ({108: struct.pack("<f", 1e30)}, None, "begin at byte"),
        ({108: struct.pack("<f", -1.0)}, None, "begin at byte"),
        ({280: bytes(48)}, None, "affine is singular"),
        ({280: NAN}, None, "affine"),
        ({112: struct.pack("<ff", 1e38, 1e38)}, None, "34 values that are not finite"),
        ({352: NAN + NAN}, None, "holds 2 values that are not finite"),
        ({344: b"ni1\0"}, None, "another file"),
        ({}, 400, "truncated"),
        ({}, 300, "by its content"),
    ],
)
def test_damage_is_named(changes: dict[int, bytes], keep: int | None, reason: str, tmp_path: Path) -> None:
    ref = broken(tmp_path, changes, keep)
    with pytest.raises(UserError, match=reason) as caught:
        read_array(ref)
    assert str(caught.value).startswith(str(ref.path))
    assert "\n" not in str(caught.value)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    header = nib.Nifti1Image(volume(), np.eye(4)).to_bytes()[:352]
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(header + bytes(2**28), 1))
    # Only what the header declares is unpacked, whatever follows.
    assert read_array(FileRef(tmp_path / "bomb.nii.gz", (2, 0))).values.sum() == 0
    (tmp_path / "zeros.nii.gz").write_bytes(gzip.compress(bytes(2**28), 1))
    with pytest.raises(UserError, match="not a NIfTI"):
        read_array(FileRef(tmp_path / "zeros.nii.gz", (2, 0)))
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(header + bytes(280))[:-20])
    with pytest.raises(UserError, match=r"cut\.nii\.gz: "):
        read_array(FileRef(tmp_path / "cut.nii.gz", (2, 3)))


@pytest.mark.parametrize("plane", [None, (3, 0), (2, 4), (2, -1)])
def test_planes_that_are_not_there(plane: tuple[int, int] | None, tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(volume(), np.eye(4)), tmp_path / "x.nii")
    with pytest.raises(UserError, match="plane"):
        read_array(FileRef(tmp_path / "x.nii", plane))
    with pytest.raises(UserError, match="sagittal, coronal, axial"):
        volume_axis(tmp_path / "x.nii", "oblique")
