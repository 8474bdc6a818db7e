"""A table whose columns the options name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.data.sources.table import Table
from synthmed.errors import UserError
from synthmed.sample import Box

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]
ALL = Table(
    id="name",
    image="file",
    mask="seg",
    mask_names={1: "lung"},
    text="notes",
    labels="dx",
    negative="healthy",
    patient="who",
    split="set",
    boxes="rois",
)


def test_every_column_of_a_csv(put: Put, read: Read, tmp_path: Path) -> None:
    put("i/1.png"), put("i/2.png"), put("m/1.png")
    put(
        "table.csv",
        "name,file,seg,notes,dx,who,set,rois\n"
        'a,i/1.png,m/1.png,"Two lines,\nof text",mass | effusion,p1,training,'
        '"[{""label"": ""mass"", ""x"": 1, ""y"": 2.5, ""w"": 3, ""h"": 4}]"\n'
        "b,i/2.png,,,healthy,p2,test,\n",
    )
    records, problems = read(ALL)
    assert problems == []
    assert records == [
        Record(
            "a",
            {"xray": FileRef(tmp_path / "i/1.png")},
            patient=pseudonym("table", "p1"),
            split="train",
            masks={"xray": MaskRef((FileRef(tmp_path / "m/1.png"),), {1: "lung"})},
            boxes=(Box("xray", "mass", 1.0, 2.5, 3.0, 4.0),),
            labels=("mass", "effusion"),
            text="Two lines,\nof text",
            text_kind="report",
        ),
        Record(
            "b",
            {"xray": FileRef(tmp_path / "i/2.png")},
            patient=pseudonym("table", "p2"),
            split="test",
            labels=("no finding",),
        ),
    ]


def test_several_images_a_row_of_a_jsonl(put: Put, read: Read, tmp_path: Path) -> None:
    put("c.png"), put("m.png")
    put("t.jsonl", json.dumps({"ct": "c.png", "mr": "m.png", "dx": ["a", "b"], "n": 7}) + "\n")
    records, problems = read(Table("t.jsonl", image={"ct": "ct", "mri.t2": "mr"}, labels="dx", id="n"))
    assert problems == []
    assert records == [
        Record("7", {"ct": FileRef(tmp_path / "c.png"), "mri.t2": FileRef(tmp_path / "m.png")}, labels=("a", "b"))
    ]


def test_a_tsv_with_line_numbers_as_ids(put: Put, read: Read) -> None:
    put("a.png"), put("t.tsv", "image\tx\na.png\t1\na.png\t2\n")
    records, _ = read(Table("t.tsv"))
    assert [record.id for record in records] == ["2", "3"]


def test_volumes_with_their_mask(read: Read, put: Put, tmp_path: Path) -> None:
    mask = np.zeros((5, 4, 9), np.uint8)
    mask[2, 1, [3, 6]] = 1
    nibabel.save(nibabel.Nifti1Image(np.ones((5, 4, 9), np.int16), np.eye(4)), tmp_path / "v.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "m.nii.gz")
    put("table.csv", "image,mask\nv.nii.gz,m.nii.gz\n")
    records, problems = read(Table(modality="ct", mask="mask", slices="mask"))
    assert problems == []
    assert [record.id for record in records] == ["2#3", "2#6"]
    assert records[1].masks == {"ct": MaskRef((FileRef(tmp_path / "m.nii.gz", (2, 6)),), {1: "lesion"})}
    assert records[0].patient == records[1].patient != ""


def test_a_mask_on_another_grid_is_a_problem(read: Read, put: Put, tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((5, 4, 9), np.int16), np.eye(4)), tmp_path / "v.nii")
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 9), np.uint8), np.eye(4)), tmp_path / "m.nii")
    put("table.csv", "image,mask\nv.nii,m.nii\n")
    records, problems = read(Table(mask="mask"))
    assert records == []
    assert "its image v.nii has (5, 4, 9)" in problems[0]


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "i/../../secret.png", "", "gone.png", "i"])
def test_paths_may_not_leave_the_root(put: Put, read: Read, tmp_path: Path, name: str) -> None:
    put("secret.png"), put("root/i/1.png"), put("root/table.csv", f"image,n\n{name},1\ni/1.png,2\n")
    records, problems = read(Table(), tmp_path / "root")
    assert [record.id for record in records] == ["3"]
    assert len(problems) == 1
    assert problems[0].startswith("root/table.csv:2: ")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,i.png,,,,,train,", "there already"),
        (",i.png,,,,,train,", "is empty"),
        ("b,i.png,,,,,trian,", "'trian' is none of train, val, test"),
        ("b,i.png,,,,,,{}", "boxes are not a list"),
        ("b,i.png,,,,,,[", "boxes are not JSON"),
        ("b,i.png,,,,,,[1]", "not an object"),
        ('b,i.png,,,,,,"[{""label"": ""m"", ""x"": 0, ""y"": 0, ""w"": 0, ""h"": 4}]"', "0 x 4 pixels"),
        ('b,i.png,,,,,,"[{""label"": ""m"", ""x"": NaN, ""y"": 0, ""w"": 1, ""h"": 4}]"', "not four numbers"),
        ("b,i.png,gone.png,,,,,", "missing file"),
        ("b,i.png", "2 values under 8 columns"),
    ],
)
def test_a_bad_row_is_a_problem_and_the_next_follows(put: Put, read: Read, row: str, words: str) -> None:
    put("i.png")
    put("table.csv", f"name,file,seg,notes,dx,who,set,rois\na,i.png,,,,,,\n{row}\nz,i.png,,,,,,\n")
    records, problems = read(ALL)
    assert [record.id for record in records] == ["a", "z"]
    assert len(problems) == 1
    assert words in problems[0]
    assert problems[0].startswith("table.csv:3: ")


def test_a_jsonl_row_without_a_column(put: Put, read: Read) -> None:
    put("a.png"), put("t.jsonl", '{"image": "a.png"}\n{"imag": "a.png"}\n')
    records, problems = read(Table("t.jsonl"))
    assert [record.id for record in records] == ["1"]
    assert problems == ["t.jsonl:2: no image"]


def test_a_wrong_root(put: Put, read: Read) -> None:
    with pytest.raises(UserError, match=r"there is no table\.csv"):
        read(Table())
    put("table.csv", "file\na.png\n")
    with pytest.raises(UserError, match="no column 'image'"):
        read(Table())
    put("table.txt", "image\n")
    with pytest.raises(UserError, match=r"\.csv, \.tsv or \.jsonl"):
        read(Table("table.txt"))
