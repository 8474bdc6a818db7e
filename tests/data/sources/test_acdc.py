from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.nifti import axial, put_mask, put_nifti

from synthmed.data.identity import pseudonym
from synthmed.data.reading import read_array
from synthmed.data.sources.acdc import ACDC
from synthmed.errors import UserError

SHAPE = (7, 5, 3)
INFO = "ED: 1\nES: 12\nGroup: {}\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n"


def patient(folder: Path, group: str, seed: int) -> dict[str, np.ndarray]:
    arrays = {}
    for frame, z in (("01", 0), ("12", 2)):
        stem = f"{folder.name}_frame{frame}"
        arrays[stem] = put_nifti(folder / f"{stem}.nii.gz", SHAPE, seed + z)
        arrays[f"{stem}_gt"] = put_mask(folder / f"{stem}_gt.nii.gz", SHAPE, {z: 3, 1: 1})
    (folder / "Info.cfg").write_text(INFO.format(group))
    (folder / f"{folder.name}_4d.nii.gz").write_bytes(b"never opened")
    return arrays


@pytest.fixture
def arrays(tmp_path: Path) -> dict[str, np.ndarray]:
    (tmp_path / "database/MANDATORY_CITATION.md").parent.mkdir()
    (tmp_path / "database/MANDATORY_CITATION.md").write_text("cite")
    groups = {"training/patient001": "DCM", "training/patient002": "NOR", "testing/patient101": "RV"}
    return {
        name: array
        for seed, (place, group) in enumerate(groups.items())
        for name, array in patient(tmp_path / "database" / place, group, seed * 10).items()
    }


def test_slices_masks_labels_and_splits(arrays, read) -> None:
    records, problems = read(ACDC())
    assert not problems
    assert len(records) == 3 * 2 * 3
    assert len({record.id for record in records}) == len(records)
    for record in records:
        stem, z = record.id.split("/")[1].split("#")
        pixels = read_array(record.images["mri"])
        np.testing.assert_array_equal(pixels.values, axial(arrays[stem], int(z)))
        assert pixels.spacing == (0.75, 1.5)
        (mask,) = record.masks["mri"].files
        np.testing.assert_array_equal(read_array(mask).values, axial(arrays[f"{stem}_gt"], int(z)))
        assert record.masks["mri"].names == {1: "right ventricle", 2: "myocardium", 3: "left ventricle"}
        assert record.patient == pseudonym("acdc", stem[:10])
        assert record.split == ("test" if stem.startswith("patient101") else "train")
        assert record.attributes["phase"] == ("ED" if "frame01" in stem else "ES")
    labels = {record.id[:-2].split("_")[0]: record.labels for record in records}
    assert labels == {
        "train/patient001": ("dilated cardiomyopathy",),
        "train/patient002": ("no finding",),
        "test/patient101": ("abnormal right ventricle",),
    }
    assert records[0].attributes == {"group": "DCM", "height": 184.0, "weight": 95.0, "phase": "ED"}


def test_the_mask_rule(arrays, read) -> None:
    records, _ = read(ACDC(slices="mask"))
    assert [record.id for record in records][:4] == [
        "train/patient001_frame01#0",
        "train/patient001_frame01#1",
        "train/patient001_frame12#1",
        "train/patient001_frame12#2",
    ]


def test_what_is_missing_or_damaged(arrays, read, tmp_path: Path) -> None:
    first, second = (tmp_path / "database/training" / name for name in ("patient001", "patient002"))
    (first / "patient001_frame01.nii.gz").unlink()
    (second / "patient002_frame01_gt.nii.gz").unlink()
    (first / "patient001_frame12_gt.nii.gz").write_bytes(b"no")
    (second / "Info.cfg").write_text("ED: 1\nGroup: XYZ\nHeight: tall\n")
    (tmp_path / "database/testing/patient101/Info.cfg").write_bytes(b"\xff\xfe")
    records, problems = read(ACDC())
    assert [record.id for record in records] == [f"train/patient002_frame01#{z}" for z in range(3)]
    assert records[0].labels == ()
    assert [line.split(": ")[0].split("/")[-1] for line in problems] == [
        "patient001_frame01.nii.gz",
        "patient001_frame12.nii.gz",
        "Info.cfg",
        "Info.cfg",
        "patient002_frame01_gt.nii.gz",
        "Info.cfg",
        "Info.cfg",
    ]
    assert "No such file" in problems[0]
    assert "patient001_frame12_gt.nii.gz" in problems[1]
    assert "not UTF-8" in problems[-1]


def test_wrong_folder_and_rule(tmp_path: Path, read) -> None:
    with pytest.raises(UserError, match="patient"):
        read(ACDC())
    with pytest.raises(UserError, match="slices 'all'"):
        read(ACDC(slices="all"))
