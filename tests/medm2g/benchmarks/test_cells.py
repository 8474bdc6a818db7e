"""The ablation's cells: what each leaves out, and one of them from its training to its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from ablation_cells import RECIPE, Cell, all_cells, base_recipe, cell_recipe, cell_steps, train_cell, train_whole
from ablation_scores import FIGURES, IMAGES, JUDGES, score_row, train_judge
from ablation_tables import timing_file
from ablation_timing import median_rate, time_cells
from judge_folder import JudgeFolder

from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset
from synthmed.medm2g.config import Config
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.phantom import Phantom
from synthmed.recipe import read_recipe
from synthmed.training.records import read_done

DEBUG = ["model.size=debug", "model.image_size=32", "model.image_latent=2", "model.parts={}", "model.sampler.steps=2"]
DEBUG += ["training.batch_size=4", "training.checkpoint_every=1"]


def test_a_cell_is_the_recipe_without_what_it_has_not() -> None:
    cells = all_cells([0, 1, 2])
    assert len(cells) == len({cell.name for cell in cells}) == 12
    flow_steps = set()
    for cell in cells:
        spec = train_recipe(cell_recipe(cell, Path("data"), Path("base"), 0.5), "ablation")
        kinds = [stage.stage for stage in spec.stages]
        assert kinds == ["alignment"] * (3 * cell.ca) + ["flow", "flow", "round"]
        for stage in spec.stages:
            assert stage.training.seed == cell.seed
            if stage.stage == "alignment":
                assert stage.invariant == cell.vi
            if stage.stage == "flow":
                assert stage.central == cell.ca
                assert stage.invariant == (cell.vi and not cell.ca)
                flow_steps.add((stage.modality, stage.training.steps))
        assert spec.model.seed == cell.seed
        assert spec.model.init_parts == ("autoencoder_grey",)
    assert len(flow_steps) == 2


def test_the_base_is_the_recipes_autoencoder() -> None:
    spec = base_recipe(Path("data"), 0.5)
    stages = train_recipe(spec, "ablation").stages
    assert [stage.stage for stage in stages] == ["autoencoder", "flow", "flow"]
    whole = train_recipe(read_recipe(RECIPE), "ablation").stages[0]
    assert stages[0].training.steps * 2 == whole.training.steps
    assert set(cell_steps(spec)) == {"01-autoencoder-grey", "02-flow-ct", "03-flow-mri"}


def test_the_rate_is_the_median_of_all_windows_but_the_first(tmp_path: Path) -> None:
    lines = [{"step": 10 * i, "samples_per_second": rate} for i, rate in enumerate((1, 100, 90, 70, 200))]
    lines.insert(3, {"step": 20, "validation": 1})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert median_rate(tmp_path) == 95


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantom patients of 32 pixels."""
    folder = tmp_path_factory.mktemp("ablation")
    to = ["report", "xray", "ct", "ct.mask", "mri", "mri.mask"]
    for seed, (split, n) in enumerate({"train": 12, "val": 4, "test": 12}.items()):
        generate_dataset(Phantom((32, 32)), folder / split, n, to=to, seed=seed, workers=0)
    return folder


def test_a_cell_is_trained_in_pieces_and_gives_both_its_rows(data: Path, tmp_path: Path) -> None:
    train_whole(base_recipe(data, 1e-9, DEBUG), tmp_path / "base", lambda done: None)
    spec = cell_recipe(Cell(False, True, 0), data, tmp_path / "base/model", 1e-9, DEBUG)
    folder, done = tmp_path / "cells" / "one", []
    with pytest.raises(KeyboardInterrupt):
        train_cell(spec, folder, done.append, lambda: len(done) == 3)
    train_cell(spec, folder, done.append)
    assert done == [1, 2, 3, 4, 5, 6, 6]
    assert sum(cell_steps(spec).values()) == 6
    again: list[int] = []
    train_cell(spec, folder, again.append)
    assert again == [6]

    config = Config.model_validate_json((folder / "model" / "config.json").read_text())
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in build_parts(config).items()}
    guidance = [name for name in sizes if name.partition("_")[0] in ("context", "adaptive", "layers")]
    assert len(guidance) == 6
    facts = read_done(folder, "cell.json", keys=()) or {}
    assert facts["parameters"]["with"] == sum(sizes.values())
    assert facts["parameters"]["without"] == sum(sizes.values()) - sum(sizes[name] for name in guidance)
    # debug's projector is 16-16-16 with one batch norm; one each for the encoders of MRI and CT.
    assert facts["beside"] == 2 * (2 * 16 * 16 + 2 * 16)
    assert set(facts["validation"]) == set(IMAGES)

    judges = JudgeFolder(data, tmp_path / "judges", 2)
    for kind, name in JUDGES:
        train_judge(judges, kind, name)
    generate_dataset(Phantom((32, 32)), tmp_path / "other/train", 2, to=["report", "ct", "ct.mask"], workers=0)
    with pytest.raises(UserError, match=r"classifier-ct-2.safetensors: was trained on other rows"):
        JudgeFolder(tmp_path / "other", tmp_path / "judges", 2).classifier("ct")
    figures = {}
    for lcag in (False, True):
        # So that guidance layers, which begin as the identity, can be told from none.
        if lcag:
            _shake(folder / "model")
        file = tmp_path / f"{lcag}.json"
        score_row(folder, judges, file, 12, lcag)
        figures[lcag] = json.loads(file.read_text())["figures"]
        assert set(figures[lcag]) == set(FIGURES)
        assert file.with_suffix(".png").exists()
    assert figures[False]["CT→MRI PSNR"] != figures[True]["CT→MRI PSNR"]
    assert figures[False]["val. loss CT"] == figures[True]["val. loss CT"] > 0
    score_row(folder, judges, tmp_path / "shaken.json", 12, False)
    shaken = json.loads((tmp_path / "shaken.json").read_text())["figures"]
    assert shaken["CT→MRI PSNR"] == figures[False]["CT→MRI PSNR"]


def test_a_cell_is_timed_at_the_recipes_steps(
    model: MedM2G, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ablation_timing.STEPS", 4)
    monkeypatch.setattr("ablation_timing.WINDOW", 2)
    model.save_pretrained(tmp_path / "base")
    cell = Cell(False, False, 0)
    spec = cell_recipe(cell, data, tmp_path / "base", 1.0, DEBUG)
    time_cells({cell.name: spec}, tmp_path / "timing")
    found = json.loads(timing_file(tmp_path, cell).read_text())
    flow, rounds = found["stages"]["01-flow-ct"], found["stages"]["03-round-ct-mri"]
    rate = median_rate(tmp_path / "timing" / cell.name / "stages/01-flow-ct")
    assert flow == pytest.approx(cell_steps(spec)["01-flow-ct"] * 4 / rate)
    assert found["with"] - found["without"] == pytest.approx(rounds)


def _shake(folder: Path) -> None:
    model = MedM2G.from_pretrained(folder)
    with torch.no_grad():
        for name, part in model.parts.items():
            if name.startswith("layers_"):
                for parameter in part.parameters():
                    parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    model.save_pretrained(folder)
