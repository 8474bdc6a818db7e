"""``synthmed caption`` as a user types it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.lesions import draw
from PIL import Image

from synthmed.cli import main


def synthmed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["synthmed", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def skin(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for kind, colour in (("melanoma", "black"), ("nevus", "brown")):
        (tmp_path / "skin" / kind).mkdir(parents=True)
        for index in range(2):
            Image.fromarray(draw(rng, colour, "round", "medium", 64).pixels).save(
                tmp_path / "skin" / kind / f"{index}.png"
            )
    return tmp_path / "skin"


def test_describes_goes_on_and_warns(
    skin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (skin / "nevus" / "bad.png").write_text("no image")
    arguments = ["caption", str(skin), "--domain", "dermoscopy", "--labels", "folders"]
    assert synthmed(monkeypatch, *arguments) == 0
    told = capsys.readouterr()
    assert told.out == f"{skin / 'metadata.csv'}: 4 captions\n"
    assert "warning: 1 without a caption, listed in" in told.err
    assert "nevus/bad.png" in told.err
    assert "describing" in told.err
    lines = (skin / "metadata.csv").read_text().splitlines()
    assert lines[0] == "file_name,text,label,describer,domain,mode,seed"
    assert lines[1].startswith('melanoma/0.png,"A dermoscopy image of a melanoma.') or lines[1].startswith(
        "melanoma/0.png,A dermoscopy image of a melanoma."
    )
    assert "black" in lines[1]
    assert "brown" in lines[3]
    assert synthmed(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out == f"{skin / 'metadata.csv'}: 0 captions, 4 were there\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{skin}", "--domain", "dermatology"], "domains: there is no 'dermatology'"),
        (["{skin}", "--describer", "embeded"], "did you mean 'embedded'?"),
        (["{skin}", "--mode", "fool"], "'--mode'"),
        (["{skin}", "--labels", "x"], "write folders, none, or FILE:COLUMN"),
        (["{skin}", "--per-minute", "-1"], "--per-minute -1.0"),
        (["{skin}", "--batch", "0"], "--batch 0"),
        (["{skin}", "--source", "foldr"], "did you mean 'folder'?"),
        (["{skin}", "--out", "/dev/null/a.csv"], "cannot write there"),
        (["{skin}/nothing"], "no such folder or file"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    skin: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(skin.rglob("*"))
    told = [argument.replace("{skin}", str(skin)) for argument in arguments]
    assert synthmed(monkeypatch, "caption", *told) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert sorted(skin.rglob("*")) == before
