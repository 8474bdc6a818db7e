from __future__ import annotations

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.nih_chestxray14 import NihChestXray14
from synthmed.errors import UserError
from synthmed.sample import Box

# The trailing comma is the release's.
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
)
ROWS = (
    "00000001_000.png,Cardiomegaly|Emphysema,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n"
    "00000001_001.png,No Finding,1,1,58,M,PA,2894,2729,0.143,0.143,\n"
    "00013118_008.png,Pleural_Thickening|Infiltration,8,13118,69,F,AP,2500,2048,0.168,0.168,\n"
)
BOXES = (
    "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
    "00013118_008.png,Infiltrate,225.084745762712,547.019216763771,86.7796610169491,79.1864406779661,,,\n"
    "00013118_008.png,Atelectasis,1,2,3,4,,,\n"
)


@pytest.fixture
def release(put):
    put("Data_Entry_2017.csv", HEADER + ROWS)
    put("BBox_List_2017.csv", BOXES)
    put("train_val_list.txt", "00000001_000.png\n00000001_001.png")
    put("test_list.txt", "00013118_008.png\r\n")
    put("images_001/images/00000001_000.png")
    put("images_001/images/00000001_001.png")
    put("images_002/images/00013118_008.png")


def test_records(release, read, tmp_path):
    records, problems = read(NihChestXray14())
    assert problems == []
    assert [record.id for record in records] == ["00000001_000.png", "00000001_001.png", "00013118_008.png"]
    assert [record.split for record in records] == ["train", "train", "test"]
    assert [record.labels for record in records] == [
        ("cardiomegaly", "emphysema"),
        ("no finding",),
        ("pleural thickening", "infiltration"),
    ]
    assert records[0].patient == records[1].patient == pseudonym("nih_chestxray14", "1")
    assert records[0].attributes == {"age": 58, "sex": "male", "view": "PA"}
    assert records[2].images == {"xray": FileRef(tmp_path / "images_002/images/00013118_008.png")}
    assert records[2].boxes == (
        Box("xray", "infiltration", 225.084745762712, 547.019216763771, 86.7796610169491, 79.1864406779661),
        Box("xray", "atelectasis", 1.0, 2.0, 3.0, 4.0),
    )
    assert records[0].boxes == ()
    assert records[0].shippable


def test_one_image_folder_and_the_table_of_2020(put, read):
    put("Data_Entry_2017_v2020.csv", HEADER.replace(",\n", "\n") + ROWS.replace(",\n", "\n"))
    for name in ("00000001_000", "00000001_001", "00013118_008"):
        put(f"images/{name}.png")
    records, problems = read(NihChestXray14())
    assert [record.split for record in records] == [""] * 3
    names = ("train_val_list.txt", "test_list.txt", "BBox_List_2017.csv")
    assert problems == [f"{name}: missing file" for name in names]


def test_bad_rows(release, put, read, tmp_path):
    (tmp_path / "images_001/images/00000001_001.png").unlink()
    put("Data_Entry_2017.csv", (HEADER + ROWS + ROWS.split("\n")[0] + "\nx\n").encode() + b"\xff,,,,,,,,,,,\n")
    put("BBox_List_2017.csv", BOXES + "a.png,Mass,1,2,,4,,,\na.png,Mass,1,2,-3,4,,,\na.png,Mass,1,2,nan,4,,,\n")
    records, problems = read(NihChestXray14())
    assert len(records) == 2
    assert [problem.split(": ")[0] for problem in problems] == [
        *(f"BBox_List_2017.csv:{line}" for line in (4, 5, 6)),
        *(f"Data_Entry_2017.csv:{line}" for line in (3, 5, 6, 7)),
    ]
    assert "missing file 00000001_001.png in 2 image folders" in problems[3]


def test_wrong_root(read, put):
    with pytest.raises(UserError, match=r"Data_Entry_2017\.csv"):
        read(NihChestXray14())
    put("Data_Entry_2017.csv", HEADER)
    with pytest.raises(UserError, match="images_001/images"):
        read(NihChestXray14())
