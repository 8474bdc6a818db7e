"""``synthmed evaluate`` as a user types it, on tiny shards of the phantom."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthmed.cli import main
from synthmed.evaluation import METRICS
from synthmed.generation.engine import generate_dataset
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.sizes import make_config
from synthmed.medm2g.tokenizer import Tokenizers, train_tokenizer
from synthmed.phantom import Phantom

METRICS_ASKED = "kid,precision_recall,intensity,duplicates,psnr,bleu,text_length,agreement,copy_rate"
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``made`` and ``real``: 40 films with reports of other patients each."""
    folder = tmp_path_factory.mktemp("sets")
    for name, seed in (("made", 0), ("real", 1)):
        generate_dataset(Phantom((32, 32)), folder / name, 40, seed=seed, to=["report", "xray"], workers=0)
    return folder


@pytest.fixture
def synthmed(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """`synthmed evaluate` of ``made`` into ``report``: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        told = ["evaluate", str(sets / "made"), "--embedder", "helpers.embedders:Grid", "--out", "report", *arguments]
        monkeypatch.setattr(sys, "argv", ["synthmed", *told])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


class Page(HTMLParser):
    """What a page refers to, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources, self.tags, self.words = list[str](), set[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def figures(data: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(f["metric"], f["part"]): f for outcome in data["metrics"] for f in outcome["figures"]}


def test_a_report_from_end_to_end(synthmed: Command, sets: Path) -> None:
    real = ["--real", str(sets / "real"), "--metrics", METRICS_ASKED]
    gates = [
        "--require",
        "kid<1",
        "--require",
        "precision_recall.precision@xray>=1.5",
        "--require",
        "copy_rate<=floor",
    ]
    code, out, errors = synthmed(*real, *gates)
    assert code == 3
    assert "copy_rate: left out: the generator's training rows were not given (--train)" in errors
    assert "agreement: left out: no judges" in errors
    assert "a requirement is missed" in errors
    assert re.search(r"^held +kid<1.0 +xray: ", out, re.MULTILINE)
    assert re.search(r"^MISSED +copy_rate<=floor +no value", out, re.MULTILINE)
    assert re.search(r"^kid +xray +low +-?\d.* to .*grid-4", out, re.MULTILINE)

    data = json.loads(Path("report/report.json").read_text(), parse_constant=pytest.fail)
    found = figures(data)
    kid = found["kid", ""]
    assert kid["extractor"] == "grid-4"
    assert kid["n"] == 20
    assert None not in (kid["low"], kid["high"], kid["floor"], kid["floor_low"])
    assert found["copy_rate", ""]["value"] is None
    assert found["text_length", "mean"]["n"] == 40
    assert [each["held"] for each in data["requirements"]] == [True, False, False]
    assert data["corpora"]["real"] == {"name": "real", "rows": 40}
    assert data["training_networks"] is None

    text = Path("report/report.html").read_text()
    page = Page(text)
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not page.tags & {"script", "link", "iframe"}
    words = " ".join(page.words)
    for title in ("Requirements", "Fidelity", "Diversity", "Text", "Without a value", "Pictures: xray", "Definitions"):
        assert title in page.words
    assert "Outside networks" not in words
    assert not re.search(r"\b(private|safe|anonymous)\b", words)
    for file in (text, json.dumps(data), Path("report/run.json").read_text()):
        assert str(sets) not in file
    pictures = sorted(path.name for path in Path("report/pictures").iterdir())
    names = ("best", "nearest-real", "random", "random-real", "worst")
    assert pictures == sorted(f"xray-{name}.png" for name in names)
    assert np.asarray(Image.open("report/pictures/xray-nearest-real.png")).std() > 10


def test_it_goes_on_where_it_stopped_and_refuses_another_runs_folder(
    synthmed: Command, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ["--real", str(sets / "real"), "--metrics", "duplicates,intensity"]

    def stopped(self: object, context: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(METRICS.get("intensity"), "__call__", stopped)
        code, _, errors = synthmed(*real, "--overwrite")
    assert code == 130
    assert "finished metrics stay in report. To go on: synthmed evaluate" in errors
    assert "--overwrite" not in errors
    assert [path.stem for path in Path("report/figures").iterdir()] == ["duplicates"]
    assert not Path("report/report.html").exists()

    with monkeypatch.context() as patch:
        patch.setattr(METRICS.get("duplicates"), "__call__", stopped)
        assert synthmed(*real)[0] == 0
    first = Path("report/report.json").read_bytes()
    assert synthmed(*real, "--metrics", "duplicates")[0] == 0
    again = json.loads(Path("report/report.json").read_text())
    assert {each["metric"] for each in again["metrics"]} == {"duplicates", "intensity"}

    code, _, errors = synthmed(*real, "--seed", "1")
    assert code == 2
    assert "holds another run (other seed)" in errors
    assert json.loads(Path("report/report.json").read_text()) == again
    assert synthmed(*real, "--seed", "1", "--overwrite")[0] == 0
    assert Path("report/report.json").read_bytes() != first


def test_judges_a_parser_and_a_models_space(synthmed: Command, sets: Path, tmp_path: Path) -> None:
    texts = Tokenizers.same(train_tokenizer(["A nodule of 7 mm.", "No finding here."], 300))
    config = make_config("debug", ["xray"], image_size=32, vocabulary=len(texts.prompt))
    MedM2G(config, build_parts(config), texts).save_pretrained(tmp_path / "model")
    asked = ["--real", str(sets / "real"), "--metrics", "agreement,retrieval,label_f1", "--cache", "kept"]
    outside = ["--judge", "classification", "--judge-steps", "10", "--parser", "phantom", "--space", "model"]
    code, out, errors = synthmed(*asked, *outside)
    assert code == 0, errors
    data = json.loads(Path("report/report.json").read_text())
    assert [f["part"] for f in data["metrics"][0]["figures"] if "label" not in f["scope"] and f["floor"] is not None]
    found = figures(data)
    assert found["label_f1", "macro"]["value"] == 1.0
    assert found["retrieval", "text to image R@1"]["extractor"] == "prompt encoders of model"
    assert re.search(r"^agreement.score +classification, xray +high +0", out, re.MULTILINE)
    page = Path("report/report.html").read_text()
    assert "Judge trained on real rows: classification of xray" in page
    assert "compared in: prompt encoders of model" in page
    (judge,) = Path("kept/judges").iterdir()
    written = (judge / "weights.safetensors").stat().st_mtime_ns

    (tmp_path / "report/report.html").unlink()
    assert synthmed(*asked, *outside)[0] == 0
    assert (judge / "weights.safetensors").stat().st_mtime_ns == written
    code, _, errors = synthmed(*asked, *outside, "--parser", "helpers.parsers:nothing")
    assert code == 2
    assert "holds another run (other parser)" in errors
    code, _, errors = synthmed(*asked, *outside, "--judge-steps", "11")
    assert code == 2
    assert "holds another run (other judges)" in errors
    code, _, errors = synthmed(*asked)
    assert code == 2
    assert "holds another run (other judges, parser, space)" in errors


def test_an_extractor_that_taught_is_refused(synthmed: Command, sets: Path) -> None:
    code, out, errors = synthmed(
        "--real", str(sets / "real"), "--metrics", "kid,duplicates", "--trained-with", "grid-4"
    )
    assert code == 0
    assert "kid: left out: grid-4 was used in training the generator" in errors
    assert "duplicates.exact" in out
    assert "Outside networks that taught the generator: grid-4." in Path("report/report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--metrics kidd", "metrics: there is no 'kidd'; did you mean 'kid'?"),
        ("--require kid=1", "--require 'kid=1': write METRIC"),
        ("--require kdi<1", "did you mean 'kid'?"),
        ("--metrics fid --require kid<1", "kid is not among the metrics that run"),
        ("--embedder lite", "embedders: there is no 'lite'"),
        ("--embedder no.such:thing", "embedder 'no.such:thing'"),
        ("--real nowhere", "nowhere: no such folder"),
        ("--limit 1", "--limit 1"),
        ("--seed -1", "--seed -1"),
        ("--size 0", "--size 0"),
        ("--image ct", "no image 'ct'"),
        ("--window 1,x", "--window '1,x'"),
        ("--window lungs", "there is no CT window 'lungs'"),
        ("--out /dev/null/report", "/dev/null/report"),
        ("--judge segmenter", "--judge 'segmenter': write TASK or TASK:IMAGE"),
        ("--judge segmentation", "--judge: judges are trained on real rows; give --real"),
        ("--judge segmentation --judge-steps 9", "--judge-steps"),
        ("--space phantom", "--space phantom: this model has no aligned space"),
        ("--space nowhere", "nowhere is neither a model folder"),
        ("--parser phantm", "parsers: there is no 'phantm'"),
        ("--metrics duplicates --limit many", "'--limit'"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(
    arguments: str, message: str, synthmed: Command, tmp_path: Path
) -> None:
    code, _, errors = synthmed(*arguments.split())
    lines = [line for line in errors.splitlines() if line.startswith("synthmed: ")]
    assert code == 2
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
