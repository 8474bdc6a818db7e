from __future__ import annotations

import pytest

from synthmed.data.record import FileRef, MaskRef
from synthmed.data.sources.isic2017 import Isic2017
from synthmed.errors import UserError

HEADER = "image_id,melanoma,seborrheic_keratosis\n"
ROWS = {
    "Training": "ISIC_0000000,0.0,0.0\nISIC_0000002,1.0,0.0\n",
    "Validation": "ISIC_0001769,0.0,1.0\n",
    "Test_v2": "ISIC_0012086,0.0,0.0\n",
}


@pytest.fixture
def release(put):
    for part, rows in ROWS.items():
        put(f"ISIC-2017_{part}_Part3_GroundTruth.csv", HEADER + rows)
        for name in (row.split(",")[0] for row in rows.splitlines()):
            put(f"ISIC-2017_{part}_Data/{name}.jpg")
            put(f"ISIC-2017_{part}_Data/{name}_superpixels.png")
            put(f"ISIC-2017_{part}_Part1_GroundTruth/{name}_segmentation.png")


def test_records(release, read, tmp_path):
    records, problems = read(Isic2017())
    assert problems == []
    assert [(record.id, record.split, record.labels) for record in records] == [
        ("ISIC_0000000", "train", ("nevus",)),
        ("ISIC_0000002", "train", ("melanoma",)),
        ("ISIC_0001769", "val", ("seborrheic keratosis",)),
        ("ISIC_0012086", "test", ("nevus",)),
    ]
    assert records[1].images == {"photo": FileRef(tmp_path / "ISIC-2017_Training_Data/ISIC_0000002.jpg")}
    mask = tmp_path / "ISIC-2017_Training_Part1_GroundTruth/ISIC_0000002_segmentation.png"
    assert records[1].masks == {"photo": MaskRef((FileRef(mask),), {255: "lesion"})}
    assert {(record.licence, record.shippable) for record in records} == {("CC0 1.0", True)}


def test_the_page_writes_segmentation_with_a_capital(release, read, tmp_path):
    folder = tmp_path / "ISIC-2017_Validation_Part1_GroundTruth"
    (folder / "ISIC_0001769_segmentation.png").rename(folder / "ISIC_0001769_Segmentation.png")
    records, problems = read(Isic2017())
    assert problems == []
    assert records[2].masks["photo"].files[0].path.name == "ISIC_0001769_Segmentation.png"


def test_missing_parts(put, read):
    put("ISIC-2017_Training_Part3_GroundTruth.csv", HEADER + ROWS["Training"])
    put("ISIC-2017_Training_Data/ISIC_0000002.jpg")
    records, problems = read(Isic2017())
    assert [(record.id, record.masks) for record in records] == [("ISIC_0000002", {})]
    assert problems == [
        "ISIC-2017_Training_Part1_GroundTruth: missing folder",
        "ISIC-2017_Training_Part3_GroundTruth.csv:2: missing file ISIC-2017_Training_Data/ISIC_0000000.jpg",
        "ISIC-2017_Validation_Part3_GroundTruth.csv: missing file",
        "ISIC-2017_Test_v2_Part3_GroundTruth.csv: missing file",
    ]


def test_bad_rows(release, put, read, tmp_path):
    (tmp_path / "ISIC-2017_Training_Part1_GroundTruth/ISIC_0000002_segmentation.png").unlink()
    bad = "ISIC_0000000,0.0,0.0\nISIC_1,0.5,0.0\nISIC_2\n"
    put("ISIC-2017_Training_Part3_GroundTruth.csv", HEADER + ROWS["Training"] + bad)
    records, problems = read(Isic2017())
    assert [record.id for record in records] == ["ISIC_0000000", "ISIC_0001769", "ISIC_0012086"]
    table = "ISIC-2017_Training_Part3_GroundTruth.csv"
    assert [problem.split(": ")[0] for problem in problems] == [f"{table}:{line}" for line in (3, 4, 5, 6)]
    assert "ISIC_0000002_segmentation.png" in problems[0]


def test_an_image_is_in_one_split(release, put, read):
    put("ISIC-2017_Test_v2_Data/ISIC_0000002.jpg")
    put("ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_0000002_segmentation.png")
    put("ISIC-2017_Test_v2_Part3_GroundTruth.csv", HEADER + ROWS["Test_v2"] + "ISIC_0000002,1.0,0.0\n")
    records, problems = read(Isic2017())
    assert len(records) == 4
    assert problems == ["ISIC-2017_Test_v2_Part3_GroundTruth.csv:3: image 'ISIC_0000002' is in another split already"]


def test_wrong_root(read):
    with pytest.raises(UserError, match=r"ISIC-2017_Training_Part3_GroundTruth\.csv"):
        read(Isic2017())
