"""COCO."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthmed.data.record import FileRef, Record
from synthmed.data.sources.coco import Coco
from synthmed.errors import UserError
from synthmed.sample import Box

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def content(**changes: Any) -> dict[str, Any]:
    return {
        "info": {"year": 2017},
        "licenses": [{"id": 4, "name": "Attribution License", "url": "u"}],
        "images": [
            {"id": 9, "file_name": "b.jpg", "width": 640, "height": 480, "license": 4},
            {"id": 2, "file_name": "a.jpg", "width": 64, "height": 48},
        ],
        "categories": [{"id": 2, "name": "WBC", "supercategory": "cell"}, {"id": 1, "name": "RBC"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 2, "bbox": [385.5, 98, 138, 100], "iscrowd": 0, "area": 1},
            {"id": 2, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"id": 3, "image_id": 9, "category_id": 2, "bbox": [0, 0, 600, 400], "iscrowd": 1},
        ],
        **changes,
    }


def test_boxes_categories_and_licences(put: Put, read: Read, tmp_path: Path) -> None:
    put("train2017/a.jpg"), put("train2017/b.jpg")
    put("annotations/instances_train2017.json", json.dumps(content()))
    put("annotations/captions_train2017.json", json.dumps({"images": [], "annotations": []}))
    records, problems = read(Coco())
    assert problems == []
    assert records == [
        Record(
            "train2017/b.jpg",
            {"photo": FileRef(tmp_path / "train2017/b.jpg")},
            split="train",
            boxes=(Box("photo", "WBC", 385.5, 98.0, 138.0, 100.0), Box("photo", "RBC", 1.0, 2.0, 3.0, 4.0)),
            labels=("RBC", "WBC"),
            licence="Attribution License",
            attributes={"crowd": True},
        ),
        Record("train2017/a.jpg", {"photo": FileRef(tmp_path / "train2017/a.jpg")}, split="train"),
    ]
    records, _ = read(Coco(crowd=True))
    assert len(records[0].boxes) == 3


@pytest.mark.parametrize(
    ("file", "folder", "split"),
    [
        ("valid/_annotations.coco.json", "valid", "val"),
        ("annotations/instances_val2017.json", "val2017", "val"),
        ("instances.json", "images", ""),
        ("test.json", "images/test", "test"),
    ],
)
def test_where_images_are_looked_for(put: Put, read: Read, file: str, folder: str, split: str) -> None:
    put(f"{folder}/a.jpg"), put(f"{folder}/b.jpg")
    put(file, json.dumps(content()))
    records, problems = read(Coco())
    assert problems == []
    assert [(record.id, record.split) for record in records] == [
        (f"{folder}/b.jpg", split),
        (f"{folder}/a.jpg", split),
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, "an image that is not listed"),
        ({"annotations": [{"image_id": 9, "category_id": 5, "bbox": [0, 0, 1, 1]}]}, "a box without a label"),
        ({"annotations": [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1]}]}, "not four numbers"),
        ({"annotations": [{"image_id": 9, "category_id": 1}]}, "not four numbers"),
        ({"annotations": ["x"]}, "no category"),
        ({"images": [*content()["images"], {"id": 9, "file_name": "c.jpg"}]}, "id 9 is there already"),
        ({"images": [*content()["images"], {"id": 3, "file_name": "a.jpg"}]}, "its file is there already"),
        ({"images": [*content()["images"], {"id": 3, "file_name": "gone.jpg"}]}, "missing file"),
        ({"images": [*content()["images"], {"id": 3, "file_name": "../../x.jpg"}]}, "not the name of a file within"),
        ({"images": [*content()["images"], {"file_name": "a.jpg"}]}, "no id or no file_name"),
    ],
)
def test_a_bad_entry_is_a_problem(put: Put, read: Read, changes: dict[str, Any], words: str) -> None:
    put("images/a.jpg"), put("images/b.jpg"), put("instances.json", json.dumps(content(**changes)))
    records, problems = read(Coco())
    assert [record.id for record in records] == ["images/b.jpg", "images/a.jpg"]
    assert len(problems) == 1
    assert words in problems[0]


def test_named_files(put: Put, read: Read) -> None:
    put("pictures/a.jpg"), put("pictures/b.jpg"), put("deep/er/x.json", json.dumps(content()))
    records, _ = read(Coco("deep/er/x.json", "pictures", modality="xray"))
    assert [list(record.images) for record in records] == [["xray"], ["xray"]]


def test_a_wrong_root(put: Put, read: Read) -> None:
    with pytest.raises(UserError, match="no JSON file with COCO's images"):
        read(Coco())
    put("instances.json", "{}")
    with pytest.raises(UserError, match="no JSON file with COCO's images"):
        read(Coco())
