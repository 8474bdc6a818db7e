"""Published weights in a recipe: what a run begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from helpers.runs import Make

from synthmed.errors import UserError
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.run import train_medm2g
from synthmed.medm2g.training.setup import set_up
from synthmed.medm2g.training.store import Store


def test_a_published_unet_starts_the_flow_and_what_was_trained_replaces_it(model: MedM2G, tmp_path: Path) -> None:
    config = model.config
    arguments = {key: value for key, value in config.parts["flow_ct"]["diffuser"].items() if key != "class"}
    published: Any = UNet2DConditionModel(**arguments | {"in_channels": 2, "out_channels": 2})
    published.save_pretrained(tmp_path / "sd" / "unet")
    store = Store(config, 0, published={"flow_ct": tmp_path / "sd"})
    parts: Any = store.load(["flow_ct", "encoder_ct"])
    network = parts["flow_ct"].network
    assert torch.equal(network.conv_in.weight[:, :2], published.conv_in.weight)
    assert not network.conv_in.weight[:, 2:].any()
    assert torch.equal(network.mid_block.resnets[0].conv1.weight, published.mid_block.resnets[0].conv1.weight)
    fresh: Any = Store(config, 0).load(["encoder_ct"])
    assert torch.equal(parts["encoder_ct"].network.fc.weight, fresh["encoder_ct"].network.fc.weight)
    with torch.no_grad():
        network.conv_in.weight.fill_(1)
    store.save(tmp_path, {"flow_ct": parts["flow_ct"]}, {})
    store.finish(tmp_path, ["flow_ct"])
    again: Any = store.load(["flow_ct"])
    assert bool((again["flow_ct"].network.conv_in.weight == 1).all())


def test_a_part_that_the_model_does_not_have_is_named(recipe: Make, tmp_path: Path) -> None:
    wrong = train_recipe(recipe(pretrained={"flow_xrays": str(tmp_path)}), "mine.yaml")
    with pytest.raises(UserError, match=r"model\.pretrained: the model has no part 'flow_xrays'.*'flow_xray'"):
        set_up(wrong, None, trust=False, dry=True, note=lambda text: None)


def test_flows_and_rounds_show_samples_on_the_way(recipe: Make, tmp_path: Path) -> None:
    settings = {"steps": 1, "sample_every": 1}
    stages = [
        {"stage": "autoencoder", "name": "grey", "training": settings},
        {"stage": "mask_autoencoder", "name": "xray", "training": settings},
        {"stage": "text_autoencoder", "training": settings},
        {"stage": "alignment", "pair": ["text", "xray"], "training": settings},
        {"stage": "flow", "modality": "xray", "training": settings},
        {"stage": "flow", "modality": "text", "training": settings},
        {"stage": "round", "pair": ["text", "xray"], "training": settings},
    ]
    made = recipe(stages, fields=["xray"], sampler={"steps": 2})
    assert train_medm2g(made, "mine.yaml", tmp_path / "run").finished
    shown = {path.relative_to(tmp_path / "run" / "stages").as_posix() for path in tmp_path.rglob("samples/*.png")}
    assert {"05-flow-xray/samples/step-00000001-xray.png", "05-flow-xray/samples/step-00000001-xray.mask.png"} <= shown
    assert {"07-round-text-xray/samples/step-00000001-report.png"} <= shown
