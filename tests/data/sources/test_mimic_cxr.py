from __future__ import annotations

import gzip

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.chexpert import FINDINGS
from synthmed.data.sources.mimic_cxr import MimicCxr, join_sections, report_sections
from synthmed.errors import UserError

REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with new onset ascites

 TECHNIQUE:  Chest PA and lateral

 FINDINGS:

 There is no focal consolidation, pleural effusion or
 pneumothorax.

 IMPRESSION:

 No acute cardiopulmonary process.
"""
# In the label table's own order, which differs from CheXpert's.
COLUMNS = sorted((*FINDINGS, "No Finding"))


def labels(**values: str) -> str:
    return ",".join(values.get(column.replace(" ", "_"), "") for column in COLUMNS)


@pytest.fixture
def release(put):
    for path in ("p10/p10000032/s50414267/02aa", "p10/p10000032/s50414267/174a", "p19/p19999987/s58621812/58ad"):
        put(f"files/{path}.jpg")
    put(
        "mimic-cxr-2.0.0-split.csv.gz",
        gzip.compress(
            b"dicom_id,study_id,subject_id,split\n02aa,50414267,10000032,train\n174a,50414267,10000032,train\n"
            b"58ad,58621812,19999987,validate\n"
        ),
    )
    put(
        "mimic-cxr-2.0.0-chexpert.csv",
        f"subject_id,study_id,{','.join(COLUMNS)}\n10000032,50414267,{labels(No_Finding='1.0')}\n"
        f"19999987,58621812,{labels(Atelectasis='-1.0', Consolidation='-1.0', Pneumonia='0.0', Fracture='1.0')}\n",
    )
    put(
        "mimic-cxr-2.0.0-metadata.csv",
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime\n"
        "02aa,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544,21800506,213014.531\n"
        "174a,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544,21800506,213014.531\n"
        "58ad,19999987,58621812,CHEST (PORTABLE AP),AP,2022,2736,21451102,202809.234\n",
    )


@pytest.fixture
def reports(put):
    put("mimic-cxr-reports/files/p10/p10000032/s50414267.txt", REPORT)
    put("mimic-cxr-reports/files/p19/p19999987/s58621812.txt", " FINAL REPORT\n Nothing of note.\n")


def test_records(release, reports, read, tmp_path):
    records, problems = read(MimicCxr())
    assert problems == []
    assert [record.id for record in records] == ["02aa", "174a", "58ad"]
    assert [record.split for record in records] == ["train", "train", "val"]
    assert [record.labels for record in records] == [("no finding",)] * 2 + [("atelectasis", "fracture")]
    assert [record.attributes for record in records] == [{"view": "PA"}, {"view": "LATERAL"}, {"view": "AP"}]
    assert records[0].images == {"xray": FileRef(tmp_path / "files/p10/p10000032/s50414267/02aa.jpg")}
    assert [record.patient for record in records] == [pseudonym("mimic_cxr", "10000032")] * 2 + [
        pseudonym("mimic_cxr", "19999987")
    ]
    assert records[0].text == (
        "FINDINGS: There is no focal consolidation, pleural effusion or pneumothorax. "
        "IMPRESSION: No acute cardiopulmonary process."
    )
    assert (records[0].text_kind, records[2].text, records[2].text_kind) == ("report", None, "")
    assert not records[0].shippable
    assert "21800506" not in str(records)


def test_options(release, reports, read):
    records, _ = read(MimicCxr(sections=("impression",), views=("AP", "PA"), uncertain="ones"))
    assert [record.id for record in records] == ["02aa", "58ad"]
    assert records[0].text == "No acute cardiopulmonary process."
    assert records[1].labels == ("consolidation", "atelectasis", "fracture")


def test_reports_may_be_absent_or_among_the_images(release, read, put):
    assert [record.text for record in read(MimicCxr())[0]] == [None] * 3
    put("files/p10/p10000032/s50414267.txt", REPORT)
    assert [record.text is None for record in read(MimicCxr())[0]] == [False, False, True]


def test_missing_files_and_bad_rows(release, reports, read, put, tmp_path):
    (tmp_path / "files/p10/p10000032/s50414267/174a.jpg").unlink()
    (tmp_path / "mimic-cxr-reports/files/p19/p19999987/s58621812.txt").unlink()
    (tmp_path / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    put(
        "mimic-cxr-2.0.0-split.csv",
        "dicom_id,study_id,subject_id,split\n02aa,50414267,10000032,train\n174a,50414267,10000032,train\n"
        "58ad,58621812,19999987,validate\n02aa,50414267,10000032,test\nx,1\ny,50414267,10000032,dev\n",
    )
    put(
        "mimic-cxr-2.0.0-chexpert.csv", f"subject_id,study_id,{','.join(COLUMNS)}\n1,50414267,{labels(Edema='maybe')}\n"
    )
    records, problems = read(MimicCxr())
    assert [(record.id, record.labels) for record in records] == [("02aa", ())]
    table = "mimic-cxr-2.0.0-split.csv"
    assert [problem.split(": ")[0] for problem in problems] == [
        "mimic-cxr-2.0.0-chexpert.csv:2",
        *(f"{table}:{line}" for line in (3, 4, 5, 6, 7)),
    ]
    assert "Edema is 'maybe'" in problems[0]
    assert "missing file files/p10/p10000032/s50414267/174a.jpg" in problems[1]
    assert "s58621812.txt" in problems[2]


def test_not_utf8_report(release, reports, read, put):
    put("mimic-cxr-reports/files/p19/p19999987/s58621812.txt", b" FINDINGS: \xff\n")
    records, problems = read(MimicCxr())
    assert len(records) == 2
    assert problems == ["mimic-cxr-reports/files/p19/p19999987/s58621812.txt: not UTF-8"]


def test_wrong_root(read):
    with pytest.raises(UserError, match=r"mimic-cxr-2\.0\.0-split\.csv\.gz"):
        read(MimicCxr())


def test_a_joint_heading_is_used_once():
    sections = report_sections("\n FINDINGS AND IMPRESSION:  Clear\n lungs.\n NOTIFICATION: ___\n")
    assert sections == {"findings and impression": "Clear lungs.", "notification": "___"}
    assert join_sections(sections, ("findings", "impression")) == "FINDINGS: Clear lungs."
