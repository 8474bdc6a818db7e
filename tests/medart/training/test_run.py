from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.runs import Make, hashes
from medart.tiny_model import disturb
from peft import PeftModel
from safetensors.torch import load_file

from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset
from synthmed.medart.model import MedArt
from synthmed.medart.training.run import train_medart

ADAPT = {"stage": "adapt", "colour": {"every": 1, "steps": 2}}


@pytest.fixture(scope="module")
def whole(recipe: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of all stages."""
    out = tmp_path_factory.mktemp("whole")
    steps: list[tuple[str, int, int]] = []
    losses: list[Mapping[str, float]] = []

    def on_step(stage: str, step: int, total: int, values: Mapping[str, float]) -> None:
        steps.append((stage, step, total))
        losses.append(values)

    assert train_medart(recipe(), "mine.yaml", out, on_step=on_step).finished
    assert steps == [(stage, step, 2) for stage in ("01-autoencoder", "02-base", "03-adapt") for step in (1, 2)]
    # Step 0 has a colour loss, step 1 has none.
    assert ["colour" in values for values in losses[-2:]] == [True, False]
    return out


def test_a_recipe_becomes_a_folder_that_loads_and_generates(whole: Path, tmp_path: Path) -> None:
    folder = whole / "model"
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    model = MedArt.from_pretrained(folder)
    assert model.labels == ("melanoma", "nevus")
    assert model.config.pixels == (32, 32)
    assert model.config.base is None
    assert model.config.prompts.sets[0] == (("melanoma",), 7 / 11)  # a row has no labels
    assert isinstance(model.parts["transformer"], PeftModel)
    assert isinstance(model.parts["text_encoder"], PeftModel)
    for name in ("transformer_lora", "text_encoder_lora"):
        adapter = load_file(folder / name / "adapter_model.safetensors")
        assert any(value.abs().max() > 0 for key, value in adapter.items() if "lora_B" in key)
    generate_dataset(model, tmp_path / "made", 3, to=["photo"], workers=0)
    assert (tmp_path / "made/dataset.json").is_file()

    card = json.loads((folder / "training.json").read_text())
    assert [stage["name"] for stage in card["stages"]] == ["01-autoencoder", "02-base", "03-adapt"]
    assert all("loss" in stage["losses"] and "loss" in stage["validation"] for stage in card["stages"])
    assert len(card["data"]["pixels"]) == 12
    assert str(whole) not in (folder / "training.json").read_text()
    assert (whole / "stages/01-autoencoder/samples").is_dir()


def test_latents_are_scaled_to_deviation_one(whole: Path) -> None:
    """Of the training rows' draws, by the numbers in the vae's config."""
    done = json.loads((whole / "stages/01-autoencoder/done.json").read_text())
    shift, scale = done["scaling"]
    assert shift == 0  # diffusers' pipeline decodes with an AutoencoderKL, and knows no shift
    tables = [load_file(path) for path in (whole / "features").rglob("*.safetensors")]
    mean, logvar = max(tables, key=lambda table: len(table["posterior"]))["posterior"].double().chunk(2, dim=1)
    generator = torch.Generator().manual_seed(0)
    draws = mean + (logvar / 2).exp() * torch.randn(200, *mean.shape, generator=generator, dtype=torch.float64)
    assert float((draws * scale).std()) == pytest.approx(1, abs=0.02)
    assert json.loads((whole / "model/vae/config.json").read_text())["scaling_factor"] == scale


def test_stopped_anywhere_a_run_ends_with_the_same_bits(recipe: Make, whole: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    for end in (1, 3, 5, 99):  # in the middle of each stage
        ended = train_medart(
            recipe(),
            "mine.yaml",
            tmp_path,
            on_step=lambda stage, *_: steps.append(stage),
            stop=lambda end=end: len(steps) >= end,
        )
        assert ended.finished == (end == 99)
    assert len(steps) == 6
    assert hashes(tmp_path / "model") == hashes(whole / "model")


def test_finished_stages_stay_and_another_recipe_is_refused(recipe: Make, whole: Path) -> None:
    before = hashes(whole / "model")
    assert train_medart(recipe(), "mine.yaml", whole, on_step=lambda *_: pytest.fail("trained again")).finished
    assert hashes(whole / "model") == before
    other = recipe()
    other["stages"][1]["drop"] = 0.5
    with pytest.raises(UserError, match=r"fingerprint.stage.drop was 0.1, is 0.5"):
        train_medart(other, "mine.yaml", whole)
    with pytest.raises(UserError, match=r"model.seed was 0, is 1"):
        train_medart(recipe(seed=1), "mine.yaml", whole)
    with pytest.raises(UserError, match=r"data.digest was"):
        train_medart(recipe(top={"captions": "simple"}), "mine.yaml", whole)
    lines: list[str] = []
    assert train_medart(recipe(), "mine.yaml", whole, dry_run=True, on_note=lines.append).reason == "dry run"
    assert "all 2" in lines[1]


def test_adapters_go_on_a_model_folder(recipe: Make, whole: Path, tmp_path: Path) -> None:
    base = str(whole / "model")
    lora = {"transformer": {"rank": 2, "dora": True}, "text_encoder": None}
    run = train_medart(recipe([ADAPT], base=base, lora=lora, size=None), "mine.yaml", tmp_path / "dora")
    model = MedArt.from_pretrained(run.model)
    assert isinstance(model.parts["transformer"], PeftModel)
    assert not isinstance(model.parts["text_encoder"], PeftModel)
    assert model.config.lora.transformer is not None
    assert model.config.lora.transformer.dora
    # The old adapters are part of the weights beneath the new ones, and the autoencoder is as it was.
    name = "transformer_blocks.0.attn1.to_q.weight"
    old, new = (load_file(Path(f) / "transformer/diffusion_pytorch_model.safetensors") for f in (base, run.model))
    adapter = load_file(whole / "model/transformer_lora/adapter_model.safetensors")
    parts = [adapter[f"base_model.model.{name.removesuffix('weight')}lora_{side}.weight"] for side in "BA"]
    assert torch.allclose(new[name], old[name] + parts[0] @ parts[1], atol=1e-6)
    vae = "vae/diffusion_pytorch_model.safetensors"
    assert (Path(base) / vae).read_bytes() == (run.model / vae).read_bytes()

    # Init goes on with the adapters there are, on the same weights.
    run = train_medart(recipe([ADAPT]), "mine.yaml", tmp_path / "init", init=whole / "model")
    weights = "transformer/diffusion_pytorch_model.safetensors"
    assert (run.model / weights).read_bytes() == (Path(base) / weights).read_bytes()
    again = load_file(run.model / "transformer_lora/adapter_model.safetensors")
    assert any(not torch.equal(value, adapter[key]) for key, value in again.items())
    with pytest.raises(UserError, match=r"is not that of model\.init"):
        train_medart(recipe([ADAPT], lora=lora), "mine.yaml", tmp_path / "x", init=whole / "model")
    with pytest.raises(UserError, match=r"name it as model\.base"):
        train_medart(recipe([{"stage": "base"}]), "mine.yaml", tmp_path / "x", init=whole / "model")


def test_half_precision_networks_need_its_autocast(recipe: Make, pipeline: Path, tmp_path: Path) -> None:
    spec = recipe([ADAPT], base=str(pipeline), size=None, dtype="bf16")
    with pytest.raises(UserError, match=r"needs training\.precision bf16"):
        train_medart(spec, "mine.yaml", tmp_path, dry_run=True)


def test_a_pipeline_of_diffusers_is_adapted_and_stays_one(recipe: Make, pipeline: Path, tmp_path: Path) -> None:
    stage = {**ADAPT, "cached": False, "block_checkpointing": True}
    run = train_medart(recipe([stage], base=str(pipeline), size=None), "mine.yaml", tmp_path)
    weights = "transformer/diffusion_pytorch_model.safetensors"
    assert (run.model / weights).read_bytes() == (pipeline / weights).read_bytes()
    model = MedArt.from_pretrained(run.model)
    disturb(model)
    sample = model.generate(to=["photo"], given={"report": "a red lesion"}, n=1, seed=0)[0]
    assert np.isfinite(sample.images["photo"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{"stage": "base"}]}, "nothing trains vae"),
        ({"stages": [{"stage": "adapt"}, {"stage": "base"}]}, "in this order"),
        ({"stages": [{"stage": "basic"}]}, "base"),
        ({"size": None}, "model.size is missing"),
        ({"lora": {"transformer": None, "text_encoder": None}}, "trains nothing"),
        ({"dtype": "bf16"}, "all weights are trained"),
        ({"image_size": 40}, "a multiple of 16"),
        ({"image": "xray"}, "no record of the split train has an image 'xray'"),
        ({"data": {"size": 48}}, "set data.size"),
        ({"stages": [{"stage": "adapt", "colour": {"last": 21}}]}, "from 1 to steps"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(recipe: Make, tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        train_medart(recipe(**change), "mine.yaml", tmp_path)
    assert "\n" not in str(refused.value)
