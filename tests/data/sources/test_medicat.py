from __future__ import annotations

import json

import pytest

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef
from synthmed.data.sources.medicat import Medicat
from synthmed.data.sources.medicat_captions import modality_of
from synthmed.data.sources.options import make_source
from synthmed.errors import UserError

TABLE = "s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl"
PAPER = "57c9ad0f4aab133f96d40992c46926fabc901ffa"


def figure(uri: str, **changes: object) -> str:
    row = {
        "pdf_hash": PAPER,
        "fig_key": "Figure1",
        "fig_uri": uri,
        "s2_caption": "Figure 1. (A) Barium enema and (B) endoscopic  image.",
        "s2orc_caption": None,
        "s2orc_references": None,
        "radiology": False,
        "scope": True,
        "predicted_type": "Medical images",
        "oa_info": {"doi": "10.14309/crj.2014.54", "oa": {"is_oa": True, "license": "cc-by-nc-nd"}},
    }
    return json.dumps(row | changes) + "\n"


ROWS = (
    figure("2-Figure1-1.png"),
    figure("2-Figure2-1.png", s2_caption="", s2orc_caption="Fig. 2. Brain CT.", radiology=True, oa_info={"oa": None}),
    figure("3-Figure3-1.png", s2_caption=None),
)


@pytest.fixture
def release(put):
    put(f"release/{TABLE}", "".join(ROWS))
    for name in ("2-Figure1-1", "2-Figure2-1", "3-Figure3-1"):
        put(f"release/figures/{PAPER}_{name}.png")


def test_records(release, read, tmp_path):
    records, problems = read(Medicat())
    assert problems == []
    assert read(Medicat(), tmp_path / "release")[0] == records
    assert [(record.id, record.text, record.text_kind, record.licence) for record in records] == [
        (f"{PAPER}_2-Figure1-1.png", "Figure 1. (A) Barium enema and (B) endoscopic image.", "caption", "cc-by-nc-nd"),
        (f"{PAPER}_2-Figure2-1.png", "Fig. 2. Brain CT.", "caption", "not stated (MedICaT terms)"),
        (f"{PAPER}_3-Figure3-1.png", None, "", "cc-by-nc-nd"),
    ]
    assert records[0].images == {"photo": FileRef(tmp_path / f"release/figures/{PAPER}_2-Figure1-1.png")}
    assert {record.patient for record in records} == {pseudonym("medicat", PAPER)}
    assert not any(record.shippable or record.labels or record.split for record in records)


def test_options(release, read):
    records, _ = read(Medicat(image="xray", radiology=True))
    assert [(record.id, list(record.images)) for record in records] == [(f"{PAPER}_2-Figure2-1.png", ["xray"])]
    with pytest.raises(UserError):
        read(Medicat(image="x-ray"))


@pytest.mark.parametrize(
    ("caption", "modality"),
    [
        ("Axial CT of the abdomen.", "ct"),
        ("(A) Computed tomography scan; (B) detail.", "ct"),
        ("HRCT: ground-glass opacity", "ct"),
        ("Computerised tomographic image", "ct"),
        ("T2-weighted image of the knee", "mri"),
        ("Magnetic resonance imaging (MRI) of the brain", "mri"),
        ("T1WI, sagittal", "mri"),
        ("Chest x-ray on admission", "xray"),
        ("Anteroposterior radiograph", "xray"),
        ("X ray and CXR", "xray"),
        ("CT and MRI of the spine", None),
        ("PET/CT shows uptake", None),
        ("Ultrasonography, then computed tomography", None),
        ("The ct value was 31; his pet was ill", None),
        ("CTLA-4 expression, MRSA, fractures", None),
        ("Photograph of the wound", "visible light"),
        ("", None),
    ],
)
def test_captions_name_modalities(caption, modality):
    assert modality_of(caption) == modality


def test_figures_of_one_modality(release, read, put):
    rows = [("a", "CT of the chest."), ("b", "MRI of the brain."), ("c", "CT and MRI."), ("d", None), ("e", "A CT.")]
    put(f"release/{TABLE}", "".join(figure(f"{name}.png", s2_caption=caption) for name, caption in rows))
    for name, _ in rows:
        put(f"release/figures/{PAPER}_{name}.png")
    records, problems = read(Medicat(image="ct", modality="ct"))
    assert problems == []
    assert [record.id for record in records] == [f"{PAPER}_a.png", f"{PAPER}_e.png"]
    assert [record.attributes for record in records] == [{"window_missing": True}] * 2, "a recipe's part names a window"
    assert [record.id for record in read(Medicat(image="mri", modality="mri"))[0]] == [f"{PAPER}_b.png"]
    with pytest.raises(UserError, match="option modality"):
        make_source("medicat", {"modality": "pet"})


def test_bad_rows(release, put, read):
    bad = (ROWS[0], figure("no.png"), figure("a", pdf_hash="../.."), figure("a", fig_uri=3), "{\n", "[]\n")
    put(f"release/{TABLE}", "".join((ROWS[0], *bad)).encode() + b"\xff\n")
    records, problems = read(Medicat())
    assert len(records) == 1
    assert [problem.split(": ")[0] for problem in problems] == [f"release/{TABLE}:{line}" for line in range(2, 9)]
    assert "is there already" in problems[0]
    assert "missing file" in problems[1]


def test_wrong_root(read):
    with pytest.raises(UserError, match=TABLE):
        read(Medicat())
