"""``synthmed benchmark`` as a user types it, on tiny shards of the phantom."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from downstream.suite.sets import phantom_sets, tiny

from synthmed.cli import main

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom_sets(tmp_path_factory.mktemp("sets"))


@pytest.fixture
def synthmed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`synthmed benchmark` of ``tiny.yaml``: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    data = {**tiny(root), "quick": ["tasks.0.seeds=[0]"]}
    Path("tiny.yaml").write_text("# A tiny suite.\n" + yaml.safe_dump(data))
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["synthmed", "benchmark", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_suite_from_end_to_end(synthmed: Command, root: Path) -> None:
    arguments = ["tiny.yaml", "--out", "run", "--workers", "0", "--quick"]
    code, out, errors = synthmed(*arguments)
    assert code == 0, errors
    assert "report: run/report.html" in out
    assert "mixed-1" in out
    assert "classification-xray-released-0.5-real-seed0: auroc" in errors
    results = json.loads(Path("run/results.json").read_text(), parse_constant=pytest.fail)
    assert results
    assert sorted(path.stem for path in Path("run/cells").glob("*.json")) == [
        "classification-xray-released-0.5-real-seed0",
        "classification-xray-released-1-real-seed0",
        "classification-xray-released-phantom-0.5-mixed-1-seed0",
    ]
    for file in ("results.json", "report.html", "suite.json"):
        assert str(root) not in Path("run", file).read_text()
    assert Path("run/results.parquet").is_file()

    # The same command trains nothing; another suite is refused; --overwrite begins anew.
    written = {path: path.stat().st_mtime_ns for path in Path("run/cells").iterdir()}
    code, _, errors = synthmed(*arguments)
    assert code == 0
    assert "seed0: auroc" not in errors
    assert {path: path.stat().st_mtime_ns for path in Path("run/cells").iterdir()} == written
    code, _, errors = synthmed(*arguments, "tasks.0.fit.steps=11")
    assert code == 2
    assert errors.splitlines()[-1].startswith("synthmed: run: holds a run of another suite or data (suite.tasks.0.fit")
    code, _, errors = synthmed(*arguments, "tasks.0.fit.steps=11", "--overwrite")
    assert code == 0, errors


def test_a_dry_run_counts_and_writes_nothing(synthmed: Command) -> None:
    code, out, _ = synthmed("tiny.yaml", "--dry-run")
    assert code == 0
    assert "classification of xray: at most 40 training and 24 test rows; 6 cells of 10 steps, seeds 0, 1" in out
    assert "phantom, 0.5 of the rows: 2 cells" in out
    assert out.splitlines()[-1] == "6 cells, 60 optimiser steps in all"
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


def test_mistakes_are_one_line_and_exit_code_2(synthmed: Command, root: Path) -> None:
    Path("other").mkdir()
    Path("other", "thesis.tex").touch()
    leak = f"test.place={root}/train"
    for arguments, message in [
        (["tinny"], "no suite 'tinny'"),
        (["tiny.yaml", "tasks.0.armz=[real]"], "unknown key 'tasks.0.armz'; did you mean 'arms'"),
        (["tiny.yaml", "--workers", "-1"], "--workers -1"),
        (["tiny.yaml", "--out", "other"], "other: holds files that are no run of a suite"),
        (["tiny.yaml", "--out", "a", "--workers", "0", "test.place=nowhere"], "nowhere: no such folder"),
        (["tiny.yaml", "--out", "b", "--workers", "0", leak], "guard: 40 equal pixels between train and test rows"),
        (["tiny.yaml", "--out", "c", "--workers", "0", "tasks.0.amounts=[41]"], "41 of 40 rows"),
        (["tiny.yaml", "--out", "d", "--workers", "0", "generators.0.model=nobody"], "neither a model folder"),
    ]:
        code, _, errors = synthmed(*arguments)
        assert (code, message in errors.splitlines()[-1]) == (2, True), (arguments, errors)


def test_ctrl_c_tells_how_to_go_on(root: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny(root)))
    command = ["benchmark", "tiny.yaml", "tasks.0.fit.steps=100000", "--out", "run", "--workers", "1"]
    run = subprocess.Popen(
        [sys.executable, "-m", "synthmed", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    while run.poll() is None and not (tmp_path / "run" / "suite.json").exists():
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    try:
        errors = run.communicate(timeout=120)[1]
    finally:
        run.kill()
    assert run.returncode == 130, errors
    assert "stopped; finished cells stay in run. To go on: synthmed benchmark tiny.yaml tasks.0.fit.steps=" in errors
    assert "Traceback" not in errors
