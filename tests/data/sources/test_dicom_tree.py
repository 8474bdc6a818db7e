"""A tree of DICOM files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.dicoms import dataset, save

from synthmed.data.identity import pseudonym
from synthmed.data.reading import read_array
from synthmed.data.record import FileRef, Record
from synthmed.data.sources.dicom_tree import DicomTree
from synthmed.errors import UserError

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]
CANARY = "KANARIENVOGEL"


def slices(root: Path, series: str, positions: list[float], **values: object) -> list[Path]:
    """A CT series of 3 x 5 slices whose pixels tell their position; files are named in the given order, no endings."""
    paths = []
    for number, z in enumerate(positions):
        pixels = np.full((3, 5), z, np.int16)
        made = dataset(pixels, SeriesInstanceUID=series, ImagePositionPatient=[0, 0, z], **values)
        paths.append(save(made, root / f"S{series}" / f"IM{number:04d}"))
    return paths


def value(ref: FileRef) -> float:
    pixels = read_array(ref).values
    assert pixels.shape == (1, 3, 5)
    return float(pixels[0, 0, 0])


def test_slices_are_sorted_by_position_and_series_kept_apart(read: Read, tmp_path: Path) -> None:
    slices(tmp_path / "b", "1.2.1", [30, 10, 50, 20, 40], PatientID="p1")
    slices(tmp_path / "a", "1.2.2", [-7.5, -12.5, -2.5], PatientID="p2")
    records, problems = read(DicomTree(slices="every:1"))
    assert problems == []
    assert [value(record.images["ct"]) for record in records] == [-12.0, -7.0, -2.0, 10, 20, 30, 40, 50]
    assert [record.patient for record in records] == [pseudonym("dicom", p) for p in ["p2"] * 3 + ["p1"] * 5]
    assert len({record.id.split("#")[0] for record in records}) == 2
    assert [record.id.split("#")[1] for record in records] == ["0", "1", "2", "0", "1", "2", "3", "4"]
    central, _ = read(DicomTree())
    assert [value(record.images["ct"]) for record in central] == [-7.0, 30]


def test_position_is_along_the_normal(read: Read, tmp_path: Path) -> None:
    sagittal = [0, 1, 0, 0, 0, -1]
    for number, x in enumerate((5, -5, 0)):
        made = dataset(
            np.full((3, 5), x, np.int16), ImageOrientationPatient=sagittal, ImagePositionPatient=[x, 9 - number, number]
        )
        save(made, tmp_path / f"{number}.dcm")
    records, _ = read(DicomTree(slices="every:1"))
    # The normal of these cosines points to the patient's right.
    assert [value(record.images["ct"]) for record in records] == [5, 0, -5]


def test_a_localisers_planes_are_stacks_of_their_own(read: Read, tmp_path: Path) -> None:
    for number, cosines in enumerate(([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [1, 1e-4, 0, 0, 1, 0])):
        save(
            dataset(np.zeros((3, 5), np.int16), ImageOrientationPatient=cosines, ImagePositionPatient=[0, 0, number]),
            tmp_path / str(number),
        )
    records, _ = read(DicomTree(slices="every:1"))
    assert [record.id.partition(".")[2] for record in records] == ["0#0", "0#1", "1#0"]
    assert len({record.patient for record in records}) == 1


def test_radiographs_are_taken_whole(read: Read, tmp_path: Path) -> None:
    for number in range(3):
        made = dataset(np.full((3, 5), number, np.uint16), "DX")
        del made.ImagePositionPatient, made.ImageOrientationPatient
        save(made, tmp_path / f"{number}.dcm")
    records, problems = read(DicomTree())
    assert problems == []
    assert [value(record.images["xray"]) for record in records] == [0, 1, 2]
    assert len({record.id for record in records}) == 3


def test_frames_of_a_file(read: Read, tmp_path: Path) -> None:
    frames = np.arange(8, dtype=np.uint16).repeat(15).reshape(8, 3, 5)
    path = save(dataset(frames, "MR", SeriesDescription="AX T2 TSE"), tmp_path / "enhanced")
    records, _ = read(DicomTree(slices="every:3"))
    assert [record.images for record in records] == [{"mri.t2": FileRef(path, (0, k))} for k in (1, 4, 7)]
    assert [value(record.images["mri.t2"]) for record in records] == [1, 4, 7]


def test_names_for_modalities(read: Read, tmp_path: Path) -> None:
    save(dataset(np.zeros((3, 5), np.uint16), "MR", SeriesInstanceUID="1.1"), tmp_path / "1")
    save(dataset(np.zeros((3, 5), np.uint16), "NM", SeriesInstanceUID="1.2"), tmp_path / "2")
    records, problems = read(DicomTree())
    assert [list(record.images) for record in records] == [["mri"]]
    assert problems == ["2: DICOM modality NM has no image name; give one in fields"]
    records, problems = read(DicomTree({"MR": "mri.t1c", "NM": "xray"}))
    assert [list(record.images) for record in records] == [["mri.t1c"], ["xray"]]
    assert problems == []
    with pytest.raises(UserError, match="there is no 'mrt'"):
        read(DicomTree({"MR": "mrt"}))


def test_other_files_are_passed_over_and_damaged_ones_told(put: Put, read: Read, tmp_path: Path) -> None:
    [path] = slices(tmp_path, "1.2.3", [1.0])
    put("DICOMDIR", path.read_bytes()), put("README.txt", "text"), put("empty")
    put("cut", path.read_bytes()[:200]), put("no.dcm", "none")
    records, problems = read(DicomTree())
    assert len(records) == 1
    assert [problem.split(": ")[0] for problem in problems] == ["cut", "no.dcm"]


def test_without_a_patient_a_series_stays_together(read: Read, tmp_path: Path) -> None:
    slices(tmp_path, "1.2.1", [1, 2], PatientID="")
    slices(tmp_path, "1.2.2", [1, 2], PatientID="")
    records, _ = read(DicomTree(slices="every:1"))
    assert [len(record.patient) for record in records] == [24] * 4
    assert len({record.patient for record in records}) == 2


def test_no_identifying_value_is_in_a_record_or_problem(put: Put, read: Read, tmp_path: Path) -> None:
    names = (
        "PatientName PatientAddress InstitutionName ReferringPhysicianName AccessionNumber StudyID StudyDescription "
        "SeriesDescription ProtocolName PatientComments OperatorsName StationName"
    ).split()
    values = dict.fromkeys(names, CANARY)
    uids = {"StudyInstanceUID": "1.2.99", "FrameOfReferenceUID": "1.2.99.1", "SOPInstanceUID": "1.2.99.2"}
    made = dataset(np.zeros((3, 5), np.int16), PatientID=CANARY, SeriesInstanceUID="1.2.99.3", **values, **uids)
    made.StudyDate, made.PatientBirthDate = "19010203", "19010203"
    made.add_new((0x0009, 0x0010), "LO", CANARY)
    path = save(made, tmp_path / "x" / "a")
    put("x/b", path.read_bytes()[:600])
    made.Modality = "PT"
    made.SeriesInstanceUID = "1.2.99.4"
    save(made, tmp_path / "x" / "c")
    del made.Rows
    save(made, tmp_path / "x" / "d")
    records, problems = read(DicomTree())
    assert len(records) >= 1
    assert len(problems) >= 2
    text = repr(records) + "".join(problems)
    assert not any(secret in text for secret in (CANARY, "1.2.99", "19010203"))


def test_a_folders_name_is_in_no_id(read: Read, tmp_path: Path) -> None:
    slices(tmp_path / CANARY, "1.2.3", [1.0])
    [record], _ = read(DicomTree())
    assert CANARY not in record.id + record.patient


def test_a_wrong_root_or_rule(put: Put, read: Read, tmp_path: Path) -> None:
    put("a.txt", "text")
    with pytest.raises(UserError, match="no DICOM file"):
        read(DicomTree())
    with pytest.raises(UserError, match="no such folder"):
        read(DicomTree(), tmp_path / "gone")
    with pytest.raises(UserError, match="no mask"):
        read(DicomTree(slices="mask"))
