"""The generator's contract, and the engine on a saved folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.runs import hashes
from medart.tiny_model import disturb

from synthmed import generate, load_model
from synthmed.errors import UserError
from synthmed.generation.engine import generate_dataset
from synthmed.medart.lora import LoraSpec
from synthmed.medart.model import MedArt
from synthmed.medart.parts import adapt, build_parts
from synthmed.medart.sizes import describe_parts, make_config
from synthmed.medart.tokenizer import train_tokenizer
from synthmed.protocols import Generator, Request
from synthmed.sample import NO_FINDING, NOT_STATED


def test_the_contract_is_kept(model: MedArt) -> None:
    assert isinstance(model, Generator)
    assert model.prompt({"labels": ("nevus", "melanoma")}) == "A photograph of melanoma and nevus."
    assert model.prompt({"labels": (NO_FINDING,)}) == "A photograph of no finding."
    assert model.prompt({"report": "As it is", "labels": ("nevus",)}) == "As it is"
    assert model.prompt({}) == ""
    assert model.layout(["photo"]).members() == ["json", "photo.png"]
    assert model.sampler == {"name": "dpm++", "steps": 4, "guidance": 4.5}


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({"report": "A nevus."}, [NOT_STATED]),
        ({"report": "A nevus.", "labels": ("nevus",)}, ["nevus"]),
        ({"labels": ("melanoma",)}, ["melanoma"]),
        ({"labels": (NO_FINDING,)}, [NO_FINDING]),
    ],
)
def test_every_task_gives_an_image_in_its_range(model: MedArt, given: dict[str, Any], labels: list[str]) -> None:
    for sample in model.generate(given=given, n=2, seed=3):
        image = sample.images["photo"]
        assert image.shape == (3, 32, 32)
        assert image.dtype == np.float32
        assert 0 <= image.min() < image.max() <= 1
        assert sample.labels == sample.labels_by_image["photo"] == labels
        assert sample.prompt == model.prompt(given)


def test_of_nothing_labels_are_drawn_and_worded(model: MedArt) -> None:
    drawn = [sample.labels for sample in model.render([Request(("photo",))] * 20, range(20))]
    assert {tuple(labels) for labels in drawn} == {("nevus",), (NO_FINDING,)}
    place = drawn.index(["nevus"])
    told = model.render([Request(("photo",), {"labels": ("nevus",)}, "A photograph of nevus.")], [place])
    alone = model.render([Request(("photo", "report"))], [place])
    assert alone[0].report == alone[0].prompt == "A photograph of nevus."
    assert np.array_equal(alone[0].images["photo"], told[0].images["photo"])


def test_pairs_of_image_and_text_are_made_of_labels_and_of_given_texts(model: MedArt) -> None:
    to = ["photo", "report"]
    assert [sample.report for sample in model.generate(to=to, given={"report": "A nevus."}, n=2)] == ["A nevus."] * 2
    (sample,) = model.generate(to=to, given={"labels": ("nevus",)})
    assert sample.report == sample.prompt == "A photograph of nevus."
    assert set(sample.images) == {"photo"}


def test_an_image_is_a_function_of_its_prompt_and_its_seed(model: MedArt) -> None:
    def photo(text: str, seed: int) -> np.ndarray:
        return model.render([Request(("photo",), {"report": text}, text)], [seed])[0].images["photo"]

    base = photo("A nevus.", 1)
    assert np.array_equal(base, photo("A nevus.", 1))
    assert not np.allclose(base, photo("A melanoma.", 1), atol=1e-3)
    assert not np.allclose(base, photo("A nevus.", 2), atol=1e-3)
    requests = [Request(("photo",), {"report": text}, text) for text in ("A melanoma.", "A nevus.")]
    beside = model.render(requests, [2, 1])[1].images["photo"]
    np.testing.assert_allclose(base, beside, atol=1e-4)


@pytest.mark.parametrize(
    ("to", "given", "message"),
    [
        (["xray"], {}, "does not make xray"),
        (["report"], {"report": "A nevus."}, "does not make report"),
        (["photo.mask"], {}, "does not make photo.mask"),
        (["photo"], {"labels": ("fracture",)}, "fracture"),
        (["photo"], {"photo": np.zeros((3, 32, 32), np.float32)}, "photo"),
    ],
)
def test_what_it_cannot_do_is_told(model: MedArt, to: list[str], given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        generate(model, to=to, given=given)


def test_a_saved_model_is_the_same_model(model: MedArt, folder: Path) -> None:
    loaded = load_model(folder)
    assert isinstance(loaded, MedArt)
    assert loaded.source == str(folder)
    assert loaded.fingerprint == model.fingerprint
    one, other = (generate(m, n=2, seed=5) for m in (model, loaded))
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.images["photo"], b.images["photo"])


def test_the_fingerprint_knows_adapters_sampler_and_shape(folder: Path) -> None:
    model = load_model(folder)
    assert isinstance(model, MedArt)
    before = model.fingerprint
    image = model.render([Request(("photo",))], [0])[0].images["photo"]
    model.sampler = {"steps": 2}
    assert model.sampler == {"name": "dpm++", "steps": 2, "guidance": 4.5}
    assert model.fingerprint != before
    assert not np.array_equal(image, model.render([Request(("photo",))], [0])[0].images["photo"])
    model.sampler = {"steps": 4}
    assert model.fingerprint == before
    for wrong in ({"steps": 0}, {"guidance": 0.2}, {"name": "euler"}, {"eta": 1.0}):
        with pytest.raises(UserError, match="sampler"):
            model.sampler = wrong
    disturb(model)
    assert MedArt(model.config, model.parts, model.tokenizer).fingerprint != before


def test_merged_adapters_make_the_same_images(model: MedArt, tmp_path: Path) -> None:
    merged = model.merge_adapters()
    assert not any("lora_" in name for name in merged.parts.state_dict())
    assert any("lora_" in name for name in model.parts.state_dict())
    one, other = (generate(m, n=2, seed=5) for m in (model, merged))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.images["photo"], b.images["photo"], atol=1e-4)
    merged.save_pretrained(tmp_path)
    assert load_model(tmp_path).fingerprint == merged.fingerprint


@pytest.mark.parametrize("image", ["photo", "xray", "ct"])
def test_a_new_debug_model_makes_any_image(image: str, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["A bright image."], 120)
    window = (-1000.0, 400.0) if image == "ct" else None
    config = make_config("debug", image=image, window=window, sampler={"steps": 2}, text_length=16)
    parts = build_parts(describe_parts("debug", len(tokenizer), channels=1 if image == "ct" else 3))
    torch.nn.init.normal_(parts["transformer"].proj_out.weight)
    adapt(parts, config.lora)
    assert config.lora.transformer == LoraSpec()
    model = MedArt(config, parts, tokenizer)
    model.save_pretrained(tmp_path)
    (sample,) = load_model(tmp_path).generate(n=1)
    low, high = (-1000, 400) if image == "ct" else (0, 1)
    assert sample.images[image].shape == (3 if image == "photo" else 1, 32, 32)
    assert low <= sample.images[image].min() < sample.images[image].max() <= high
    assert sample.labels == [NOT_STATED]


def test_nano_has_an_autoencoder_that_diffusers_lacks(tmp_path: Path) -> None:
    from diffusers import PixArtAlphaPipeline

    tokenizer = train_tokenizer(["A bright image."], 120)
    config = make_config("nano", side=32, sampler={"steps": 1}, text_length=16)
    described = describe_parts("nano", len(tokenizer), side=32)
    described["transformer"]["num_layers"] = described["text_encoder"]["num_layers"] = 1
    parts = build_parts(described)
    adapt(parts, config.lora)
    model = MedArt(config, parts, tokenizer)
    model.save_pretrained(tmp_path)
    assert load_model(tmp_path).fingerprint == model.fingerprint
    pipe = PixArtAlphaPipeline.from_pretrained(tmp_path, vae=None)  # it draws latents
    assert pipe.vae is None
    assert pipe.transformer.config["in_channels"] == 8


def test_shards_are_the_same_bytes_from_another_process(folder: Path, tmp_path: Path) -> None:
    for workers in (0, 1):
        generate_dataset(folder, tmp_path / str(workers), 6, seed=1, shard_size=2, workers=workers)
    one, other = (
        {name: value for name, value in hashes(tmp_path / str(workers)).items() if "stats" not in name}
        for workers in (0, 1)
    )
    assert any(name.endswith(".tar") for name in one)
    assert one == other
