"""Each of MedM2G's tasks as its command, on real images: exit code, shards, what was given, and the same bytes again.

The models are ``debug`` ones of a few steps: whether they make anything of worth is not asked here.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.folders import shard_hashes
from helpers.shared import ROOT, real
from PIL import Image

from synthmed import SyntheticDataset
from synthmed.cli import app
from synthmed.generation.settings import Settings
from synthmed.recipe import load_recipe, read_recipe

pytestmark = [real, pytest.mark.slow]

FEW = ["model.size=debug", "model.image_size=32", "model.sampler={steps: 2}", "data.allow_leak=true"]
FEW += ["training.steps=2", "training.batch_size=2", "training.checkpoint_every=2", "training.sample_every=0"]
FEW += ["training.validate_every=0"]  # a last batch of one breaks the visual invariant
LIMITS = {"xray": 3, "text-xray": 4, "lgg": 1}
"""Parts of each real recipe."""
DICOM = ROOT / "dicom_samples/train"


ALL = """
import json, sys
from synthmed.cli import main
for arguments in json.load(sys.stdin):
    sys.argv = ["synthmed", *arguments]
    try:
        main()
    except SystemExit as end:
        assert end.code in (None, 0), (arguments, end.code)
"""
"""One command after another in one process, as imports take longer than a task; the first that fails ends it."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a model of each recipe, and ``phantom``, which alone has pairs of all four modalities."""
    folder = tmp_path_factory.mktemp("models")
    threads, handler = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    torch.set_num_threads(1)

    def run(*arguments: str) -> None:
        app(list(arguments), standalone_mode=False)

    for name, parts in LIMITS.items():
        # The recipes' own steps stand at the stages, and come before those of all.
        own = [f"stages.{i}.training={{}}" for i in range(len(read_recipe(f"medm2g/{name}")["stages"]))]
        limits = [f"data.parts.{i}.limit=6" for i in range(parts)]
        size = ["data.size=32", f"data.root={ROOT}", "model.vocabulary=300"]
        run("train", f"medm2g/{name}", *FEW, *own, *limits, *size, "--out", str(folder / name))
    run("generate", "--n", "12", "--out", str(folder / "phantom-debug"), "--workers", "0", "-q")
    run("train", "medm2g/debug", *FEW, f"data.root={folder}", "--out", str(folder / "phantom"))
    torch.set_num_threads(threads)
    yield folder
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real slices in folders of their own: ``ct`` and ``mri`` DICOM, ``t1`` and ``flair`` of PNGs."""
    folder = tmp_path_factory.mktemp("slices")
    for name, series in (("ct", "ct_luad"), ("mri", "mr_t1_studyforrest")):
        (folder / name).mkdir()
        for file in sorted((DICOM / series).iterdir())[:2]:
            (folder / name / file.name).symlink_to(file)
    for name in ("t1", "flair"):
        (folder / name).mkdir()
    for file in sorted((ROOT / "mri_lgg/test").rglob("*.png"))[:2]:
        channels = np.asarray(Image.open(file).convert("RGB"))
        for place, name in enumerate(("t1", "flair")):
            Image.fromarray(channels[..., place]).save(folder / name / file.name)
    (folder / "note.txt").write_text("Right lower lobe consolidation, small effusion.\n")
    return folder


DATA = f"data.root={ROOT}"
TASKS: dict[str, tuple[str, str, list[str], set[str]]] = {
    "report to X-ray, CT, MRI": ("report_to_images", "phantom", [DATA], {"report", "xray", "ct", "mri"}),
    "a report file to CT": ("report_to_images", "phantom", ["--given", "report=note.txt", "--to", "ct"], {"ct"}),
    "X-ray to report": ("xray_to_report", "text-xray", [DATA], {"xray", "report"}),
    "T1 and FLAIR to T1c": ("mri_contrasts", "lgg", [DATA], {"mri", "mri.flair", "mri.t1c"}),
    "T1 and FLAIR files to T1c": (
        "mri_contrasts",
        "lgg",
        ["--given", "mri=t1", "--given", "mri.flair=flair"],
        {"mri", "mri.flair", "mri.t1c"},
    ),
    "MRI to CT": ("mri_to_ct", "phantom", [DATA], {"mri", "ct"}),
    "a NIfTI volume's slice to CT": (
        "mri_to_ct",
        "phantom",
        [DATA, "data.parts=[{source: shared, options: {part: mri_multicontrast3d}, images: [mri]}]"],
        {"mri", "ct"},
    ),
    "DICOM CT to MRI": ("mri_to_ct", "phantom", ["--given", "ct=ct"], {"mri", "ct"}),
    "accelerated MRI to CT": ("accelerated_mri_to_ct", "phantom", [DATA], {"mri", "ct"}),
    "accelerated DICOM MRI to CT": ("accelerated_mri_to_ct", "phantom", ["--given", "mri=mri"], {"mri", "ct"}),
    "CT to X-ray": ("ct_to_xray", "phantom", [DATA], {"ct", "xray"}),
    "X-ray": ("xrays", "xray", [], {"xray"}),
    "all four": ("joint", "phantom", [], {"report", "xray", "ct", "mri"}),
}


def command(task: str, models: Path, out: Path) -> list[str]:
    recipe, model, more, _ = TASKS[task]
    arguments = ["generate", "--recipe", f"generate/{recipe}", "--model", str(models / model / "model"), *more]
    return [*arguments, "--n", "2", "--shard-size", "2", "--workers", "0", "--quiet", "--out", str(out)]


@pytest.fixture(scope="module")
def elsewhere(models: Path, slices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a task, by its place, that another process made, in the other order."""
    folder = tmp_path_factory.mktemp("elsewhere")
    commands = [command(task, models, folder / str(place)) for place, task in enumerate(TASKS)]
    done = subprocess.run(
        [sys.executable, "-c", ALL],
        input=json.dumps(commands[::-1]),
        cwd=slices,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("task", TASKS)
def test_a_task_from_its_command(
    task: str, models: Path, slices: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, _, more, fields = TASKS[task]
    monkeypatch.chdir(slices)
    app(command(task, models, tmp_path / "a"), standalone_mode=False)
    assert shard_hashes(tmp_path / "a") == shard_hashes(elsewhere / str(list(TASKS).index(task)))
    stats = json.loads((tmp_path / "a/synthmed-000000.stats.json").read_text())
    assert stats["tar"]["sha256"] == hashlib.sha256((tmp_path / "a/synthmed-000000.tar").read_bytes()).hexdigest()
    made = SyntheticDataset.from_shards(tmp_path / "a")
    assert len(made) == 2
    layout = json.loads((tmp_path / "a/dataset.json").read_text())["fields"]
    assert {*layout["images"], *(["report"] if layout["report"] else [])} == fields
    rows = given_rows(recipe, more, slices)
    for place in range(2):
        sample = made.sample(place)
        assert set(sample.images) == fields - {"report"}
        given = rows[place % len(rows)] if rows else {}
        for field in fields & set(given):
            same(sample, field, given[field])


def given_rows(recipe: str, more: list[str], cwd: Path) -> Any:
    """What the command was given, read here."""
    overrides = [word for word in more if word.startswith("data")]
    paths = [word.partition("=") for word in more if "=" in word and word not in overrides]
    settings = load_recipe(f"generate/{recipe}", Settings, overrides)
    return settings.told(given={name: cwd / path for name, _, path in paths} or None).condition()


def same(sample: Any, field: str, given: Any) -> None:
    if field == "report":
        assert sample.report == given
        return
    image = sample.images[field]
    assert image.shape == given.shape
    step = 1.0 if field == "ct" else 1 / 255
    np.testing.assert_allclose(image, given, atol=step * 0.501)
