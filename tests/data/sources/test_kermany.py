from __future__ import annotations

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.kermany import Kermany
from synthmed.errors import UserError


@pytest.fixture
def release(put):
    for name in (
        "train/NORMAL/IM-0115-0001.jpeg",
        "train/NORMAL/IM-0666-0001-0002.jpeg",
        "train/NORMAL/NORMAL2-IM-1427-0001.jpeg",
        "train/PNEUMONIA/person1_bacteria_1.jpeg",
        "train/PNEUMONIA/person1_virus_6.jpeg",
        "train/PNEUMONIA/.DS_Store",
        "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
        "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
        "test/NORMAL/IM-0115-0001.jpeg",
        "test/PNEUMONIA/person1_virus_7.jpeg",
    ):
        put(f"chest_xray/{name}")


def test_records(release, read, tmp_path):
    records, problems = read(Kermany())
    assert problems == []
    assert read(Kermany(), tmp_path / "chest_xray")[0] == records
    assert [(record.id, record.split, record.labels) for record in records] == [
        ("train/NORMAL/IM-0115-0001.jpeg", "train", ("no finding",)),
        ("train/NORMAL/IM-0666-0001-0002.jpeg", "train", ("no finding",)),
        ("train/NORMAL/NORMAL2-IM-1427-0001.jpeg", "train", ("no finding",)),
        ("train/PNEUMONIA/person1_bacteria_1.jpeg", "train", ("pneumonia", "bacteria")),
        ("train/PNEUMONIA/person1_virus_6.jpeg", "train", ("pneumonia", "virus")),
        ("val/NORMAL/NORMAL2-IM-1427-0001.jpeg", "val", ("no finding",)),
        ("val/PNEUMONIA/person1946_bacteria_4874.jpeg", "val", ("pneumonia", "bacteria")),
        ("test/NORMAL/IM-0115-0001.jpeg", "test", ("no finding",)),
        ("test/PNEUMONIA/person1_virus_7.jpeg", "test", ("pneumonia", "virus")),
    ]
    patients = [record.patient for record in records]
    assert patients[3] == patients[4] == pseudonym("kermany", "train person1")
    assert patients[2] == patients[5]
    assert patients[0] not in patients[1:]
    assert patients[8] == pseudonym("kermany", "test person1")
    assert records[0].images == {"xray": FileRef(tmp_path / "chest_xray/train/NORMAL/IM-0115-0001.jpeg")}
    assert records[0].shippable


def test_the_third_version_has_no_val_and_other_names(put, read):
    for name in (
        "train/NORMAL/NORMAL-28501-0001.jpeg",
        "train/PNEUMONIA/VIRUS-97677-0001.jpeg",
        "test/NORMAL/NORMAL-28502-0001.jpeg",
        "test/PNEUMONIA/BACTERIA-1135262-0001.jpeg",
    ):
        put(name)
    records, problems = read(Kermany())
    assert problems == []
    assert [record.labels for record in records] == [
        ("no finding",),
        ("pneumonia", "virus"),
        ("no finding",),
        ("pneumonia", "bacteria"),
    ]


def test_names_that_do_not_fit(release, put, read):
    put("chest_xray/train/NORMAL/person5_virus_1.jpeg")
    put("chest_xray/test/PNEUMONIA/scan.jpeg")
    records, problems = read(Kermany())
    assert len(records) == 9
    assert [problem.split(": ")[0] for problem in problems] == [
        "train/NORMAL/person5_virus_1.jpeg",
        "test/PNEUMONIA/scan.jpeg",
    ]


def test_wrong_root(read, put):
    put("train/NORMAL/IM-0115-0001.jpeg")
    with pytest.raises(UserError, match="there is no train/PNEUMONIA"):
        read(Kermany())
