"""The wheel, installed in a bare venv, as a user gets it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a venv that holds the wheel; the dependencies are this environment's, further down its path."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT], check=True)
    (wheel,) = folder.glob("synthmed-*.whl")
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--prefix", folder / "venv", "--ignore-installed", wheel], check=True)
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "venv" / "bin"


def run(bare: Path, folder: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [bare / command[0], *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ls_cp_and_generate_run_from_the_wheel(bare: Path, tmp_path: Path) -> None:
    place = run(bare, tmp_path, "python", "-c", "import synthmed; print(synthmed.__file__)")
    assert place.startswith(str(bare.parent))
    assert "generate/phantom" in run(bare, tmp_path, "synthmed", "ls", "recipes")
    assert run(bare, tmp_path, "synthmed", "cp", "generate/phantom") == "phantom.yaml\n"
    run(bare, tmp_path, "synthmed", "generate", "--recipe", "phantom.yaml", "--n", "6", "--out", "set")
    assert (tmp_path / "set" / "dataset.json").exists()


def test_the_wheel_is_typed_and_has_no_more_than_the_package(bare: Path) -> None:
    (site,) = (bare.parent / "lib").glob("python*/site-packages")
    assert (site / "synthmed" / "py.typed").exists()
    assert not (site / "tests").exists()
    assert not (site / "benchmarks").exists()
