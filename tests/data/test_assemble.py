from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from helpers.shared import ROOT, real
from PIL import Image

from synthmed.data.assemble import assemble, write_summary
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (24, 40), np.uint8)


def write(root: Path, rows: list[dict[str, Any]]) -> None:
    """A JSONL of the generic ``table`` source; each row's image is drawn from its number."""
    root.mkdir(parents=True, exist_ok=True)
    for row in rows:
        Image.fromarray(picture(row.pop("seed"))).save(root / row["image"])
    (root / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def spec(root: Path, part: dict[str, Any] | None = None, **section: Any) -> DataSpec:
    table = {
        "source": "table",
        "options": {
            "file": "rows.jsonl",
            "id": "image",
            "image": "image",
            "patient": "patient",
            "split": "split",
            "labels": "label",
        },
        **(part or {}),
    }
    return DataSpec.model_validate({"root": root, "parts": [table], **section})


def row(name: str, patient: str, split: str, label: str = "a", seed: int | None = None) -> dict[str, Any]:
    number = int.from_bytes(name.encode(), "big") if seed is None else seed
    return {"image": f"{name}.png", "patient": patient, "split": split, "label": label, "seed": number}


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    rows = [row("a", "p1", "train"), row("b", "p1", "train", "b"), row("c", "p2", "val"), row("d", "p3", "test")]
    write(tmp_path, rows)
    return tmp_path


def names(found: Any) -> dict[str, list[str]]:
    return {split: [Path(row.record.images["xray"].path).stem for row in rows] for split, rows in found.splits.items()}


def test_official_splits_and_vocabularies(clean: Path) -> None:
    found = assemble(spec(clean))
    assert names(found) == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
    assert found.labels == ("a", "b")
    assert found.summary()["records"] == {"train": 2, "val": 1, "test": 1}
    assert found.summary()["patients"] == {"train": 1, "val": 1, "test": 1}
    assert assemble(spec(clean, labels=["b", "a", "c"])).labels == ("b", "a", "c")


def test_by_patient_keeps_patients_whole_and_a_named_split_takes_all(clean: Path) -> None:
    part = {"split": "patient", "fractions": {"train": 0.5, "test": 0.5}, "seed": 3}
    found = assemble(spec(clean, part))
    place = {name: split for split, group in names(found).items() for name in group}
    assert len(place) == 4
    assert place["a"] == place["b"]
    assert names(assemble(spec(clean, {"split": "train"}))) == {"train": ["a", "b", "c", "d"]}
    assert names(assemble(spec(clean, {"keep": ["val"]}))) == {"val": ["c"]}


def test_a_leak_over_two_parts_is_refused_with_its_offenders_or_recorded(clean: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, [row("e", "p9", "test", seed=int.from_bytes(b"a", "big")), row("f", "p1", "test")])
    parts = [spec(clean).parts[0], spec(other, {"path": "other"}).parts[0]]
    both = DataSpec(root=clean, parts=tuple(parts))
    with pytest.raises(UserError, match=r"2 leak\(s\).*--allow-leak") as caught:
        assemble(both)
    assert "same patient: train table[0] a.png, train table[0] b.png, test table[1] f.png" in str(caught.value)
    assert "same pixels: train table[0] a.png, test table[1] e.png" in str(caught.value)
    found = assemble(both.model_copy(update={"allow_leak": True}))
    assert [leak.kind for leak in found.leaks] == ["patient", "pixels"]
    write_summary(found, tmp_path / "run" / "data.json")
    kept = json.loads((tmp_path / "run" / "data.json").read_text())["allowed_leaks"]
    assert kept == [str(leak) for leak in found.leaks]


def test_files_that_cannot_be_read_are_left_out_or_refuse_the_data(clean: Path) -> None:
    (clean / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    found = assemble(spec(clean))
    assert names(found) == {"train": ["a", "b"], "test": ["d"]}
    assert len(found.problems) == 1
    assert "c.png" in str(found.problems[0])
    with pytest.raises(UserError, match=r"c\.png"):
        assemble(spec(clean, problems="refuse"))


def test_a_limit_is_the_same_choice_whatever_the_order(tmp_path: Path) -> None:
    rows = [row(f"r{i:02}", f"p{i}", "train") for i in range(20)]
    write(tmp_path / "one", [dict(entry) for entry in rows])
    write(tmp_path / "two", [dict(entry) for entry in reversed(rows)])
    one = names(assemble(spec(tmp_path / "one", {"limit": 7})))["train"]
    assert len(one) == 7
    assert sorted(names(assemble(spec(tmp_path / "two", {"limit": 7})))["train"]) == sorted(one)


@real
def test_ct_without_a_window_gets_the_one_that_the_recipe_assumes() -> None:
    part = {"source": "shared", "options": {"part": "ct_slices"}, "keep": ["val"]}
    found = assemble(DataSpec.model_validate({"root": ROOT, "parts": [part | {"window": [-1000, 400]}]}))
    assert {row.record.window["ct"] for row in found.splits["val"]} == {(-1000.0, 400.0)}
    bare = assemble(DataSpec.model_validate({"root": ROOT, "parts": [part]}))
    assert any(not row.record.window for row in bare.splits["val"])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"source": "tabel"}, "did you mean 'table'"),
        ({"options": {"fil": "x"}}, "no option 'fil'; did you mean 'file'"),
        ({"path": "nowhere"}, "nowhere: no such folder"),
        ({"images": ["ct"]}, "give no record"),
        ({"keep": []}, "give no record"),
    ],
)
def test_a_wrong_part_is_told(clean: Path, part: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        assemble(spec(clean, part))


@pytest.mark.parametrize(
    "section",
    [{"parts": []}, {"cache": "disk"}, {"size": 0}, {"problems": "ignore"}],
)
def test_a_wrong_section_is_refused(clean: Path, section: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        DataSpec.model_validate({"root": clean, "parts": [{"source": "table"}], **section})


def test_the_root_may_be_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell leaves ~ alone in data.root=~/films."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert spec(Path("~/films")).root == tmp_path / "films"
