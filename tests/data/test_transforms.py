from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import LoadImaged
from PIL import Image

from synthmed.data.transforms import clip_to_range, scale_to_range
from synthmed.errors import UserError
from synthmed.modality import MODALITIES
from synthmed.registry import resolve

ROWS, COLUMNS = 96, 128


def load(modality: str, path: Path | str) -> torch.Tensor:
    """As a recipe does: by the modality's own name for its transforms."""
    transforms: Any = resolve(MODALITIES.get(modality).transforms)
    image = transforms(modality, "image")({"image": path, "other": 1})["image"]
    assert isinstance(image, MetaTensor)
    assert image.dtype == torch.float32
    return image


def ramp(dtype: Any) -> np.ndarray:
    """Rows × columns, so that a transposition or a flip shows."""
    top = np.iinfo(dtype).max
    return (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) * (top / (ROWS * COLUMNS - 1))).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("modality", ["xray", "mri"])
def test_grey_pixels_are_rows_by_columns_over_the_bit_depth(modality: str, dtype: Any, tmp_path: Path) -> None:
    Image.fromarray(ramp(dtype)).save(tmp_path / "x.png")
    image = load(modality, tmp_path / "x.png")
    assert image.shape == (1, ROWS, COLUMNS)
    np.testing.assert_array_equal(image[0].numpy(), ramp(dtype).astype(np.float32) / np.float32(np.iinfo(dtype).max))
    assert LoadImaged("image")({"image": tmp_path / "x.png"})["image"].shape == (COLUMNS, ROWS), (
        "MONAI's own transposes"
    )


def test_photos_are_rgb_whatever_the_file(tmp_path: Path) -> None:
    colour = np.stack([ramp(np.uint8), ramp(np.uint8)[::-1], np.zeros((ROWS, COLUMNS), np.uint8)], axis=-1)
    Image.fromarray(colour).save(tmp_path / "x.png")
    image = load("photo", str(tmp_path / "x.png"))
    assert image.shape == (3, ROWS, COLUMNS)
    np.testing.assert_array_equal(image.numpy(), colour.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    Image.fromarray(colour).convert("RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(load("photo", tmp_path / "a.png").numpy(), image.numpy())
    Image.fromarray(ramp(np.uint8)).save(tmp_path / "g.bmp")
    assert load("photo", tmp_path / "g.bmp").shape == (3, ROWS, COLUMNS)
    Image.fromarray(ramp(np.uint16)).save(tmp_path / "16.png")
    with pytest.raises(RuntimeError) as error:
        load("photo", tmp_path / "16.png")
    assert isinstance(error.value.__cause__, UserError)


def test_colour_files_of_grey_modalities_become_grey(tmp_path: Path) -> None:
    Image.fromarray(np.stack([ramp(np.uint8)] * 3, axis=-1)).save(tmp_path / "x.png")
    np.testing.assert_array_equal(load("xray", tmp_path / "x.png")[0].numpy() * 255, ramp(np.uint8))
    palette = Image.fromarray((ramp(np.uint8) > 99).astype(np.uint8))
    palette.putpalette([10, 10, 10, 200, 200, 200])
    palette.save(tmp_path / "p.png")
    assert (load("xray", tmp_path / "p.png") * 255).unique().tolist() == [10, 200], "colours, not places in the palette"
    Image.fromarray(np.full((ROWS, COLUMNS), 77, np.uint8)).save(tmp_path / "x.jpg")
    assert (load("xray", tmp_path / "x.jpg") * 255).unique().tolist() == [77]


def nifti(path: Path, array: np.ndarray, codes: str, spacing: tuple[float, ...] = (2.0, 3.0, 4.0)) -> Path:
    """A file whose axes point to ``codes``."""
    orientation = nib.orientations.axcodes2ornt(codes)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, (world, sign) in enumerate(orientation):
        affine[int(world), axis] = sign * spacing[axis]
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


@pytest.mark.parametrize("codes", ["RAS", "LPS", "LAS", "PLS", "ARI"])
def test_axial_nifti_slices_are_turned_as_they_are_shown(codes: str, tmp_path: Path) -> None:
    shown = ramp(np.uint16).astype(np.float32)  # rows to posterior, columns to the patient's left
    turn = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("PLS"), nib.orientations.axcodes2ornt(codes))
    stored = nib.orientations.apply_orientation(shown[..., None], turn)
    image = load("mri", nifti(tmp_path / "x.nii.gz", np.ascontiguousarray(stored), codes))
    assert image.shape == (1, ROWS, COLUMNS)
    np.testing.assert_allclose(image[0].numpy(), shown / shown.max(), atol=1e-6)


@pytest.mark.parametrize(("shown_as", "across"), [("ILA", 2), ("IPR", 2)], ids=["coronal", "sagittal"])
def test_other_planes_have_superior_on_top(shown_as: str, across: int, tmp_path: Path) -> None:
    shown = ramp(np.uint16).astype(np.float32)
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(shown_as), nib.orientations.axcodes2ornt("RAS")
    )
    stored = np.ascontiguousarray(nib.orientations.apply_orientation(shown[..., None], turn))
    image = load("mri", nifti(tmp_path / "x.nii", stored, "RAS"))
    np.testing.assert_allclose(image[0].numpy(), shown / shown.max(), atol=1e-6)


def test_ct_keeps_hounsfield_units_and_clips_them(tmp_path: Path) -> None:
    levels = np.array([[0, 1024, 4095], [24, 5000, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "x.png")
    assert load("ct", tmp_path / "x.png").tolist() == [[[-1024, 0, 3071], [-1000, 3071, 3071]]]
    array = np.array([[[-2000.0], [40.5]], [[3071.0], [9000.0]], [[-1024.0], [0.0]]], np.float32)
    image = load("ct", nifti(tmp_path / "x.nii", array, "LPS"))
    assert image.tolist() == [[[-1024, 3071, -1024], [40.5, 3071, 0]]]


def test_nifti_affine_keeps_spacing(tmp_path: Path) -> None:
    image = load("mri", nifti(tmp_path / "x.nii", np.random.default_rng(0).random((5, 7, 1), np.float32), "LPS"))
    assert image.shape == (1, 7, 5)
    assert np.linalg.norm(np.asarray(image.affine)[:3, :3], axis=0).tolist() == [3, 2, 4]


@pytest.mark.parametrize("array", [np.zeros((5, 7, 1), np.float32), np.ones((5, 7), np.float32)])
def test_flat_and_two_dimensional_nifti(array: np.ndarray, tmp_path: Path) -> None:
    assert load("mri", nifti(tmp_path / "x.nii", array, "LPS")).tolist() == np.zeros((1, 7, 5)).tolist()


def test_what_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    Image.fromarray(ramp(np.uint8)).save(tmp_path / "8.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "8.png").read_bytes()[:100])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8b\x08\0hello")
    (tmp_path / "bad.nii").write_text("hello")
    (tmp_path / "x.dcm").write_bytes(b"")
    nifti(tmp_path / "volume.nii", np.zeros((4, 5, 6), np.float32), "RAS")
    nifti(tmp_path / "nan.nii", np.full((4, 5, 1), np.nan, np.float32), "RAS")
    for modality, name, message in [
        ("xray", "none.png", "no such file"),
        ("xray", "bad.png", "cannot be read"),
        ("xray", "text.png", "cannot be read"),
        ("mri", "bad.nii.gz", "cannot be read"),
        ("mri", "bad.nii", "cannot be read"),
        ("mri", "volume.nii", "cut volumes first"),
        ("mri", "nan.nii", "not finite"),
        ("photo", "volume.nii", "cut volumes first"),
        ("xray", "x.dcm", "images are read from"),
        ("ct", "8.png", "lost their Hounsfield units"),
    ]:
        with pytest.raises(RuntimeError) as error:
            load(modality, tmp_path / name)
        assert isinstance(error.value.__cause__, UserError)
        assert message in str(error.value.__cause__)
        assert str(error.value.__cause__).startswith(str(tmp_path / name))


def test_transforms_go_to_data_loader_workers() -> None:
    for transforms in (scale_to_range("xray", ["a", "b"]), clip_to_range("ct", "a")):
        assert pickle.loads(pickle.dumps(transforms)).transforms[0].keys == transforms.transforms[0].keys
    with pytest.raises(UserError, match="did you mean 'xray'"):
        scale_to_range("xra", "a")
