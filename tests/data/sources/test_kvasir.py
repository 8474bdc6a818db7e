from __future__ import annotations

import pytest

from synthmed.data.record import FileRef
from synthmed.data.sources.kvasir import CLASSES, Kvasir
from synthmed.errors import UserError


def test_records(put, read, tmp_path):
    for folder in CLASSES:
        for name in ("b.jpg", "a.jpg", "Thumbs.db", "._a.jpg"):
            put(f"kvasir-dataset-v2/{folder}/{name}")
    records, problems = read(Kvasir())
    assert problems == []
    assert read(Kvasir(), tmp_path / "kvasir-dataset-v2")[0] == records
    assert len(records) == 16
    assert [record.id for record in records[:3]] == [
        "dyed-lifted-polyps/a.jpg",
        "dyed-lifted-polyps/b.jpg",
        "dyed-resection-margins/a.jpg",
    ]
    assert [record.labels for record in records[::2]] == [
        ("dyed lifted polyps",),
        ("dyed resection margins",),
        ("esophagitis",),
        ("normal cecum",),
        ("normal pylorus",),
        ("normal z-line",),
        ("polyps",),
        ("ulcerative colitis",),
    ]
    assert records[0].images == {"photo": FileRef(tmp_path / "kvasir-dataset-v2/dyed-lifted-polyps/a.jpg")}
    assert {(record.patient, record.split, record.shippable) for record in records} == {("", "", False)}


def test_missing_class(put, read):
    put("polyps/a.jpg")
    records, problems = read(Kvasir())
    assert [record.id for record in records] == ["polyps/a.jpg"]
    assert problems == [f"{folder}: missing folder" for folder in CLASSES if folder != "polyps"]


def test_wrong_root(read, put):
    put("other/a.jpg")
    with pytest.raises(UserError, match="dyed-lifted-polyps"):
        read(Kvasir())
