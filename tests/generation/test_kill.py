"""kill -9 of a whole run, and the same command after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.folders import shard_hashes
from helpers.killing import killed_at, life, run

MOMENTS = int(os.environ.get("SYNTHMED_KILL_MOMENTS", "7"))
"""Moments for each number of workers: 21 a model by default."""

MODELS = {
    "phantom": ["--model", "phantom", "--n", "160", "--shard-size", "8"],
    "testnet": ["--model", "testnet", "--n", "900", "--shard-size", "45"],
}


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_killed_run_goes_on_to_the_same_bytes(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_temporary = 0
    for workers in (1, 2, 3):
        arguments = [*MODELS[model], "--workers", str(workers)]
        reference = tmp_path / f"reference-{workers}"
        span = life(arguments, reference)
        expected = shard_hashes(reference)
        found = 0
        for moment in range(MOMENTS):
            folder = tmp_path / f"{workers}-{moment}"
            found += killed_at(arguments, folder, span * (moment + 0.5) / MOMENTS)
            assert not (folder / "dataset.json").exists() or moment == MOMENTS - 1, "it had ended before it was killed"
            run(arguments, folder)
            assert shard_hashes(folder) == expected
        with capsys.disabled():
            print(f"\n{model}, {workers} workers: {MOMENTS} kills, {found} with an uncommitted temporary file")
        with_temporary += found
    assert 2 * with_temporary >= 3 * MOMENTS


def test_one_kill(tmp_path: Path) -> None:
    arguments = ["--model", "flaky", "--n", "3000", "--shard-size", "10", "--workers", "2"]
    killed_at(arguments, tmp_path / "a", 0.1)
    assert not (tmp_path / "a" / "dataset.json").exists()
    run(arguments, tmp_path / "a")
    run([*arguments[:-1], "0"], tmp_path / "b")
    assert shard_hashes(tmp_path / "a") == shard_hashes(tmp_path / "b")
