"""A run that was interrupted and goes on ends with the bits of one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.digests import digest
from training.toy import Denoiser, contents, images, run, settings

from synthmed.errors import UserError
from synthmed.training.loop import train

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder).finished
    return contents(folder)


@pytest.mark.parametrize("workers", [(0, 0, 0), (2, 0, 2)])
def test_stopped_and_resumed_is_bit_equal(workers: tuple[int, ...], whole: dict[str, bytes], tmp_path: Path) -> None:
    """Through three runs, the second and third from a checkpoint in the middle of an epoch."""
    done: list[int] = []
    for stop_at, count in zip((5, 7, 99), workers, strict=True):
        outcome = run(
            tmp_path,
            loader_workers=count,
            on_step=lambda step, losses: done.append(step),
            stop=lambda stop_at=stop_at: done[-1] == stop_at,
        )
        assert outcome.step == min(stop_at, 12)
        assert outcome.reason == ("stop" if stop_at < 12 else "finished")
    assert done == list(range(1, 13))
    assert contents(tmp_path) == whole
    assert {name.split("/")[0] for name in whole} == {"weights.safetensors", "ema.safetensors", "optimizer.safetensors"}
    assert "weights.safetensors/net.1.running_mean" in whole
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)
    assert set(steps) == {3, 5, 6, 7, 9, 12}


def test_another_seed_differs(whole: dict[str, bytes], tmp_path: Path) -> None:
    run(tmp_path, seed=6)
    assert contents(tmp_path) != whole


def test_the_callers_random_numbers_and_leftovers_do_not_matter(whole: dict[str, bytes], tmp_path: Path) -> None:
    """What a killed run leaves: a half-written checkpoint and log lines beyond the last checkpoint."""
    torch.manual_seed(77)
    state = torch.get_rng_state()
    run(tmp_path, on_step=lambda step, losses: torch.rand(step), stop=iter([*[False] * 4, True]).__next__)
    assert torch.equal(torch.get_rng_state(), state)
    unfinished = tmp_path / "checkpoints" / ".step-00000009.tmp"
    unfinished.mkdir()
    (unfinished / "weights.safetensors").write_bytes(b"half")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 9, "loss": 1.0}\n{"step": 9, "lo')
    run(tmp_path)
    assert contents(tmp_path) == whole
    assert not unfinished.exists()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 5, 6, 9, 12]


def test_a_finished_run_is_not_trained_again_and_gives_the_average_weights(tmp_path: Path) -> None:
    first, second = Denoiser(), Denoiser()
    for objective in (first, second):
        outcome = train(objective, images(), settings(), tmp_path)
        assert outcome.finished
    assert outcome.losses == {}
    assert digest(first) == digest(second) != digest(Denoiser())


def test_more_steps_extend(tmp_path: Path) -> None:
    run(tmp_path / "a", schedule="constant", steps=6)
    run(tmp_path / "a", schedule="constant", steps=9, log_every=1, loader_workers=1, checkpoint_every=2)
    run(tmp_path / "b", schedule="constant", steps=9)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    with pytest.raises(UserError, match="is beyond steps 8"):
        run(tmp_path / "a", schedule="constant", steps=8)


def test_other_settings_or_data_are_refused(tmp_path: Path) -> None:
    run(tmp_path, fingerprint={"data": {"sha256": "a", "n": 10}})
    with pytest.raises(UserError, match=r"settings.learning_rate was 0.01, is 0.02; settings.seed was 5, is 6"):
        run(tmp_path, fingerprint={"data": {"sha256": "a", "n": 10}}, learning_rate=2e-2, seed=6)
    with pytest.raises(UserError, match=r'fingerprint.data.sha256 was "a", is "b"'):
        run(tmp_path, fingerprint={"data": {"sha256": "b", "n": 10}})


def test_other_networks_are_refused(tmp_path: Path) -> None:
    run(tmp_path)
    thawed = Denoiser()
    thawed.trained["frozen"].requires_grad_(True)
    with pytest.raises(UserError, match=r"frozen.bias is only in the networks"):
        train(thawed, images(), settings(), tmp_path)
    wider = Denoiser()
    wider.trained["net"][4] = torch.nn.Conv2d(6, 1, 5, padding=2)
    with pytest.raises(UserError, match=r"net.4.weight is \(1, 6, 3, 3\), not \(1, 6, 5, 5\)"):
        train(wider, images(), settings(), tmp_path)


def start(folder: Path, steps: int, workers: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "training.toy", str(folder), str(steps), str(workers)]
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, start_new_session=True
    )


def wait_for_step(folder: Path, step: int) -> None:
    end = time.monotonic() + 120
    while not (folder / "checkpoints" / f"step-{step:08d}").exists() and time.monotonic() < end:
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_random_moments_is_bit_equal(
    workers: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = int(os.environ.get("SYNTHMED_KILL_MOMENTS", "5"))
    steps = 60 * (kills + 1)
    assert start(tmp_path / "whole", steps, workers).wait(300) == 0
    draw = random.Random(0)
    killed: list[Any] = []
    folder = tmp_path / "killed"
    for _ in range(kills):
        process = start(folder, steps, workers)
        done = killed[-1] if killed else 0
        wait_for_step(folder, done - done % 5 + 10)
        time.sleep(draw.uniform(0, 0.2))
        # The main process alone: its loader workers must notice, and let the folder go.
        process.kill()
        process.wait()
        killed.append(max(int(place.name[5:]) for place in (folder / "checkpoints").glob("step-*[0-9]")))
    assert killed[-1] < steps, "it had ended before the last kill"
    process = start(folder, steps, workers)
    wait_for_step(folder, killed[-1] - killed[-1] % 5 + 10)
    os.killpg(process.pid, signal.SIGTERM)  # its loader workers too, as a scheduler does
    assert process.wait(60) == 0
    assert start(folder, steps, workers).wait(300) == 0
    with capsys.disabled():
        print(f"\n{workers} workers: killed after the checkpoints of steps {killed} of {steps}")
    assert contents(folder) == contents(tmp_path / "whole")
