from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers.dicoms import CANARY, save, with_canaries
from PIL import Image
from typer.testing import CliRunner

from synthmed.cli import app
from synthmed.data.check import run_check
from synthmed.data.sources import SOURCES, Source
from synthmed.data.sources.options import make_source, parse_options
from synthmed.errors import UserError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve films in two classes and two splits; two of them equal across the splits, one cut short."""
    rng = np.random.default_rng(0)
    for number in range(12):
        split, label = ("train", "test")[number % 4 == 3], ("normal", "nodule")[number % 2]
        folder = tmp_path / "films" / split / label
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40 + number), np.uint8)).save(folder / f"{number}.png")
    films = tmp_path / "films"
    (films / "test" / "nodule" / "copy.png").write_bytes((films / "train" / "nodule" / "1.png").read_bytes())
    cut = films / "train" / "normal" / "0.png"
    cut.write_bytes(cut.read_bytes()[:200])
    return films


def test_a_check_counts_and_names_what_is_wrong(root: Path, tmp_path: Path) -> None:
    totals: list[int] = []
    told = run_check("class_folders", root, ["modality=xray"], tmp_path / "out", on_total=totals.append)
    assert totals == [13]
    lines = told.splitlines()
    assert "train        8         0" in lines
    assert "test         4         0" in lines
    assert any(line.startswith("nodule") and line.split()[1:] == ["3", "4"] for line in lines)
    assert "n = 12" in told
    assert "8 bit (12)" in told
    problem = next(line for line in lines if "0.png" in line)
    assert "cannot be read" in problem or "damaged" in problem or "truncated" in problem
    assert "same pixels: " in told
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image/png" in html
    assert str(tmp_path) not in html.replace(str(root), "")
    sheet = np.asarray(Image.open(io.BytesIO((tmp_path / "out" / "xray.png").read_bytes())))
    assert sheet.shape == (2 * 128, 8 * 128, 3)
    assert sheet.std() > 10


def test_nothing_that_identifies_a_patient_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pixels = np.arange(108, dtype=np.uint16).reshape(12, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(with_canaries(pixels), tmp_path / "tree" / "a.dcm")
        cut = save(with_canaries(pixels), tmp_path / "tree" / "b.dcm")
    cut.write_bytes(cut.read_bytes()[:-60])
    told = run_check("dicom_tree", tmp_path / "tree", ["slices=every:1"], tmp_path / "out")
    assert "n = 1" in told
    assert "b.dcm" in told
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert CANARY.encode() not in written
    assert CANARY not in told + "".join(capfd.readouterr())


def test_a_report_is_not_overwritten_unasked(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("mine")
    with pytest.raises(UserError, match="--overwrite"):
        run_check("class_folders", root, ["modality=xray"], tmp_path / "out")
    assert (tmp_path / "out" / "report.html").read_text() == "mine"
    run_check("class_folders", root, ["modality=xray"], tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "report.html").read_text() != "mine"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("class_folder", [], "did you mean 'class_folders'"),
        ("class_folders", ["modalty=xray"], "did you mean 'modality'"),
        ("class_folders", ["modality"], "write name=value"),
        ("shared", ["licence=free"], "option licence"),
        ("mimic_cxr", ["sections=[1"], "option sections: not JSON"),
    ],
)
def test_a_wrong_source_or_option_is_one_line(name: str, options: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        make_source(name, parse_options(name, options))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_are_read_as_their_types_say() -> None:
    source = make_source("mimic_cxr", parse_options("mimic_cxr", ['sections=["impression"]']))
    assert source.sections == ("impression",)  # type: ignore[attr-defined]


def test_a_name_that_is_not_utf8_can_be_printed(root: Path) -> None:
    os.rename(root / "train" / "nodule" / "1.png", os.fsdecode(os.fsencode(root) + b"/train/nodule/\xff.png"))
    assert "\\udcff.png" in run_check("class_folders", root, ["modality=xray"])


def test_every_registered_source_is_one() -> None:
    for entry in SOURCES:
        assert isinstance(make_source(entry.name, {}), Source)
        assert entry.summary


def test_the_command_prints_the_report(root: Path) -> None:
    done = CliRunner().invoke(app, ["data", "check", "class_folders", str(root), "-o", "modality=xray"])
    assert done.exit_code == 0
    assert "RECORDS" in done.output
    missing = CliRunner().invoke(app, ["data", "check", "class_folders", str(root / "none")])
    assert isinstance(missing.exception, UserError)
