"""``synthmed generate`` as a user runs it: a process, its exit code, its two streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.folders import flaky_model, shard_hashes


def synthmed(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "synthmed", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_makes_a_folder_named_by_its_plan_and_says_where(tmp_path: Path) -> None:
    done = synthmed("generate", "--model", "flaky", "--n", "40", "--seed", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "synthmed-flaky-n40-s2"
    assert (folder / "dataset.json").exists()
    assert "10 shards made" in done.stdout
    assert "synthmed-flaky-n40-s2" in done.stdout
    assert "40/40 samples" in done.stderr
    assert "10/10 shards" in done.stderr


def test_log_json_is_lines_of_json_and_nothing_else(tmp_path: Path) -> None:
    done = synthmed("generate", "--model", "flaky", "--n", "8", "--workers", "0", "--log-json", cwd=tmp_path)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["started", *"committed".split() * 8, "finished"]
    assert events[0]["plan"]["n"] == 8
    assert done.stderr == ""


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    done = synthmed("generate", "--model", "flaky", "--n", "8", "--labels", "nodule", "--dry-run", cwd=tmp_path)
    plan = json.loads(done.stdout)
    assert (plan["n"], plan["to"], plan["shard_size"]) == (8, ["xray"], 1)
    assert list(tmp_path.iterdir()) == []


def test_given_rows_are_cycled_into_prompts(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("labels\nnodule\nno finding\n")
    done = synthmed(*"generate --model flaky --n 5 --given rows.csv --workers 0 --out a".split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    import pyarrow.parquet as pq

    prompts = [
        p for path in sorted((tmp_path / "a").glob("*.parquet")) for p in pq.read_table(path)["prompt"].to_pylist()
    ]
    assert prompts == ["nodule", "no finding", "nodule", "no finding", "nodule"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--model phantm", "did you mean 'phantom'?"),
        ("--model flaky --labels nodul", "did you mean 'nodule'?"),
        ("--model flaky --to ct", "does not make ct"),
        ("--model phantom --labels nodule,no_finding", "no label 'no_finding'"),
        ("--model flaky --n 0", "n = 0"),
        ("--model flaky --given nothere.csv", "nothere.csv: No such file"),
        ("--model flaky --given a.csv --labels nodule", "give one of them"),
        ("--model flaky --given xray=none.png", "given: row 1: xray: none.png: No such file"),
        ("--model flaky --given a.csv --given b.csv", "--given a.csv: give one CSV or JSONL file, or NAME=PATH"),
        ("--model flaky data.root=x", "data.root=x: key=value changes a recipe; name one with --recipe"),
        ("--recipe generate/xrays dat.root=x", "unknown key 'dat'; did you mean 'data'?"),
        ("--recipe generate/mri_to_ct --model phantom data.root=none", "none: no such folder (data.root"),
        ("--model flaky --shards 9:9", "--shards 9:9"),
        ("--model flaky --workers -1", "--workers -1"),
        ("--model flaky --out /dev/null/set", "cannot write there"),
        ("--model flaky --out nosuch://a", "not a place"),
        ("--n many", "Invalid value for '--n'"),
        ("--frob", "No such option: --frob"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(arguments: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("labels\nnodule\n")
    done = synthmed("generate", *arguments.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("synthmed: ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_ranks_of_a_batch_system_fill_one_folder_together(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "synthmed", *"generate --model flaky --n 60 --workers 1 --quiet --out a".split()]
    ranks = [
        subprocess.Popen(arguments, cwd=tmp_path, env={**os.environ, "SLURM_PROCID": str(rank), "SLURM_NTASKS": "2"})
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in ranks] == [0, 0]
    assert synthmed(*"generate --model flaky --n 60 --workers 0 --quiet --out b".split(), cwd=tmp_path).returncode == 0
    assert shard_hashes(tmp_path / "a") == shard_hashes(tmp_path / "b")


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_whole_shards_and_says_how_to_go_on(tmp_path: Path, kind: signal.Signals) -> None:
    model = flaky_model(tmp_path / "model", "slow")
    arguments = f"generate --model {model} --n 400 --shard-size 8 --workers 2 --quiet --out a".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "synthmed", *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(list((tmp_path / "a").glob("*.stats.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    # A terminal sends Ctrl-C to the whole group; a batch system its SIGTERM to the first process.
    if kind == signal.SIGINT:
        os.killpg(process.pid, kind)
    else:
        process.send_signal(kind)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "To go on: synthmed generate --model" in stderr
    assert "Traceback" not in stderr
    assert not list((tmp_path / "a").glob(".*"))
    shards = {path.name.split(".")[0] for path in (tmp_path / "a").glob("*.stats.json")}
    assert {path.stem for path in (tmp_path / "a").glob("*.tar")} == shards
    assert 3 <= len(shards) < 50


def test_failed_shards_are_told_with_exit_code_1(tmp_path: Path) -> None:
    model = flaky_model(tmp_path / "model", "raise", times=1000)
    done = synthmed("generate", "--model", str(model), *"--n 40 --shard-size 4 --quiet --out a".split(), cwd=tmp_path)
    assert done.returncode == 1
    assert "shards 3, 4, 7, 8 failed (RuntimeError: a fault of two lines (flaky.py" in done.stderr
    assert "Traceback" not in done.stderr
