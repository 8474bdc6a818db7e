from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthmed.cli import main

RECIPE = """# mine
data:
  root: {root}
  parts: [{{source: class_folders, split: patient, fractions: {{train: 0.5, test: 0.5}}, pipeline: p}}]
  pipelines: {{p: [{{_target_: monai.transforms.Resized, keys: xray, spatial_size: [8, 12]}}]}}
training: {{steps: 3}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for place in range(6):
            Image.fromarray(rng.integers(0, 256, (20, 30), np.uint8)).save(tmp_path / "images" / label / f"{place}.png")
    file = tmp_path / "mine.yaml"
    file.write_text(RECIPE.format(root=tmp_path / "images"))
    return file


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["synthmed", "data", "preview", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    return int(stopped.value.code or 0), printed.out, printed.err


def test_a_preview_shows_what_comes_out_of_the_transforms(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, text, _ = run(monkeypatch, capsys, str(recipe), "--out", str(out))
    assert code == 0
    assert "1 x 8 x 12" in text
    summary = json.loads((out / "data.json").read_text())
    assert summary["labels"] == ["a", "b"]
    assert sum(summary["records"].values()) == 12
    assert summary["allowed_leaks"] == []
    assert {path.name for path in out.iterdir()} == {"preview.html", "data.json", "train-xray.png", "test-xray.png"}
    assert Image.open(out / "train-xray.png").size[0] > 8
    code, _, error = run(monkeypatch, capsys, str(recipe), "--out", str(out))
    assert code == 2
    assert "--overwrite" in error
    assert run(monkeypatch, capsys, str(recipe), "--out", str(out), "--overwrite")[0] == 0


def test_a_leak_stops_the_preview_and_allow_leak_records_it(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    for place in range(6):  # every picture twice, under two names: some are dealt to two sides
        (images / "a" / f"copy{place}.png").write_bytes((images / "b" / f"{place}.png").read_bytes())
    code, text, error = run(monkeypatch, capsys, str(recipe))
    assert (code, text) == (2, "")
    assert "leak(s) between splits: same pixels" in error
    assert error.strip().count("\n") == 0
    code, text, _ = run(monkeypatch, capsys, str(recipe), "--allow-leak", "--out", str(tmp_path / "out"))
    assert code == 0
    assert "allowed leak: same pixels" in text
    assert json.loads((tmp_path / "out" / "data.json").read_text())["allowed_leaks"]


def test_overrides_and_untrusted_transforms(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = run(monkeypatch, capsys, str(recipe), "data.pipelines.p.0.spatial_size=[5, 6]")
    assert code == 0
    assert "1 x 5 x 6" in text
    code, _, error = run(monkeypatch, capsys, str(recipe), "data.pipelines.p.0._target_=os.system")
    assert code == 2
    assert "data.pipelines.p[0]: os.system is outside" in error
    code, _, error = run(monkeypatch, capsys, str(recipe), "data.partz=1")
    assert code == 2
    assert "did you mean 'parts'" in error
