from __future__ import annotations

import numpy as np
import pytest

from synthmed.data.record import FileRef, MaskRef
from synthmed.data.rle import decode_rle
from synthmed.data.sources.siim_acr import SiimAcr
from synthmed.errors import UserError

UIDS = [f"1.2.276.0.7230010.3.1.4.8323329.{number}.1517875163.{number}" for number in range(4)]
# The blanks behind the commas are the release's.
TABLE = f"""ImageId, EncodedPixels
{UIDS[2]}, -1
{UIDS[0]}, 2 3 5 2
{UIDS[1]}, 0 1
{UIDS[0]}, 11 1
"""


@pytest.fixture
def release(put):
    put("train-rle.csv", TABLE)
    for uid in UIDS:
        put(f"dicom-images-train/{uid}.study/{uid}.series/{uid}.dcm")


def test_records(release, read, tmp_path):
    records, problems = read(SiimAcr())
    assert problems == []
    assert [record.id for record in records] == [UIDS[2], UIDS[0], UIDS[1]]
    assert [record.labels for record in records] == [(), ("pneumothorax",), ("pneumothorax",)]
    assert [record.masks["xray"].rle for record in records] == [("-1",), ("2 3 5 2", "11 1"), ("0 1",)]
    assert records[0].masks == {"xray": MaskRef(names={1: "pneumothorax"}, rle=("-1",))}
    path = tmp_path / f"dicom-images-train/{UIDS[0]}.study/{UIDS[0]}.series/{UIDS[0]}.dcm"
    assert records[1].images == {"xray": FileRef(path)}
    union = sum(decode_rle(rle, 4, 3) for rle in records[1].masks["xray"].rle)
    np.testing.assert_array_equal(union[0], [[0, 1, 0], [0, 0, 0], [1, 0, 1], [1, 0, 2]])


def test_bad_rows_leave_their_image_out(release, put, read):
    put("train-rle.csv", TABLE + f"{UIDS[1]}, 1 2 3\n{UIDS[3]}, 1 -2\n{UIDS[3]}\nlost, 1 2\n")
    records, problems = read(SiimAcr())
    assert [record.id for record in records] == [UIDS[2], UIDS[0]]
    assert [problem.split(": ")[0] for problem in problems] == [f"train-rle.csv:{line}" for line in (6, 7, 8, 9)]
    assert "missing file lost.dcm" in problems[3]


def test_wrong_root(read, put):
    with pytest.raises(UserError, match=r"train-rle\.csv"):
        read(SiimAcr())
    put("train-rle.csv", TABLE)
    with pytest.raises(UserError, match="dicom-images-train"):
        read(SiimAcr())
    put("train-rle.csv", "ImageId\n")
    put("dicom-images-train/a.dcm")
    with pytest.raises(UserError, match="no column 'EncodedPixels'"):
        read(SiimAcr())
