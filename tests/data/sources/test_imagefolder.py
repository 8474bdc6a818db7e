"""Hugging Face's imagefolder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from synthmed.data.record import FileRef, Record
from synthmed.data.sources.imagefolder import ImageFolder
from synthmed.errors import UserError
from synthmed.sample import Box

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def test_captions_and_labels_below_splits(put: Put, read: Read, tmp_path: Path) -> None:
    for name in ("train/1.png", "train/sub/2.jpg", "validation/1.png"):
        put(name)
    put("train/metadata.csv", 'file_name,text,label\n1.png,"A caption, with a comma",mass|node\nsub/2.jpg,,none\n')
    put("validation/metadata.jsonl", '{"file_name": "1.png", "text": "Another", "label": ["node"]}\n')
    records, problems = read(ImageFolder(modality="xray", negative="none"))
    assert problems == []
    assert records == [
        Record(
            "train/1.png",
            {"xray": FileRef(tmp_path / "train/1.png")},
            split="train",
            labels=("mass", "node"),
            text="A caption, with a comma",
            text_kind="caption",
        ),
        Record(
            "train/sub/2.jpg",
            {"xray": FileRef(tmp_path / "train/sub/2.jpg")},
            split="train",
            labels=("no finding",),
        ),
        Record(
            "validation/1.png",
            {"xray": FileRef(tmp_path / "validation/1.png")},
            split="val",
            labels=("node",),
            text="Another",
            text_kind="caption",
        ),
    ]


def test_boxes(put: Put, read: Read) -> None:
    put("a.png"), put("b.png")
    rows = [
        {"file_name": "a.png", "objects": {"bbox": [[302.0, 109.0, 73.0, 52.0]], "categories": [1]}},
        {"file_name": "b.png", "objects": {"bbox": [[1, 2, 3, 4]], "category": ["cell"]}},
    ]
    put("metadata.jsonl", "\n".join(map(json.dumps, rows)))
    records, problems = read(ImageFolder(categories=("x", "node")))
    assert problems == []
    assert [record.boxes for record in records] == [
        (Box("photo", "node", 302.0, 109.0, 73.0, 52.0),),
        (Box("photo", "cell", 1.0, 2.0, 3.0, 4.0),),
    ]


def test_the_same_rows_as_datasets_reads(put: Put, read: Read, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for name, size in (("train/a.png", (3, 2)), ("train/b.png", (5, 4))):
        path = put(f"data/{name}")
        Image.new("RGB", size).save(path)
    put("data/train/metadata.jsonl", '{"file_name": "a.png", "text": "one"}\n{"file_name": "b.png", "text": "two"}\n')
    root = tmp_path / "data"
    theirs = datasets.load_dataset("imagefolder", data_dir=str(root), split="train", cache_dir=str(tmp_path / "cache"))
    records, _ = read(ImageFolder(), root)
    assert {record.text: Image.open(record.images["photo"].path).size for record in records} == {
        row["text"]: row["image"].size for row in theirs
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"file_name": "../a.png"}, "not the name of a file within"),
        ({"file_name": "/a.png"}, "not the name of a file within"),
        ({"file_name": "gone.png"}, "missing file"),
        ({"text": "x"}, "not the name of a file within"),
        ({"file_name": "a.png"}, "there already"),
        ({"file_name": "b.png", "objects": {"bbox": [[1, 2, 3, 4]]}}, "as many bbox as categories"),
        ({"file_name": "b.png", "objects": {"bbox": [[1, 2, 3]], "categories": [0]}}, "not four numbers"),
        ({"file_name": "b.png", "objects": {"bbox": [[1, 2, 3, -4]], "categories": [0]}}, "3 x -4 pixels"),
    ],
)
def test_a_bad_row_is_a_problem(put: Put, read: Read, row: dict[str, object], words: str) -> None:
    put("d/a.png"), put("d/b.png"), put("a.png")
    put("d/metadata.jsonl", f'{{"file_name": "a.png"}}\n{json.dumps(row)}\n')
    records, problems = read(ImageFolder())
    assert [record.id for record in records] == ["d/a.png"]
    assert problems[0].startswith("d/metadata.jsonl:2: ")
    assert words in problems[0]
    unused = "an image without a usable row in the metadata"
    assert problems[1:] == [f"a.png: {unused}", f"d/b.png: {unused}"]


def test_a_wrong_root(put: Put, read: Read) -> None:
    put("a.png")
    with pytest.raises(UserError, match=r"no metadata\.csv or metadata\.jsonl"):
        read(ImageFolder())
    put("metadata.csv", "file,text\na.png,x\n")
    with pytest.raises(UserError, match="no column 'file_name'"):
        read(ImageFolder())
