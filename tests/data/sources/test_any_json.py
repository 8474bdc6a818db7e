"""Whatever JSON stands in a source's files, there are records, problems, or one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthmed.data.record import Problem, Record
from synthmed.data.sources import Source
from synthmed.data.sources.coco import Coco
from synthmed.data.sources.datalist import Datalist
from synthmed.data.sources.imagefolder import ImageFolder
from synthmed.data.sources.shared import SharedData
from synthmed.data.sources.table import Table
from synthmed.errors import UserError

KEYS = (
    "image images annotations categories training validation test label labels patient split boxes bbox objects x y w "
    "h id file_name image_id category_id name license licenses iscrowd text masks mask_values volume volumes files "
    "arrays channels missing_channels window clinical modality report caption reuse text_file"
).split()
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a.png", "X-ray", "MRI", "CT", ""])
VALUES = st.recursive(
    LEAVES | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=2), inner),
    max_leaves=12,
)
ROWS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8)
TABLE = Table("t.jsonl", labels="labels", boxes="boxes", patient="patient", split="split", text="text", id="id")


@pytest.mark.parametrize(
    ("source", "file"),
    [
        (TABLE, "t.jsonl"),
        (ImageFolder(), "metadata.jsonl"),
        (SharedData("p"), "p/train.jsonl"),
        (Coco(), "instances.json"),
        (Datalist(), "dataset.json"),
    ],
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=ROWS, likely=st.booleans(), whole=VALUES)
def test_any_json(tmp_path: Path, source: Source, file: str, row: dict[str, Any], likely: bool, whole: Any) -> None:
    good = {"id": "1", "image": "a.png", "file_name": "a.png", "modality": "X-ray"}
    row = {**good, **row} if likely else row
    content = whole
    if likely and file == "instances.json":
        boxes = [{"image_id": 1, "category_id": 1, **row}]
        content = {
            "images": [{"id": 1, **row}, {"id": 1, "file_name": "a.png"}],
            "categories": [row],
            "annotations": boxes,
        }
        content["licenses"] = row.get("licenses")
    elif likely and file == "dataset.json":
        content = {"labels": row.get("labels"), "training": [row, whole], "test": row.get("test", [])}
    elif file.endswith(".jsonl"):
        content = row
    (tmp_path / "p").mkdir(exist_ok=True)
    for name in ("a.png", "p/a.png"):
        (tmp_path / name).touch()
    (tmp_path / file).write_text(json.dumps(content), encoding="utf-8")
    try:
        found = list(source.records(tmp_path))
    except UserError as error:
        assert str(tmp_path) in str(error)
    else:
        assert all(isinstance(item, Record | Problem) for item in found)
        ids = [item.id for item in found if isinstance(item, Record)]
        assert len(ids) == len(set(ids))
