"""Med-Art's proofs from end to end, on a tiny base and a few real rows: they write, go on, share and refuse."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.shared import ROOT, real

SCRIPTS = Path(__file__).parents[3] / "benchmarks" / "medart"


@dataclass(frozen=True)
class Proofs:
    """Runs a script on the first rows, a few steps."""

    base: Path
    captions: Path
    place: Path

    def __call__(self, script: str, *arguments: str, out: str) -> subprocess.CompletedProcess[str]:
        common = ["--data", ROOT, "--base", self.base, "--captions", self.captions, "--steps-scale", "0.001"]
        few = ["--set", "stages.0.colour.steps=2", "data.parts.0.limit=40"]
        command = [sys.executable, SCRIPTS / script, *common, "--out", self.place / out, *arguments, *few]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


@pytest.fixture
def proof(folder: Path, tmp_path: Path) -> Proofs:
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "text"])
        for number, image in enumerate(sorted((ROOT / "colour_isic").glob("*/images/*"))):
            table.writerow([image, f"Lesion {number}, with an irregular border."])
    return Proofs(folder, tmp_path / "captions.csv", tmp_path)


@real
@pytest.mark.slow
def test_proofs_write_tables_share_trainings_go_on_and_refuse(proof: Proofs) -> None:
    place = proof.place
    short = ("--n", "20", "--seeds", "0", "1", "--runs", str(place / "runs"))

    first = proof("colour.py", *short, "--workers", "0", out="colour")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("LoRA alone is ")
    results = json.loads((place / "colour" / "results.json").read_text())
    assert results["n"] == 20
    assert set(results["arms"]) == {"real training rows", "lora", "hldf", "lora-equal-time"}
    assert all(len(found["kid"]) == 2 for name, found in results["arms"].items() if not name.startswith("real"))
    assert all(took["equal-time steps"] >= 5 for took in results["seconds"])
    assert len(list((place / "colour").glob("grid-seed*.png"))) == 2

    again = proof("colour.py", *short, "--workers", "0", out="colour")
    assert again.stdout == first.stdout
    other = proof("colour.py", *short, "--n", "19", out="colour")
    assert other.returncode == 1
    assert "is of other n" in other.stderr
    assert "Traceback" not in other.stderr

    table = proof("ablation.py", *short, out="ablation")
    assert table.returncode == 0, table.stderr
    rows = json.loads((place / "ablation" / "results.json").read_text())["rows"]
    assert rows["full"]["kid"] == pytest.approx(results["arms"]["hldf"]["kid"])
    assert rows["without HLDF"]["kid"] == pytest.approx(results["arms"]["lora"]["kid"])
    assert len({tuple(scores["kid"]) for scores in rows.values()}) == 6, "each row is another training"
    assert not (place / "runs" / "full-seed0").exists()

    gain = proof("downstream.py", "--model", str(place / "runs" / "hldf-seed0" / "model"), "--made", "4", out="gain")
    assert gain.returncode == 0, gain.stderr
    assert "real + generated minus real" in gain.stdout
