"""Two processes are one: the same weights from the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training.together import all_of_them

from synthmed.training.distributed import anywhere, gather, processes

TESTS = Path(__file__).parents[1]


def test_one_process_gathers_nothing() -> None:
    tensor = torch.ones(2)
    assert gather(tensor) is tensor
    assert processes() == 1
    assert anywhere(True, tensor.device)
    assert not anywhere(False, tensor.device)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.Popen(
        [*launch, "-m", "training.together", str(two)],
        env={**os.environ, "PYTHONPATH": path, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
    )
    all_of_them(one)
    assert process.wait(300) == 0
    return one, two


@pytest.mark.parametrize("name", ["quiet", "contrast"])
def test_two_processes_give_the_weights_of_one(name: str, folders: tuple[Path, Path]) -> None:
    """To float32's rounding: the sums are taken in another order."""
    ends = []
    for folder in folders:
        place = folder / name / "checkpoints" / "step-00000020"
        ends.append({file.name: load_file(file) for file in place.glob("*.safetensors")})
        count = json.loads((place / "state.json").read_text())["environment"]["processes"]
        assert count == len(ends)
    for file, tensors in ends[0].items():
        for key, tensor in tensors.items():
            torch.testing.assert_close(ends[1][file][key], tensor, rtol=2e-4, atol=1e-5, msg=f"{file} {key}")
    moved = [not torch.equal(ends[0]["weights.safetensors"][key], start) for key, start in _start(name).items()]
    assert any(moved)


def test_the_log_is_of_all_processes(folders: tuple[Path, Path]) -> None:
    lines = [(folder / "contrast" / "log.jsonl").read_text().splitlines() for folder in folders]
    losses = [[json.loads(line)["loss"] for line in part] for part in lines]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    quiet = [(folder / "quiet" / "log.jsonl").read_text().splitlines() for folder in folders]
    losses = [[json.loads(line)["loss"] for line in part] for part in quiet]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def _start(name: str) -> dict[str, torch.Tensor]:
    from training.together import Contrast, Quiet

    return dict((Quiet() if name == "quiet" else Contrast()).trained.named_parameters())
