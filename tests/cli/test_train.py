from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers.hub import cached
from huggingface_hub import constants

from synthmed.cli import main
from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset
from synthmed.phantom import Phantom
from synthmed.trainers import TRAINERS, trainer_of

RECIPE = """
model: {{family: medm2g, size: debug, fields: [xray], image_size: 32, vocabulary: 300, text: false}}
data:
  root: {root}
  parts: [{{source: shards, split: train}}]
training: {{steps: 2, batch_size: 4}}
stages:
  - {{stage: autoencoder}}
  - {{stage: alignment, pair: [text, xray]}}
  - {{stage: flow, modality: xray}}
"""
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def synthmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """`synthmed train` in a folder with a recipe: exit code, standard output, standard error."""
    generate_dataset(Phantom((32, 32)), tmp_path / "set", 8, to=["report", "xray"], workers=0)
    (tmp_path / "mine.yaml").write_text(RECIPE.format(root=tmp_path / "set"))
    monkeypatch.chdir(tmp_path)
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    torch.set_num_threads(1)
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["synthmed", "train", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        return int(caught.value.code or 0), told.out, told.err

    yield run
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, handler)


def test_train_shows_trains_stops_and_goes_on(synthmed: Command, tmp_path: Path) -> None:
    code, _, err = synthmed("mine.yaml", "--dry-run", "--out", "run")
    assert code == 0
    assert "03-flow-xray" in err
    assert not (tmp_path / "run").exists()
    code, out, err = synthmed("mine.yaml", "--out", "run", "--max-minutes", "0")
    assert (code, out) == (0, "")
    assert "To go on: synthmed train mine.yaml --out run --max-minutes 0" in err
    assert synthmed("mine.yaml", "--out", "run")[:2] == (0, "run/model\n")
    assert (tmp_path / "run/model/config.json").is_file()


def test_a_model_of_the_hub_is_fine_tuned(synthmed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert synthmed("mine.yaml", "--out", "run")[0] == 0
    cached(tmp_path / "run/model", tmp_path / "cache")
    (tmp_path / "run/model").rename(tmp_path / "elsewhere")
    assert synthmed("mine.yaml", "--init", "lab/tiny", "--out", "tuned")[0] == 0
    assert (tmp_path / "tuned/model/config.json").is_file()
    code, _, err = synthmed("mine.yaml", "--init", "lab/none", "--out", "other")
    assert (code, "lab/none: no such folder here" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.yaml", "stages.0.kl_weigth=1"], "unknown key 'kl_weigth'; did you mean 'kl_weight'"),
        (["medm2g/debugg"], "did you mean 'medm2g/debug'"),
        (["mine.yaml", "model.family=medm2"], "did you mean 'medm2g'"),
        (["mine.yaml", "stages.2.modality=ct"], "no flow 'ct'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], message: str, synthmed: Command) -> None:
    code, out, err = synthmed(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert sum(line.startswith("synthmed: ") for line in err.splitlines()) == 1
    assert "Traceback" not in err


def test_a_recipe_names_its_family() -> None:
    assert trainer_of({"model": {"family": "medm2g"}}, "a") is TRAINERS.get("medm2g")
    for recipe in ({}, {"model": 3}, {"model": {"family": 3}}):
        with pytest.raises(UserError, match=r"a: model\.family is missing; there are: medart, medm2g"):
            trainer_of(recipe, "a")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_stage_after_a_checkpoint(number: signal.Signals, synthmed: Command, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "synthmed", "train", "mine.yaml", "training.steps=100000", "--out", "run"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "run/stages/01-autoencoder-grey/log.jsonl"
    end = time.monotonic() + 200
    while not (log.exists() and log.stat().st_size) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    err = process.communicate(timeout=100)[1]
    assert process.returncode == 130
    assert "To go on: synthmed train mine.yaml training.steps=100000 --out run" in err
    assert list(log.parent.glob("checkpoints/step-*"))
