from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.nifti import axial, put_mask, put_nifti

from synthmed.data.reading import read_array
from synthmed.data.sources.brats2020 import BraTS2020
from synthmed.errors import UserError

SHAPE = (6, 5, 20)
FIELDS = {"mri": "t1", "mri.t2": "t2", "mri.flair": "flair", "mri.t1c": "t1ce"}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData"


@pytest.fixture
def arrays(tmp_path: Path, base: Path) -> dict[str, np.ndarray]:
    made = {}
    validation = tmp_path / "BraTS2020_ValidationData/MICCAI_BraTS2020_ValidationData"
    for folder, name, suffix in (
        (base, "BraTS20_Training_001", "nii.gz"),
        (base, "BraTS20_Training_355", "nii"),
        (validation, "BraTS20_Validation_001", "nii"),
    ):
        for seed, contrast in enumerate(FIELDS.values()):
            stem = f"{name}_{contrast}"
            made[stem] = put_nifti(folder / name / f"{stem}.{suffix}", SHAPE, seed)
    put_mask(base / "BraTS20_Training_001/BraTS20_Training_001_seg.nii.gz", SHAPE, dict.fromkeys(range(3, 13), 4))
    put_mask(base / "BraTS20_Training_355/W39_1998.09.19_Segm.nii", SHAPE, {7: 2})
    columns = "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID"
    (base / "name_mapping.csv").write_text(
        f"{columns},BraTS_2020_subject_ID\nHGG,a,b,NA,c,BraTS20_Training_001\nLGG,a,b,NA,c,BraTS20_Training_355\n"
    )
    (base / "survival_info.csv").write_text(
        "Brats20ID,Age,Survival_days,Extent_of_Resection\nBraTS20_Training_001,60.463,289,GTR\n"
    )
    return made


def test_four_contrasts_of_one_slice(arrays, read) -> None:
    records, problems = read(BraTS2020())
    assert [record.id for record in records] == [
        "BraTS20_Training_001#03",
        "BraTS20_Training_001#11",
        "BraTS20_Training_355#07",
    ]
    assert len(problems) == 1
    assert "BraTS20_Validation_001: slices 'mask:8': this volume has no mask" in problems[0]
    for record in records:
        name, z = record.id.split("#")
        assert set(record.images) == set(FIELDS) == set(record.masks)
        for field, contrast in FIELDS.items():
            values = read_array(record.images[field]).values
            np.testing.assert_array_equal(values, axial(arrays[f"{name}_{contrast}"], int(z)))
            (mask,) = record.masks[field].files
            assert read_array(mask).values.max() == (4 if name.endswith("001") else 2)
            assert set(record.masks[field].names) == {1, 2, 4}
    assert [record.labels for record in records] == [("high-grade glioma",)] * 2 + [("low-grade glioma",)]
    assert records[0].attributes == {"age": 60.463}
    assert records[2].attributes == {}
    assert len({record.patient for record in records}) == 2
    assert {record.split for record in records} == {"train"}


@pytest.mark.parametrize(
    "inside", ["", "BraTS2020_TrainingData", "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData"]
)
def test_any_level_may_be_the_root(inside: str, arrays, read, tmp_path: Path) -> None:
    records, _ = read(BraTS2020(slices="central"), tmp_path / inside)
    assert [record.id for record in records][:2] == ["BraTS20_Training_001#10", "BraTS20_Training_355#10"]
    assert [(record.split, record.masks, record.labels) for record in records[2:]] == (
        [] if inside else [("val", {}, ())]
    )


def test_what_is_missing(arrays, read, base: Path, tmp_path: Path) -> None:
    (base / "name_mapping.csv").write_text("Grade,other\nHGG,x\n")
    (base / "survival_info.csv").unlink()
    (base / "BraTS20_Training_001/BraTS20_Training_001_t2.nii.gz").unlink()
    (base / "BraTS20_Training_355/W39_1998.09.19_Segm.nii").unlink()
    records, problems = read(BraTS2020(slices="central"))
    assert [(record.id, record.labels) for record in records] == [
        ("BraTS20_Training_355#10", ()),
        ("BraTS20_Validation_001#10", ()),
    ]
    reasons = ("no column", "No such file", "_t2.nii", "_seg.nii")
    assert all(reason in line for line, reason in zip(problems, reasons, strict=True))
    put_nifti(base / "BraTS20_Training_001/BraTS20_Training_001_t2.nii", (6, 5, 19))
    _, problems = read(BraTS2020(slices="central"))
    assert "shape (6, 5, 19); BraTS20_Training_001_t1.nii.gz of the same study has (6, 5, 20)" in problems[2]
    with pytest.raises(UserError, match="BraTS20_Training_001"):
        list(BraTS2020().records(tmp_path / "none"))
