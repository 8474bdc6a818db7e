"""Some parts of a model folder as the beginning of another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.runs import Make

from synthmed.errors import UserError
from synthmed.medm2g.config import Config
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.parts import build_parts, load_parts
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.run import train_medm2g
from synthmed.medm2g.training.setup import set_up

SMALL: dict[str, Any] = {"fields": ["ct"], "masks": [], "text": False}
STAGES: list[dict[str, Any]] = [
    {"stage": "alignment", "pair": ["text", "ct"], "invariant": False},
    {"stage": "flow", "modality": "ct"},
]


def same(one: Any, other: Any) -> bool:
    tensors = other.state_dict()
    return all(torch.equal(value, tensors[name]) for name, value in one.state_dict().items())


def test_the_named_parts_are_taken_and_all_else_begins_anew(model: MedM2G, recipe: Make, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "base")
    spec = recipe(STAGES, init=str(tmp_path / "base"), init_parts=["autoencoder_grey"], seed=1, **SMALL)
    setup = set_up(train_recipe(spec, "mine.yaml"), None, trust=False, dry=True, note=lambda text: None)
    assert set(setup.store.start) == {"autoencoder_grey"}
    assert set(setup.new) == {"encoder_ct", "flow_ct", "encoder_text"}
    parts = setup.store.load(["autoencoder_grey", "encoder_text"])
    fresh = build_parts(setup.config, seed=1)
    assert same(parts["autoencoder_grey"], model.parts["autoencoder_grey"])
    assert not same(fresh["autoencoder_grey"], model.parts["autoencoder_grey"])
    assert same(parts["encoder_text"], fresh["encoder_text"])

    run = train_medm2g(spec, "mine.yaml", tmp_path / "run")
    config = Config.model_validate_json((run.model / "config.json").read_text())
    made = load_parts(config, run.model)
    assert same(made["autoencoder_grey"], model.parts["autoencoder_grey"])
    assert not same(made["encoder_text"], fresh["encoder_text"])
    # Scales are of these data, the tokenizer is the folder's.
    assert config.flow("ct").groups[0].scale not in (1.0, model.config.flow("ct").groups[0].scale)
    assert Tokenizers.load(run.model / "tokenizer").prompt.get_vocab() == model.tokenizers.prompt.get_vocab()
    other = {**spec["model"], "init_parts": ["autoencoder_grey", "encoder_ct"]}
    with pytest.raises(UserError, match=r"model\.init_parts"):
        train_medm2g({**spec, "model": other}, "mine.yaml", tmp_path / "run")


def test_a_taken_flow_keeps_the_scale_of_its_latents(model: MedM2G, recipe: Make, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "base")
    before = model.config.flow("xray").groups
    flow: dict[str, Any] = {"stage": "flow", "modality": "xray"}
    for name, stages in (("flow", [flow]), ("autoencoder", [{"stage": "autoencoder"}, flow])):
        spec = recipe(stages, init=str(tmp_path / "base"), **SMALL | {"fields": ["xray"]})
        run = train_medm2g(spec, "mine.yaml", tmp_path / name)
        groups = Config.model_validate_json((run.model / "config.json").read_text()).flow("xray").groups
        assert (groups == before) is (name == "flow")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            ["autoencoder_gray"],
            "the model has no part 'autoencoder_gray'; did you mean 'autoencoder_grey'",
        ),
        (["encoder_photo"], "base has no part 'encoder_photo'; did you mean"),
    ],
)
def test_a_name_that_either_side_lacks_is_refused(
    parts: list[str], message: str, model: MedM2G, recipe: Make, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path / "base")
    more = {"fields": ["ct", "photo"]} if "encoder_photo" in parts else {}
    spec = train_recipe(recipe(STAGES, init=str(tmp_path / "base"), init_parts=parts, **SMALL | more), "mine.yaml")
    with pytest.raises(UserError, match=message) as caught:
        set_up(spec, None, trust=False, dry=True, note=lambda text: None)
    assert "\n" not in str(caught.value)


def test_a_mistyped_folder_is_told_as_such(recipe: Make, tmp_path: Path) -> None:
    spec = train_recipe(recipe(STAGES, init=str(tmp_path / "bse"), **SMALL), "mine.yaml")
    with pytest.raises(UserError, match=r"bse: no such model folder to start from \(model\.init, or --init\)"):
        set_up(spec, None, trust=False, dry=True, note=lambda text: None)


def test_parts_of_nothing_are_refused(recipe: Make) -> None:
    spec = train_recipe(recipe(STAGES, init_parts=["autoencoder_grey"], **SMALL), "mine.yaml")
    with pytest.raises(UserError, match=r"model\.init_parts: there is no model\.init"):
        set_up(spec, None, trust=False, dry=True, note=lambda text: None)
