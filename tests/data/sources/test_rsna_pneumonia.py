from __future__ import annotations

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.rsna_pneumonia import RsnaPneumonia
from synthmed.errors import UserError
from synthmed.sample import Box

TABLE = """patientId,x,y,width,height,Target
0004cfab,,,,,0
00436515,264.0,152.0,213.0,379.0,1
00436515,562.0,152.0,256.0,453.0,1
00322d4d,,,,,0
"""
CLASSES = """patientId,class
0004cfab,No Lung Opacity / Not Normal
00436515,Lung Opacity
00436515,Lung Opacity
00322d4d,Normal
"""


@pytest.fixture
def release(put):
    put("stage_2_train_labels.csv", TABLE)
    put("stage_2_detailed_class_info.csv", CLASSES)
    for name in ("0004cfab", "00436515", "00322d4d"):
        put(f"stage_2_train_images/{name}.dcm")


def test_records(release, read, tmp_path):
    records, problems = read(RsnaPneumonia())
    assert problems == []
    assert [(record.id, record.labels) for record in records] == [
        ("0004cfab", ("no lung opacity / not normal",)),
        ("00436515", ("lung opacity",)),
        ("00322d4d", ("no finding",)),
    ]
    assert records[1].boxes == (
        Box("xray", "lung opacity", 264.0, 152.0, 213.0, 379.0),
        Box("xray", "lung opacity", 562.0, 152.0, 256.0, 453.0),
    )
    assert records[0].boxes == records[2].boxes == ()
    assert records[1].images == {"xray": FileRef(tmp_path / "stage_2_train_images/00436515.dcm")}
    assert records[1].patient == pseudonym("rsna_pneumonia", "00436515")


def test_without_the_class_table(release, read, tmp_path):
    (tmp_path / "stage_2_detailed_class_info.csv").unlink()
    records, problems = read(RsnaPneumonia())
    assert problems == ["stage_2_detailed_class_info.csv: missing file"]
    assert [record.labels for record in records] == [(), ("lung opacity",), ()]


def test_bad_rows_leave_their_patient_out(release, put, read):
    put(
        "stage_2_train_labels.csv",
        TABLE + "00436515,1,2,nan,4,1\na,1,2,3,,1\nb,,,,,2\nc,1,2\n../d,,,,,0\ne,,,,,0\n",
    )
    records, problems = read(RsnaPneumonia())
    assert [record.id for record in records] == ["0004cfab", "00322d4d"]
    assert [problem.split(": ")[0] for problem in problems] == [
        f"stage_2_train_labels.csv:{line}" for line in (6, 7, 8, 9, 10, 11)
    ]
    assert "missing file stage_2_train_images/e.dcm" in problems[5]


def test_wrong_root(read):
    with pytest.raises(UserError, match=r"stage_2_train_labels\.csv"):
        read(RsnaPneumonia())
