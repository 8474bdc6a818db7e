"""A folder between diffusers, peft and this package: the same image each way, and damage told in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, PixArtAlphaPipeline
from helpers.hub import COMMIT, cached
from huggingface_hub import constants
from medart.tiny_model import CAPTIONS, SIDE, disturb
from peft import PeftModel
from safetensors.torch import load_file, save_file

from synthmed import load_model
from synthmed.diffusion.noise import seeded_noise
from synthmed.errors import UserError
from synthmed.medart.config import Lora
from synthmed.medart.folder import read_scheduler
from synthmed.medart.lora import LoraSpec
from synthmed.medart.model import MedArt
from synthmed.protocols import Request

SEEDS = [3, 4]


def ours(model: MedArt) -> np.ndarray:
    requests = [Request(("photo",), {"report": text}, text) for text in CAPTIONS]
    return np.stack([sample.images["photo"] for sample in model.render(requests, SEEDS)])


def theirs(base: Path, adapters: Path | None, model: MedArt) -> np.ndarray:
    """By diffusers and peft alone, from the same noise."""
    pipe = PixArtAlphaPipeline.from_pretrained(base)
    if adapters is not None:
        pipe.transformer = PeftModel.from_pretrained(pipe.transformer, str(adapters / "transformer_lora"))
        pipe.text_encoder = PeftModel.from_pretrained(pipe.text_encoder, str(adapters / "text_encoder_lora"))
    pipe.set_progress_bar_config(disable=True)
    rows, columns = model.config.pixels
    images = pipe(
        CAPTIONS,
        num_inference_steps=model.config.sampler.steps,
        guidance_scale=model.config.sampler.guidance,
        latents=seeded_noise(SEEDS, (4, rows // 2, columns // 2), "photo"),
        height=rows,
        width=columns,
        output_type="np",
        clean_caption=False,
        use_resolution_binning=False,
        max_sequence_length=model.config.text_length,
    ).images
    return np.moveaxis(images, -1, 1)


def test_diffusers_and_peft_draw_the_same_image_from_the_saved_folder(
    model: MedArt, folder: Path, pipeline: Path
) -> None:
    made = ours(model)
    assert made.shape == (2, 3, SIDE, SIDE)
    # Else any two images would be alike.
    assert made.std() > 0.02
    assert np.abs(made - theirs(pipeline, None, model)).max() > 0.02
    np.testing.assert_allclose(made, theirs(folder, folder, model), atol=2e-5)


def test_a_pipeline_without_trained_adapters_is_diffusers_own(pipeline: Path) -> None:
    fresh = MedArt.from_pipeline(pipeline, text_length=24, sampler={"steps": 20})
    np.testing.assert_allclose(ours(fresh), theirs(pipeline, None, fresh), atol=2e-5)
    unguided = MedArt.from_pipeline(pipeline, lora=Lora(), text_length=24, sampler={"steps": 3, "guidance": 1})
    np.testing.assert_allclose(ours(unguided), theirs(pipeline, None, unguided), atol=2e-5)


def test_rows_and_columns_may_differ(pipeline: Path) -> None:
    wide = MedArt.from_pipeline(pipeline, pixels=(24, 40), text_length=24, sampler={"steps": 3})
    made = ours(wide)
    assert made.shape == (2, 3, 24, 40)
    np.testing.assert_allclose(made, theirs(pipeline, None, wide), atol=2e-5)


def test_a_pipeline_on_the_hub_is_named_by_its_commit(
    pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    cached(pipeline, tmp_path / "cache")
    model = MedArt.from_pipeline("lab/tiny", text_length=24, sampler={"steps": 2})
    assert model.config.base == f"lab/tiny@{COMMIT}"
    model.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model" / "transformer").exists()
    assert load_model(tmp_path / "model").fingerprint == model.fingerprint
    assert MedArt.from_pipeline("lab/tiny", name_it=False).config.base is None


def test_a_named_base_is_not_copied(model: MedArt, pipeline: Path, tmp_path: Path) -> None:
    named = MedArt.from_pipeline(
        pipeline, name_it=True, lora=model.config.lora, text_length=24, sampler={"steps": 4}, labels=model.labels
    )
    disturb(named)
    named.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "transformer_lora", "text_encoder_lora"}
    loaded = load_model(tmp_path)
    assert isinstance(loaded, MedArt)
    assert np.array_equal(ours(loaded), ours(model))
    np.testing.assert_allclose(ours(loaded), theirs(pipeline, tmp_path, loaded), atol=2e-5)
    copied = MedArt(named.config.model_copy(update={"base": None}), named.parts, named.tokenizer)
    assert copied.fingerprint == loaded.fingerprint


def test_adapters_are_optional_and_may_be_dora(pipeline: Path, tmp_path: Path) -> None:
    lora = Lora(transformer=LoraSpec(dora=True, rank=2))
    one = MedArt.from_pipeline(pipeline, lora=lora, text_length=24, sampler={"steps": 2})
    disturb(one)
    one.save_pretrained(tmp_path)
    assert not (tmp_path / "text_encoder_lora").exists()
    assert np.array_equal(ours(MedArt.from_pretrained(tmp_path)), ours(one))


def test_the_folder_holds_no_pickle_and_no_path_of_this_machine(folder: Path, pipeline: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    for path in files:
        data = path.read_bytes()
        assert str(pipeline).encode() not in data
        assert str(folder).encode() not in data
        assert str(Path.home()).encode() not in data


def test_weights_may_be_stored_in_half_precision(model: MedArt, folder: Path, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, torch.float16)
    for part in ("transformer", "text_encoder", "vae"):
        (file,) = (tmp_path / part).glob("*.safetensors")
        (whole,) = (folder / part).glob("*.safetensors")
        assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}
        assert load_file(file).keys() == load_file(whole).keys()
    loaded = MedArt.from_pretrained(tmp_path)
    assert {parameter.dtype for parameter in loaded.parts.parameters()} == {torch.float32}


def test_half_precision_by_argument_keeps_the_adapters_whole(folder: Path, model: MedArt) -> None:
    half = MedArt.from_pretrained(folder, torch.bfloat16)
    types = {("lora_" in name, parameter.dtype) for name, parameter in half.parts.named_parameters()}
    assert types == {(True, torch.float32), (False, torch.bfloat16)}
    assert np.abs(ours(half) - ours(model)).mean() < 0.05


def test_older_pipelines_call_the_transformer_otherwise(pipeline: Path, tmp_path: Path) -> None:
    shutil.copytree(pipeline, tmp_path / "old")
    file = tmp_path / "old" / "transformer" / "config.json"
    config = json.loads(file.read_text()) | {"_class_name": "Transformer2DModel", "use_linear_projection": False}
    file.write_text(json.dumps(config))
    one, other = (
        MedArt.from_pipeline(place, text_length=24, sampler={"steps": 2}) for place in (tmp_path / "old", pipeline)
    )
    assert np.array_equal(ours(one), ours(other))


def test_the_noise_is_the_pipelines(pipeline: Path, tmp_path: Path) -> None:
    assert read_scheduler(pipeline).make().config == MedArt.from_pipeline(pipeline).config.scheduler.make().config
    DDIMScheduler(beta_start=0.001, beta_schedule="scaled_linear").save_pretrained(tmp_path / "scheduler")
    found = read_scheduler(tmp_path)
    assert (found.beta_start, found.beta_end, found.beta_schedule) == (0.001, 0.02, "scaled_linear")
    file = tmp_path / "scheduler" / "scheduler_config.json"
    for change, message in (
        ({"prediction_type": "v_prediction"}, "prediction_type"),
        ({"_class_name": "DPMSolverMultistepScheduler", "thresholding": True}, "thresholding is True"),
        ({"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"}, "algorithm_type"),
    ):
        stored = {"_class_name": "DDIMScheduler", "beta_start": 0.001}
        file.write_text(json.dumps(stored | change))
        with pytest.raises(UserError, match=message):
            read_scheduler(tmp_path)


DAMAGES = [
    "pickle",
    "config",
    "key",
    "part",
    "class",
    "weights",
    "missing tensor",
    "tokenizer",
    "adapter",
    "rank",
    "base",
    "vocabulary",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_told_in_one_line(folder: Path, tmp_path: Path, damage: str) -> None:
    place = tmp_path / "model"
    shutil.copytree(folder, place)
    config = json.loads((place / "config.json").read_text())
    weights = place / "transformer" / "diffusion_pytorch_model.safetensors"
    if damage == "config":
        (place / "config.json").write_text("{")
    elif damage == "key":
        (place / "config.json").write_text(json.dumps({**config, "flows": []}))
    elif damage == "part":
        shutil.rmtree(place / "vae")
    elif damage == "class":
        (place / "vae" / "config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel"}))
    elif damage == "weights":
        weights.write_bytes(weights.read_bytes()[:200])
    elif damage == "missing tensor":
        tensors = load_file(weights)
        tensors.pop(next(iter(tensors)))
        save_file(tensors, weights)
    elif damage == "tokenizer":
        (place / "tokenizer" / "tokenizer.json").write_text("[]")
    elif damage == "adapter":
        shutil.rmtree(place / "text_encoder_lora")
    elif damage == "rank":
        config["lora"]["transformer"]["rank"] = 4
        (place / "config.json").write_text(json.dumps(config))
    elif damage == "pickle":
        file = place / "text_encoder" / "model.safetensors"
        torch.save(load_file(file), file.with_name("pytorch_model.bin"))
        file.unlink()
    elif damage == "base":
        (place / "config.json").write_text(json.dumps({**config, "base": str(tmp_path / "nowhere")}))
    else:
        text = json.loads((place / "text_encoder" / "config.json").read_text())
        (place / "text_encoder" / "config.json").write_text(json.dumps(text | {"vocab_size": 50}))
    with pytest.raises(UserError) as caught:
        load_model(place)
    assert "\n" not in str(caught.value)


def test_what_is_no_pipeline_is_told(tmp_path: Path, pipeline: Path) -> None:
    with pytest.raises(UserError, match="no pipeline"):
        MedArt.from_pipeline(tmp_path)
    with pytest.raises(UserError, match="multiples of 4"):
        MedArt.from_pipeline(pipeline, pixels=(30, 32))
    with pytest.raises(UserError, match="hologram"):
        MedArt.from_pipeline(pipeline, image="hologram")


def test_a_claimed_rank_takes_no_memory(folder: Path, tmp_path: Path) -> None:
    """Of 4 TiB, as peft would ask for, a process dies."""
    place = shutil.copytree(folder, tmp_path / "model")
    file = place / "transformer_lora" / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "r": 2**36}))
    with pytest.raises(UserError, match="fewer than rank 68719476736"):
        load_model(place)


def test_an_adapter_among_a_networks_files_is_refused(folder: Path, tmp_path: Path) -> None:
    """transformers puts it on of itself, beneath the model's own."""
    place = shutil.copytree(folder, tmp_path / "model")
    for file in (folder / "text_encoder_lora").iterdir():
        shutil.copy(file, place / "text_encoder")
    with pytest.raises(UserError, match="its place is text_encoder_lora"):
        load_model(place)


def test_an_adapter_that_would_be_lost_is_not_saved(model: MedArt, tmp_path: Path) -> None:
    bare = model.config.model_copy(update={"lora": Lora()})
    with pytest.raises(UserError, match=r"lora\.transformer: the config and the network do not agree"):
        MedArt(bare, model.parts, model.tokenizer).save_pretrained(tmp_path / "model")
    merged = model.merge_adapters()
    with pytest.raises(UserError, match=r"lora\.transformer"):
        MedArt(model.config, merged.parts, model.tokenizer).save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model").exists()
