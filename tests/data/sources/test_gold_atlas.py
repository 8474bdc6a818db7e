from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.dicoms import dataset, save

from synthmed.data.identity import pseudonym
from synthmed.data.reading import read_array
from synthmed.data.sources.gold_atlas import GoldAtlas
from synthmed.errors import UserError

SHAPE = (3, 5)
DEPTH = 4


def level(series: str, z: int) -> int:
    return {"T1": 100, "T2": 200, "Deformed": 300, "CT": 400}[series] + z


@pytest.fixture(autouse=True)
def atlas(tmp_path: Path) -> None:
    for patient in ("1_01_P", "2_03_P"):
        for series, modality, description in (
            ("T1", "MR", "AX T1 FSE"),
            ("T2", "MR", "t2_tse_tra"),
            ("Deformed", "CT", "Deformed CT"),
            ("CT", "CT", "Pelvis 2.0"),
        ):
            for z in range(DEPTH):
                pixels = np.full(SHAPE, level(series, z), np.int16)
                made = dataset(pixels, modality, SeriesDescription=description, SeriesInstanceUID=f"1.2.{len(series)}")
                made.ImagePositionPatient = [0, 0, -z * 2.5]  # named from the head down
                made.PatientID = "a name"
                if series == "CT":
                    made.RescaleIntercept, made.RescaleSlope = -1000, 1
                save(made, tmp_path / patient / f"{modality}.{series}.{z}.dcm")
        (tmp_path / patient / "RS.1.dcm").write_bytes(b"contours")
        (tmp_path / patient / "REG.1.dcm").write_bytes(b"registration")
    (tmp_path / "readme.txt").write_text("x")


def test_slices_at_one_place_are_one_record(read) -> None:
    records, problems = read(GoldAtlas(slices="every:1"))
    assert not problems
    assert len(records) == 2 * 2 * DEPTH
    pairs = [record for record in records if len(record.images) > 1]
    assert len(pairs) == 2 * DEPTH
    for number, record in enumerate(pairs):
        z = DEPTH - 1 - number % DEPTH  # sorted by position
        assert set(record.images) == {"mri", "mri.t2", "ct"}
        for field, series in (("mri", "T1"), ("mri.t2", "T2"), ("ct", "Deformed")):
            pixels = read_array(record.images[field])
            np.testing.assert_array_equal(pixels.values, np.full((1, *SHAPE), level(series, z)))
            assert pixels.unit == ("HU" if field == "ct" else "scanner")
            assert pixels.spacing == (0.5, 0.25)
        assert record.patient == pseudonym("gold_atlas", record.id[:6])
    scanned = [record for record in records if len(record.images) == 1]
    assert [read_array(record.images["ct"]).values[0, 0, 0] for record in scanned[:DEPTH]] == [-597, -598, -599, -600]
    assert len({record.id for record in records}) == len(records)
    assert len({record.patient for record in records}) == 2
    assert "a name" not in repr(records)


def test_the_rule_counts_along_the_stack(read) -> None:
    records, _ = read(GoldAtlas())
    assert [record.id for record in records] == ["1_01_P/0#002", "1_01_P/1#002", "2_03_P/0#002", "2_03_P/1#002"]


def test_what_cannot_be_used(read, tmp_path: Path) -> None:
    folder = tmp_path / "1_01_P"
    save(dataset(np.zeros(SHAPE, np.int16), "MR", SeriesDescription="localiser"), folder / "MR.x.dcm")
    made = dataset(np.zeros(SHAPE, np.int16), "CT")
    del made.ImagePositionPatient
    save(made, folder / "CT.y.dcm")
    (folder / "CT.z.dcm").write_bytes(bytes(128) + b"DICM" + b"cut")
    made = dataset(np.zeros(SHAPE, np.int16), "CT", ImagePositionPatient=[0, 0, 0])
    save(made, folder / "CT.zz.dcm")
    records, problems = read(GoldAtlas(slices="central"))
    assert len(records) == 4
    reasons = ("no position", "DICOM", "another ct lies at the same place", "neither CT nor MR whose")
    assert len(problems) == len(reasons)
    assert all(reason in line for line, reason in zip(problems, reasons, strict=True))
    records, problems = read(GoldAtlas(slices="mask"))
    assert not records
    assert "no mask" in problems[-1]
    with pytest.raises(UserError, match="1_01_P"):
        list(GoldAtlas().records(tmp_path / "1_01_P"))
