from __future__ import annotations

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.chexpert import FINDINGS, CheXpert
from synthmed.errors import UserError

HEADER = ",".join(("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "No Finding", *FINDINGS))


def row(path: str, facts: str = "Female,68,Frontal,AP", **values: str) -> str:
    columns = ("No Finding", *FINDINGS)
    return f"CheXpert-v1.0-small/{path},{facts}," + ",".join(values.get(c.replace(" ", "_"), "") for c in columns)


ROWS = (
    row("train/patient00001/study1/view1_frontal.jpg", No_Finding="1.0", Pneumothorax="0.0", Support_Devices="1.0"),
    row("train/patient00002/study2/view1_frontal.jpg", "Male,87,Frontal,PA", Edema="-1.0", Cardiomegaly="-1.0"),
    row("train/patient00002/study1/view2_lateral.jpg", "Male,83,Lateral,", No_Finding="1.0"),
    row("train/patient00003/study1/view1_frontal.jpg", Lung_Opacity="1.0", Pneumonia="-1.0", Consolidation="1.0"),
)


@pytest.fixture
def release(put):
    for text in ROWS:
        put(text.split(",")[0].split("/", 1)[1])
    put("train.csv", "\n".join((HEADER, *ROWS)) + "\n")
    put("valid.csv", f"{HEADER}\n{row('valid/patient64541/study1/view1_frontal.jpg', Atelectasis='1.0')}\n")
    put("valid/patient64541/study1/view1_frontal.jpg")


def test_records(release, read, tmp_path):
    records, problems = read(CheXpert())
    assert problems == []
    assert [record.split for record in records] == ["train"] * 4 + ["val"]
    assert [record.labels for record in records] == [
        ("support devices",),
        ("edema",),
        ("no finding",),
        ("lung opacity", "consolidation"),
        ("atelectasis",),
    ]
    path = "train/patient00001/study1/view1_frontal.jpg"
    assert (records[0].id, records[0].images) == (path, {"xray": FileRef(tmp_path / path)})
    assert records[1].patient == records[2].patient == pseudonym("chexpert", "patient00002")
    assert records[0].attributes == {"age": 68, "sex": "female", "side": "Frontal", "view": "AP"}
    assert records[2].attributes == {"age": 83, "sex": "male", "side": "Lateral"}


def test_options(release, read):
    records, _ = read(CheXpert(uncertain="ones", frontal_only=True, valid_split="test"))
    assert [(record.split, record.labels) for record in records] == [
        ("train", ("support devices",)),
        ("train", ("cardiomegaly", "edema")),
        ("train", ("lung opacity", "consolidation", "pneumonia")),
        ("test", ("atelectasis",)),
    ]
    assert read(CheXpert(uncertain="zeros"))[0][1].labels == ()


@pytest.mark.parametrize("options", [{"uncertain": "ignore"}, {"valid_split": "valid"}])
def test_wrong_options(release, read, options):
    with pytest.raises(UserError, match=next(iter(options))):
        read(CheXpert(**options))


def test_the_release_may_lie_below(put, read):
    put("CheXpert-v1.0-small/train.csv", f"{HEADER}\n{ROWS[0]}\n")
    put(ROWS[0].split(",")[0])
    records, problems = read(CheXpert())
    assert len(records) == 1
    assert problems == ["CheXpert-v1.0-small/valid.csv: missing file"]


def test_bad_rows(release, put, read):
    rows = (ROWS[0], ROWS[0], ROWS[1].replace("-1.0", "0.5"), row("train/../../x.jpg"), row("train/no.jpg"), "a,b")
    put("train.csv", "\n".join((HEADER, *rows)) + "\n")
    records, problems = read(CheXpert())
    assert len(records) == 2
    assert [problem.split(": ")[0] for problem in problems] == [f"train.csv:{line}" for line in range(3, 8)]
    assert "missing file train/no.jpg" in problems[3]


def test_wrong_root(read, put):
    with pytest.raises(UserError, match=r"train\.csv"):
        read(CheXpert())
    put("train.csv", "Path,Sex\n")
    with pytest.raises(UserError, match=r"train\.csv: there is no column 'Age'"):
        read(CheXpert())
