"""Published parameter counts, and the sizes' promises."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from synthmed.errors import UserError
from synthmed.medart.lora import LoraSpec, adapter_parameters, add_adapter
from synthmed.medart.parts import build_parts
from synthmed.medart.sizes import PAPER, Size, describe_parts, make_config


def described(size: Size, vocabulary: int = 2048) -> nn.ModuleDict:
    with torch.device("meta"):
        return build_parts(describe_parts(size, vocabulary))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_paper_has_the_published_parameters() -> None:
    parts = described("paper")
    assert count(parts["transformer"]) == 610_856_096
    assert count(parts["text_encoder"]) == 4_762_310_656
    assert count(parts["vae"]) == 83_653_863
    added = {}
    for name in ("transformer", "text_encoder"):
        with torch.device("meta"):
            adapted = add_adapter(parts[name], LoraSpec())
        added[name] = sum(parameter.numel() for parameter in adapter_parameters(adapted))
        assert adapted.get_nb_trainable_parameters()[0] == added[name]
    assert added == {"transformer": 6_882_688, "text_encoder": 9_043_968}
    assert make_config("paper").base == PAPER


def test_the_papers_dead_names_change_nothing() -> None:
    """facts.md 1.4 lists proj_in and wi, which match no module."""
    parts = described("nano")
    counts = []
    for name, dead in (("transformer", "proj_in"), ("text_encoder", "wi")):
        targets = [*LoraSpec().targets_of(parts[name]), dead]
        with torch.device("meta"):
            by_peft = get_peft_model(parts[name], LoraConfig(r=8, target_modules=targets))
        counts.append(by_peft.get_nb_trainable_parameters()[0])
    fresh = described("nano")
    for name, dead, expected in zip(("transformer", "text_encoder"), ("proj_in", "wi"), counts, strict=True):
        with pytest.raises(UserError, match=f"'{dead}' is no module"):
            add_adapter(fresh[name], LoraSpec(targets=("q", "to_q", dead)[::-1]))
        with torch.device("meta"):
            assert add_adapter(fresh[name], LoraSpec()).get_nb_trainable_parameters()[0] == expected


def test_nano_is_as_small_as_it_is_to_be() -> None:
    parts = described("nano")
    assert 4e6 <= count(parts["transformer"]) <= 6e6
    assert 1.5e6 <= count(parts["text_encoder"]) <= 2.5e6
    assert parts["transformer"].config["sample_size"] == 16
    assert parts["vae"].config["latent_channels"] == parts["transformer"].config["in_channels"] == 8
    assert make_config("nano").pixels == (128, 128)


def test_new_networks_are_a_function_of_the_seed() -> None:
    one, same, other = (build_parts(describe_parts("debug", 200), seed) for seed in (0, 0, 1))
    states = [parts.state_dict() for parts in (one, same, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    name = "transformer.transformer_blocks.0.ff.net.0.proj.weight"
    assert not torch.equal(states[0][name], states[2][name])


def test_a_new_transformer_begins_by_predicting_nothing() -> None:
    parts = build_parts(describe_parts("debug", 200))
    prediction = parts["transformer"](
        torch.randn(1, 4, 4, 4),
        encoder_hidden_states=torch.randn(1, 5, 16),
        timestep=torch.tensor([7]),
        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        return_dict=False,
    )[0]
    assert prediction.shape == (1, 4, 4, 4)
    assert not prediction.any()


def test_a_side_that_does_not_fit_is_told() -> None:
    with pytest.raises(UserError, match="side 40: a multiple of 16"):
        describe_parts("nano", 200, side=40)
