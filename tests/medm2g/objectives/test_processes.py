"""Two processes with half a batch each have the gradients of one with all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from medm2g.objectives.processes import gradients
from safetensors.torch import load_file

TESTS = Path(__file__).parents[2]


def test_alignment_and_invariant_are_over_all_rows(tmp_path: Path) -> None:
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "medm2g.objectives.processes"]
    environment = {**os.environ, "PYTHONPATH": path}
    started = [subprocess.Popen([*command, str(rank), str(tmp_path)], env=environment) for rank in range(2)]
    whole = gradients(slice(None))
    assert [process.wait(300) for process in started] == [0, 0]
    two = load_file(tmp_path / "two.safetensors")
    assert set(two) == set(whole)
    for name, tensor in whole.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5, msg=name)
