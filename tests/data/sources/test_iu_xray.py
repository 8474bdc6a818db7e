from __future__ import annotations

import json

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.iu_xray import IuXray
from synthmed.errors import UserError

XML = """<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{number}"/>
<MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION">Positive TB test</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">Normal
chest x-XXXX.</AbstractText></Abstract></Article></MedlineCitation>
<MeSH>{mesh}</MeSH>{images}</eCitation>"""


def image(name: str) -> str:
    return f'<parentImage id="{name}"><figureId>F1</figureId><caption>PA &amp; lateral</caption></parentImage>'


def study(number: int, *images: str, findings: str = "", mesh: str = "<major>normal</major>") -> str:
    return XML.format(number=number, findings=findings, mesh=mesh, images="".join(map(image, images)))


@pytest.fixture
def release(put):
    put("ecgen-radiology/10.xml", study(10, "CXR10_IM-0002-1001", mesh="<major>No Indexing</major>"))
    put("ecgen-radiology/1.xml", study(1, "CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001", findings="Heart is normal."))
    mesh = "<major>Opacity/lung/base/left</major><major>Opacity/lung/hilum</major><major>Cardiomegaly/mild</major>"
    put("ecgen-radiology/2.xml", study(2, "CXR2_IM-0652-1001", mesh=mesh))
    for name in ("CXR10_IM-0002-1001", "CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001", "CXR2_IM-0652-1001"):
        put(f"NLMCXR_png/{name}.png")


def test_xml(release, read, tmp_path):
    records, problems = read(IuXray())
    assert problems == []
    assert [record.id for record in records] == [
        "CXR1_1_IM-0001-3001",
        "CXR1_1_IM-0001-4001",
        "CXR2_IM-0652-1001",
        "CXR10_IM-0002-1001",
    ]
    assert records[0].images == {"xray": FileRef(tmp_path / "NLMCXR_png/CXR1_1_IM-0001-3001.png")}
    assert records[0].text == "FINDINGS: Heart is normal. IMPRESSION: Normal chest x-XXXX."
    assert records[2].text == "IMPRESSION: Normal chest x-XXXX."
    assert records[0].patient == records[1].patient == pseudonym("iu_xray", "CXR1")
    assert [record.labels for record in records] == [("no finding",)] * 2 + [("opacity", "cardiomegaly"), ()]
    assert {record.split for record in records} == {""}
    assert read(IuXray(sections=("findings",)))[0][0].text == "Heart is normal."


def test_xml_problems(release, put, read, tmp_path):
    (tmp_path / "NLMCXR_png/CXR1_1_IM-0001-4001.png").unlink()
    put("ecgen-radiology/2.xml", "<eCitation>")
    put("ecgen-radiology/3.xml", b"\xff")
    put("ecgen-radiology/4.xml", '<!DOCTYPE a [<!ENTITY x "xxxx">]><a>&x;</a>')
    put("ecgen-radiology/10.xml", study(10))
    put("ecgen-radiology/11.xml", study(11, "CXR1_1_IM-0001-3001"))
    records, problems = read(IuXray())
    assert [record.id for record in records] == ["CXR1_1_IM-0001-3001"]
    assert [problem.split(": ")[0] for problem in problems] == [
        f"ecgen-radiology/{number}.xml" for number in (1, 2, 3, 4, 10, 11)
    ]
    assert "missing file NLMCXR_png/CXR1_1_IM-0001-4001.png" in problems[0]


def r2gen(put, **changes):
    first = {"id": "CXR2384_IM-0942", "report": "The lungs  are clear.", "split": "train"}
    first["image_path"] = ["CXR2384_IM-0942/0.png", "CXR2384_IM-0942/1.png"]
    second = {"id": "CXR2384_IM-0943", "report": "Clear.", "image_path": ["CXR2384_IM-0943/0.png"], "split": "val"}
    for path in (*first["image_path"], *second["image_path"]):
        put(f"images/{path}")
    put("annotation.json", json.dumps({"train": [first], "val": [second], "test": []} | changes))


def test_r2gen(put, read, tmp_path):
    r2gen(put)
    records, problems = read(IuXray())
    assert problems == []
    assert [(record.id, record.split, record.text) for record in records] == [
        ("CXR2384_IM-0942/0.png", "train", "The lungs are clear."),
        ("CXR2384_IM-0942/1.png", "train", "The lungs are clear."),
        ("CXR2384_IM-0943/0.png", "val", "Clear."),
    ]
    assert records[0].images == {"xray": FileRef(tmp_path / "images/CXR2384_IM-0942/0.png")}
    # One patient on two sides: the leak check sees it.
    assert {record.patient for record in records} == {pseudonym("iu_xray", "CXR2384")}


def test_r2gen_problems(put, read):
    bad = [{"id": "a"}, {"id": "b", "report": "b", "image_path": ["../b.png"]}]
    r2gen(put, test=[*bad, {"id": "CXR2384_IM-0942", "report": "again", "image_path": []}])
    records, problems = read(IuXray())
    assert len(records) == 3
    assert [problem.split(": ")[0] for problem in problems] == [
        f"annotation.json:test[{number}]" for number in range(3)
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"train": []}', b"\xff", "[" * 100_000])
def test_r2gen_refused(put, read, text):
    put("annotation.json", text)
    with pytest.raises(UserError, match=r"annotation\.json"):
        read(IuXray())


def test_wrong_root(read):
    with pytest.raises(UserError, match="ecgen-radiology"):
        read(IuXray())
