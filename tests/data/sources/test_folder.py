"""A folder of images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image

from synthmed.data.reading import read_array
from synthmed.data.record import FileRef, Record
from synthmed.data.sources.folder import Folder
from synthmed.errors import UserError

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def volume(path: Path, array: np.ndarray[Any, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    return path


def test_files_in_order_with_their_paths_as_ids(put: Put, read: Read, tmp_path: Path) -> None:
    for name in ("b.png", "a/2.JPG", "a/1.bmp", "a/notes.txt", ".hidden/x.png", "a/.y.png"):
        put(name)
    records, problems = read(Folder(modality="mri.t1"))
    assert problems == []
    assert records == [Record(name, {"mri": FileRef(tmp_path / name)}) for name in ("a/1.bmp", "a/2.JPG", "b.png")]


def test_pixels_are_the_files_own(read: Read, tmp_path: Path) -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(3, 5)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    [record], _ = read(Folder())
    assert (read_array(record.images["xray"]).values == pixels[None]).all()


def test_a_volume_gives_slices_of_one_patient(read: Read, tmp_path: Path) -> None:
    array = np.arange(5 * 4 * 12, dtype=np.int16).reshape(5, 4, 12)
    path = volume(tmp_path / "s" / "head.nii.gz", array)
    records, problems = read(Folder(modality="mri", slices="every:5"))
    assert problems == []
    assert [record.id for record in records] == ["s/head.nii.gz#02", "s/head.nii.gz#07"]
    assert [record.images["mri"] for record in records] == [FileRef(path, (2, 2)), FileRef(path, (2, 7))]
    assert len({record.patient for record in records}) == 1
    assert len(records[0].patient) == 24
    # Rows run from anterior to posterior, columns from right to left: 4 rows of 5.
    assert read_array(records[1].images["mri"]).values.shape == (1, 4, 5)


def test_axial_slices_whatever_the_order_of_axes(read: Read, tmp_path: Path) -> None:
    affine = np.array([[0, 0, 2, 0], [3, 0, 0, 0], [0, 4, 0, 0], [0, 0, 0, 1]], dtype=float)
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 6, 8), np.int16), affine), tmp_path / "a.nii")
    [record], _ = read(Folder(modality="mri"))
    assert record.images["mri"].plane == (1, 3)


@pytest.mark.parametrize("content", [b"", b"not a volume" * 100])
def test_a_damaged_volume_is_a_problem(put: Put, read: Read, content: bytes) -> None:
    put("bad.nii.gz", content)
    put("good.png")
    records, problems = read(Folder())
    assert [record.id for record in records] == ["good.png"]
    assert len(problems) == 1
    assert problems[0].startswith("bad.nii.gz: ")


def test_a_mask_rule_needs_a_mask(read: Read, tmp_path: Path) -> None:
    volume(tmp_path / "a.nii", np.zeros((3, 4, 5), np.int16))
    records, problems = read(Folder(slices="mask"))
    assert records == []
    assert "no mask" in problems[0]


def test_links_that_leave_or_loop_are_problems(put: Put, read: Read, tmp_path: Path) -> None:
    put("root/a/1.png")
    put("outside/2.png")
    root = tmp_path / "root"
    os.symlink("../../outside", root / "a" / "out")
    os.symlink("../../outside/2.png", root / "a" / "2.png")
    os.symlink("..", root / "a" / "up")
    os.symlink("nowhere", root / "a" / "gone.png")
    os.symlink("self.png", root / "a" / "self.png")
    os.symlink("1.png", root / "a" / "again.png")
    records, problems = read(Folder(), root)
    assert [record.id for record in records] == ["a/1.png", "a/again.png"]
    assert problems == [
        "root/a/2.png: a link that leaves root",
        "root/a/gone.png: a link that leads nowhere",
        "root/a/out: a link that leaves root",
        "root/a/self.png: a link that leads nowhere",
        "root/a/up: a link to a folder that it is in",
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Folder(modality="xry"), "xray"),
        (Folder(modality="ct.mask"), "write the name of an image"),
        (Folder(modality="text"), "write the name of an image"),
        (Folder(slices="all"), "write central"),
    ],
)
def test_options_that_are_none(put: Put, read: Read, source: Folder, words: str) -> None:
    put("a.png")
    with pytest.raises(UserError, match=words):
        read(source)


def test_a_wrong_root(read: Read, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        read(Folder(), tmp_path / "gone")
    with pytest.raises(UserError, match="no image"):
        read(Folder())
