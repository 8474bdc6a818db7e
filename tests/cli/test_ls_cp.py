from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthmed.catalogue import catalogue
from synthmed.cli import app
from synthmed.errors import UserError

run = CliRunner().invoke


def test_ls_shows_what_a_third_partys_package_adds() -> None:
    modalities = run(app, ["ls", "modalities"]).output
    assert "us     ultrasound, a third party's modality" in modalities
    assert [line.split()[0] for line in modalities.splitlines()] == ["ct", "mri", "photo", "text", "us", "xray"]
    assert "testnet  a small network for tests" in run(app, ["ls", "models"]).output


def test_ls_without_a_kind_shows_all_kinds() -> None:
    output = run(app, ["ls"]).output
    for kind in ("modalities", "sources", "models", "metrics", "describers", "recipes", "suites"):
        assert f"{kind}\n" in output


def test_ls_describers_shows_the_back_ends_of_caption() -> None:
    lines = run(app, ["ls", "describers"]).output.splitlines()
    assert [line.split()[0] for line in lines] == ["embedded", "endpoint", "vlm"]


def test_an_unknown_kind_is_refused() -> None:
    assert run(app, ["ls", "modality"]).exit_code == 2
    with pytest.raises(UserError, match="did you mean 'models'"):
        catalogue("model")


def test_cp_copies_and_never_overwrites_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(app, ["cp", "generate/phantom"]).exit_code == 0
    copy = tmp_path / "phantom.yaml"
    copy.write_text(copy.read_text() + "# mine\n")
    again = run(app, ["cp", "generate/phantom"])
    assert isinstance(again.exception, UserError)
    assert "--overwrite" in str(again.exception)
    assert copy.read_text().endswith("# mine\n")
    assert run(app, ["cp", "generate/phantom", "--overwrite"]).exit_code == 0
    assert not copy.read_text().endswith("# mine\n")
    assert run(app, ["cp", "generate/phantom", "sub/own.yaml"]).output == "sub/own.yaml\n"
    wrong = run(app, ["cp", "generate/phantm"])
    assert "did you mean 'generate/phantom'" in str(wrong.exception)
