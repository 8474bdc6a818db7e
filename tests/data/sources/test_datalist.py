"""MONAI's datalist."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from monai.data import load_decathlon_datalist

from synthmed.data.reading import read_array
from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.data.sources.datalist import Datalist
from synthmed.errors import UserError

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def decathlon(folder: Path) -> dict[str, Any]:
    """Task04's layout with three training volumes and a test one."""
    for sub in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / sub).mkdir()
    for number in (1, 2, 3):
        image = np.full((6, 5, 7), number, np.int16)
        nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), folder / f"imagesTr/h_{number}.nii.gz")
        nibabel.save(
            nibabel.Nifti1Image((image > 1).astype(np.uint8), np.eye(4)), folder / f"labelsTr/h_{number}.nii.gz"
        )
    nibabel.save(nibabel.Nifti1Image(np.ones((6, 5, 7), np.int16), np.eye(4)), folder / "imagesTs/h_9.nii.gz")
    return {
        "name": "Hippocampus",
        "licence": "CC-BY-SA 4.0",
        "modality": {"0": "MRI"},
        "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
        "training": [
            {"image": f"./imagesTr/h_{number}.nii.gz", "label": f"./labelsTr/h_{number}.nii.gz"} for number in (1, 2, 3)
        ],
        "test": ["./imagesTs/h_9.nii.gz"],
    }


def test_a_decathlon_task(put: Put, read: Read, tmp_path: Path) -> None:
    put("dataset.json", json.dumps(decathlon(tmp_path)))
    records, problems = read(Datalist())
    assert problems == []
    assert [(record.id, record.split) for record in records] == [
        ("imagesTr/h_1.nii.gz#3", "train"),
        ("imagesTr/h_2.nii.gz#3", "train"),
        ("imagesTr/h_3.nii.gz#3", "train"),
        ("imagesTs/h_9.nii.gz#3", "test"),
    ]
    first = records[0]
    assert first.images == {"mri": FileRef(tmp_path / "imagesTr/h_1.nii.gz", (2, 3))}
    mask = MaskRef((FileRef(tmp_path / "labelsTr/h_1.nii.gz", (2, 3)),), {1: "Anterior", 2: "Posterior"})
    assert first.masks == {"mri": mask}
    assert first.licence == "CC-BY-SA 4.0"
    assert records[3].masks == {}
    assert len({record.patient for record in records}) == 4


def test_the_same_files_as_monai_reads(put: Put, read: Read, tmp_path: Path) -> None:
    path = put("dataset.json", json.dumps(decathlon(tmp_path)))
    records, _ = read(Datalist())
    for section, split in (("training", "train"), ("test", "test")):
        theirs = [item["image"] for item in load_decathlon_datalist(path, True, section)]
        assert [str(r.images["mri"].path) for r in records if r.split == split] == theirs


def test_slices_with_the_mask(put: Put, read: Read, tmp_path: Path) -> None:
    put("dataset.json", json.dumps(decathlon(tmp_path)))
    records, problems = read(Datalist(slices="mask:3"))
    assert [record.id for record in records if "h_2" in record.id] == [f"imagesTr/h_2.nii.gz#{z}" for z in (0, 3, 6)]
    assert len({record.patient for record in records if "h_2" in record.id}) == 1
    assert [record.id for record in records if "h_1" in record.id] == []
    assert problems == [p for p in problems if "test[0]" in p and "no mask" in p] != []


def test_classes_and_a_validation_list(put: Put, read: Read) -> None:
    put("x.png"), put("y.png"), put("z.png")
    content = {
        "labels": {"0": "normal", "1": "pneumonia"},
        "training": [{"image": ["x.png"], "label": 1, "patient": "p"}],
        "validation": [{"image": "y.png", "label": "effusion"}],
        "testing": [{"image": "z.png", "label": [1, "mass"]}],
    }
    put("lists/my.json", json.dumps(content))
    records, problems = read(Datalist(file="my.json", modality="xray"), put("lists/x.png").parent)
    assert [record.id for record in records] == ["x.png"]
    assert len(problems) == 2
    put("my.json", json.dumps(content))
    records, _ = read(Datalist(file="my.json", modality="xray"))
    assert [(r.id, r.split, r.labels, r.patient != "") for r in records] == [
        ("x.png", "train", ("pneumonia",), True),
        ("y.png", "val", ("effusion",), False),
        ("z.png", "test", ("pneumonia", "mass"), False),
    ]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"image": "../a.png"}, "not the name of a file within"),
        ({"image": "gone.png"}, "missing file"),
        ({"image": "b.png", "label": "../l.png"}, "not the name of a file within"),
        ({"image": ["a.png", "b.png"]}, "no image, or more than one"),
        ({}, "no image"),
        (7, "no image"),
        ({"image": "a.png"}, "there already"),
    ],
)
def test_a_bad_item_is_a_problem(put: Put, read: Read, item: object, words: str) -> None:
    put("a.png"), put("b.png")
    put("dataset.json", json.dumps({"training": [{"image": "a.png"}, item]}))
    records, problems = read(Datalist())
    assert [record.id for record in records] == ["a.png"]
    assert len(problems) == 1
    assert problems[0].startswith("dataset.json: training[1]: ")
    assert words in problems[0]


def test_channels_need_names(put: Put, read: Read, tmp_path: Path) -> None:
    image = np.ones((4, 5, 6, 2), np.int16)
    image[..., 1] = 2
    nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), tmp_path / "b.nii.gz")
    put("dataset.json", '{"training": [{"image": "b.nii.gz"}]}')
    records, problems = read(Datalist())
    assert records == []
    assert "2 channels" in problems[0]
    put("dataset.json", '{"modality": {"0": "FLAIR", "1": "T1w"}, "training": [{"image": "b.nii.gz"}]}')
    [record], problems = read(Datalist())
    assert problems == []
    path = tmp_path / "b.nii.gz"
    assert record.images == {"mri.flair": FileRef(path, (2, 3), 0), "mri": FileRef(path, (2, 3), 1)}
    assert (read_array(record.images["mri"]).values == 2).all()


@pytest.mark.parametrize("content", ["{", "[]", '{"train": []}', "[" * 100_000])
def test_a_file_that_is_none(put: Put, read: Read, content: str) -> None:
    put("dataset.json", content)
    with pytest.raises(UserError, match=r"dataset\.json"):
        read(Datalist())


def test_a_wrong_root(read: Read) -> None:
    with pytest.raises(UserError, match=r"no dataset\.json or datalist\.json"):
        read(Datalist())
