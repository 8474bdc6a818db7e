"""Captions without images train the text autoencoder and the text flow, and no stage of images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.runs import Make

from synthmed.medm2g.training.run import train_medm2g

STAGES = [
    {"stage": "autoencoder"},
    {"stage": "text_autoencoder"},
    {"stage": "alignment", "pair": ["text", "xray"]},
    {"stage": "flow", "modality": "xray"},
    {"stage": "flow", "modality": "text"},
    {"stage": "round", "pair": ["text", "xray"]},
]
CAPTIONS = 5


@pytest.fixture
def captions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A part of shared data that holds text alone, as text_captions does."""
    monkeypatch.setenv("SYNTHMED_PATIENT_KEY", "0" * 64)
    folder = tmp_path / "data/text_captions"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text(json.dumps({"id": "a", "text_file": "captions.jsonl", "reuse": "yes"}))
    rows = [{"id": f"c{i}", "text": f"Figure {i}, zygomatic arch.", "license": "CC BY"} for i in range(CAPTIONS)]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path / "data"


def test_a_part_of_text_alone_is_trained_on_where_text_is(recipe: Make, captions: Path, tmp_path: Path) -> None:
    plain = recipe(STAGES, fields=["xray"], masks=[])
    (part,) = plain["data"]["parts"]
    shards = Path(plain["data"]["root"])
    both = recipe(STAGES, fields=["xray"], masks=[], vocabulary=400)
    both["data"]["root"] = "/"
    both["data"]["parts"] = [
        {**part, "path": str(shards)},
        {"source": "shared", "path": str(captions), "options": {"part": "text_captions"}},
    ]
    items = {}
    for name, data in (("plain", plain), ("both", both)):
        notes: list[str] = []
        train_medm2g(data, "mine.yaml", tmp_path / "dry", dry_run=True, on_note=notes.append)
        table = next(note for note in notes if "trained" in note.splitlines()[0])
        items[name] = {row.split()[0][3:]: int(row.split()[4]) for row in table.splitlines() if row[:2].isdigit()}
    more = {stage: items["both"][stage] - items["plain"][stage] for stage in items["plain"]}
    assert more == {
        "autoencoder-grey": 0,
        "text-autoencoder": CAPTIONS,
        "alignment-text-xray": 0,
        "flow-xray": 0,
        "flow-text": CAPTIONS,
        "round-text-xray": 0,
    }
    assert train_medm2g(both, "mine.yaml", tmp_path / "run").finished
