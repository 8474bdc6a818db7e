"""Class folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synthmed.data.record import FileRef, Record
from synthmed.data.sources.class_folders import ClassFolders
from synthmed.errors import UserError

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def test_classes_without_splits(put: Put, read: Read, tmp_path: Path) -> None:
    for name in ("glioma/deep/er/2.png", "glioma/1.jpg", "notumor/3.jpeg"):
        put(name)
    records, problems = read(ClassFolders(modality="mri", negative="notumor"))
    assert problems == []
    assert records == [
        Record("glioma/1.jpg", {"mri": FileRef(tmp_path / "glioma/1.jpg")}, labels=("glioma",)),
        Record("glioma/deep/er/2.png", {"mri": FileRef(tmp_path / "glioma/deep/er/2.png")}, labels=("glioma",)),
        Record("notumor/3.jpeg", {"mri": FileRef(tmp_path / "notumor/3.jpeg")}, labels=("no finding",)),
    ]


def test_classes_below_splits(put: Put, read: Read) -> None:
    for name in ("Training/a/1.png", "test/b/2.png", "Validation/a/1.png"):
        put(name)
    records, problems = read(ClassFolders())
    assert problems == []
    assert [(record.id, record.split, record.labels) for record in records] == [
        ("Training/a/1.png", "train", ("a",)),
        ("Validation/a/1.png", "val", ("a",)),
        ("test/b/2.png", "test", ("b",)),
    ]


def test_an_image_in_no_class_is_a_problem(put: Put, read: Read) -> None:
    for name in ("0.png", "train/1.png", "train/a/2.png"):
        put(name)
    records, problems = read(ClassFolders())
    assert [record.id for record in records] == ["train/a/2.png"]
    assert problems == ["0.png: an image in no class folder", "train/1.png: an image in no class folder"]


def test_a_wrong_root(put: Put, read: Read, tmp_path: Path) -> None:
    put("1.png")
    with pytest.raises(UserError, match="no image in a class folder"):
        read(ClassFolders())
    with pytest.raises(UserError, match="no such folder"):
        read(ClassFolders(), tmp_path / "gone")
