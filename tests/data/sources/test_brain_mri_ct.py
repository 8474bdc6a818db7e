from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthmed.data.reading import read_array
from synthmed.data.sources.brain_mri_ct import BrainMriCt
from synthmed.errors import UserError

FILES = {
    "Brain Tumor CT scan Images/Healthy/ct_healthy (1).jpg": ("ct", ("no finding",)),
    "Brain Tumor CT scan Images/Tumor/ct_tumor (1).png": ("ct", ("brain tumour",)),
    "Brain Tumor MRI images/Healthy/mri_healthy (10).jpg": ("mri", ("no finding",)),
    "Brain Tumor MRI images/Tumor/glioma (246).jpg": ("mri", ("brain tumour", "glioma")),
    "Brain Tumor MRI images/Tumor/tumor (7).png": ("mri", ("brain tumour",)),
}


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path) -> None:
    for seed, name in enumerate(FILES):
        path = tmp_path / "Dataset" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5, 7, 3), seed * 20, np.uint8)).save(path)


@pytest.mark.parametrize("inside", ["", "Dataset"])
def test_each_picture_is_a_record(inside: str, read, tmp_path: Path) -> None:
    records, problems = read(BrainMriCt(), tmp_path / inside)
    assert not problems
    assert {record.id: (*record.images, record.labels) for record in records} == FILES
    for seed, record in enumerate(records):
        (ref,) = record.images.values()
        np.testing.assert_array_equal(read_array(ref).values, np.full((3, 5, 7), seed * 20))
        assert record.window == ({"ct": (0.0, 80.0)} if "ct" in record.images else {})
        assert record.patient == record.split == ""


def test_what_is_missing(read, tmp_path: Path) -> None:
    folder = tmp_path / "Dataset/Brain Tumor CT scan Images"
    (folder / "Tumor/Thumbs.db").write_bytes(b"x")
    (folder / "Healthy/ct_healthy (1).jpg").unlink()
    (folder / "Healthy").rmdir()
    records, problems = read(BrainMriCt())
    assert len(records) == 4
    assert len(problems) == 2
    assert "Healthy: there is no such folder" in problems[0]
    assert "Thumbs.db: not a picture" in problems[1]
    with pytest.raises(UserError, match="Brain Tumor"):
        list(BrainMriCt().records(tmp_path / "none"))
