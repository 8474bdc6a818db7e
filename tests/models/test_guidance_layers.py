"""Guidance layers beside a network."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import UNet2DConditionModel
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import distributed, nn

from synthmed.models.flat_unet import FlatUNet
from synthmed.models.guidance_layers import GuidanceLayer, GuidanceLayers, _placing
from synthmed.models.positions import grid_positions


def unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=2,
        out_channels=2,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=6,
        attention_head_dim=2,
        norm_num_groups=4,
    )


def flat() -> FlatUNet:
    network = FlatUNet(12, channels=(8, 16), cross_attention_dim=6, heads=2, norm_groups=4, layers_per_block=1)
    nn.init.normal_(network.conv_out.weight)  # a new one predicts 0 whatever its features
    return network


BUILD: dict[str, Callable[[], Any]] = {"unet": unet, "flat": flat}


@pytest.fixture(params=BUILD)
def case(request: pytest.FixtureRequest) -> tuple[Any, Callable[[Any], torch.Tensor]]:
    """A network, and a call of one like it."""
    torch.manual_seed(0)
    network = BUILD[request.param]()
    z = torch.randn(2, 2, 8, 12) if request.param == "unet" else torch.randn(2, 12)
    t, prompt = torch.tensor([10, 700]), torch.randn(2, 1, 6)
    return network, lambda other: other(z, t, prompt).sample


def tokens(seed: int = 1, count: int = 4) -> torch.Tensor:
    return torch.randn(2, count, 10, generator=torch.Generator().manual_seed(seed))


def shaken(layers: GuidanceLayers) -> GuidanceLayers:
    """With an output that is no longer zero."""
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
    return layers


def test_new_layers_are_the_identity_bit_for_bit(case: tuple[Any, Any]) -> None:
    network, call = case
    before = call(network)
    layers = GuidanceLayers.for_network(network, 10, heads=2)
    layers.attach(network)
    assert torch.equal(call(network), before)
    with layers.context(tokens()):
        assert torch.equal(call(network), before)


def test_there_is_one_layer_a_transformer_and_none_in_the_network(case: tuple[Any, Any]) -> None:
    network, _ = case
    names = set(network.state_dict())
    layers = GuidanceLayers.for_network(network, 10, heads=2)
    layers.attach(network)
    assert set(network.state_dict()) == names
    sites = [module for module in network.modules() if isinstance(module, Transformer2DModel)]
    assert layers.config.widths == [site.config.in_channels for site in sites]
    assert {id(parameter) for parameter in network.parameters()}.isdisjoint(map(id, layers.parameters()))


def test_only_inside_a_context(case: tuple[Any, Any]) -> None:
    network, call = case
    before = call(network)
    layers = shaken(GuidanceLayers.for_network(network, 10, heads=2))
    layers.attach(network)
    assert torch.equal(call(network), before)
    with layers.context(tokens(1)):
        one = call(network)
        with layers.context(None):
            assert torch.equal(call(network), before)
        with layers.context(tokens(2)), torch.no_grad():
            other = call(network)
        assert torch.equal(call(network), one)
    assert (one - before).abs().max() > 1e-3
    assert (one - other).abs().max() > 1e-3
    with pytest.raises(KeyError), layers.context(tokens()):
        raise KeyError
    assert torch.equal(call(network), before)
    layers.detach()
    assert torch.equal(call(network), before)
    assert not any(module._forward_hooks for module in network.modules())
    with pytest.raises(RuntimeError, match="attached to no network"), layers.context(tokens()):
        pass


def test_gradients_reach_the_layers_and_the_tokens_alone(case: tuple[Any, Any]) -> None:
    """And after a step A's output depends on B's tokens."""
    network, call = case
    network.requires_grad_(False)
    layers = GuidanceLayers.for_network(network, 10, heads=2)
    layers.attach(network)
    guidance = tokens().requires_grad_()
    optimiser = torch.optim.SGD(layers.parameters(), lr=1.0)
    for step in range(2):
        optimiser.zero_grad()
        with layers.context(guidance):
            call(network).square().sum().backward()
        reached = {name for name, parameter in layers.named_parameters() if parameter.grad is not None}
        moved = {name for name, parameter in layers.named_parameters() if parameter.grad.any()}  # type: ignore[union-attr]
        assert len(reached) == len(list(layers.parameters()))
        # A zero output layer passes nothing on to what lies before it.
        assert step or moved == {name for name in moved if ".to_out.0." in name}
        optimiser.step()
    assert moved == reached
    assert guidance.grad is not None
    assert guidance.grad.any()
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.no_grad(), layers.context(tokens(1)):
        one = call(network)
    with torch.no_grad(), layers.context(tokens(2)):
        assert (call(network) - one).abs().max() > 1e-4


def test_two_networks_do_not_mix(case: tuple[Any, Any]) -> None:
    network, call = case
    other = copy.deepcopy(network)
    before = call(network)
    mine = shaken(GuidanceLayers.for_network(network, 10, heads=2))
    theirs = shaken(GuidanceLayers.for_network(other, 10, heads=2))
    mine.attach(network)
    theirs.attach(other)
    with mine.context(tokens()):
        assert torch.equal(call(other), before)
        assert not torch.equal(call(network), before)
    with mine.context(tokens(1)), theirs.context(tokens(2)):
        one, two = call(network), call(other)
    with mine.context(tokens(1)):
        assert torch.equal(call(network), one)
    assert not torch.equal(one, two)


def test_copies_are_attached_to_nothing(case: tuple[Any, Any]) -> None:
    """An average of weights is a deep copy: the original's layers must not act in it."""
    network, call = case
    before = call(network)
    layers = shaken(GuidanceLayers.for_network(network, 10, heads=2))
    layers.attach(network)
    with layers.context(tokens()):
        guided = call(network)
        averaged, averaged_layers = copy.deepcopy(network), copy.deepcopy(layers)
        assert torch.equal(call(averaged), before)
    averaged_layers.attach(averaged)
    assert torch.equal(call(averaged), before)
    with averaged_layers.context(tokens()):
        assert torch.equal(call(averaged), guided)
        assert torch.equal(call(network), before)


def test_gradient_checkpointing_of_the_network_changes_nothing(case: tuple[Any, Any]) -> None:
    network, call = case
    network.train()
    layers = shaken(GuidanceLayers.for_network(network, 10, heads=2))
    layers.attach(network)
    gradients = []
    for checkpointed in (False, True):
        if checkpointed:
            network.enable_gradient_checkpointing()
        guidance = tokens().requires_grad_()
        with layers.context(guidance):
            out = call(network)
        out.square().mean().backward()
        gradients.append([guidance.grad, *(parameter.grad for parameter in layers.parameters())])
        layers.zero_grad()
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain)


def test_a_layer_written_out() -> None:
    torch.manual_seed(0)
    layer = GuidanceLayer(16, 10, heads=2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    features, guidance = torch.randn(2, 16, 3, 5), tokens()
    queries = layer.norm(features).flatten(2).mT + grid_positions(3, 5, 16)
    attention = layer.attention
    normed = F.layer_norm(guidance, (10,), attention.norm_cross.weight, attention.norm_cross.bias)
    heads = [
        projection(inputs).unflatten(2, (2, 8)).transpose(1, 2)
        for projection, inputs in ((attention.to_q, queries), (attention.to_k, normed), (attention.to_v, normed))
    ]
    mixed = (heads[0] @ heads[1].mT / 8**0.5).softmax(-1) @ heads[2]
    change = attention.to_out[0](mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(features, guidance), features + change.mT.reshape(features.shape))


def test_the_other_call_of_a_transformer() -> None:
    """With an output object in the tuple's place."""
    torch.manual_seed(0)
    block = nn.ModuleList([Transformer2DModel(2, 8, in_channels=16, norm_num_groups=4, cross_attention_dim=6)])
    layers = shaken(GuidanceLayers.for_network(block, 10, heads=2))
    layers.attach(block)
    x, prompt = torch.randn(2, 16, 4, 4), torch.randn(2, 1, 6)
    with layers.context(tokens()):
        assert torch.equal(block[0](x, prompt).sample, block[0](x, prompt, return_dict=False)[0])


def test_folder_and_refusals(tmp_path: Path) -> None:
    network = unet()
    layers = shaken(GuidanceLayers.for_network(network, 10, heads=2))
    layers.save_pretrained(tmp_path)
    loaded = GuidanceLayers.from_pretrained(tmp_path)
    loaded.attach(network)
    assert all(torch.equal(a, b) for a, b in zip(layers.parameters(), loaded.parameters(), strict=True))
    with pytest.raises(ValueError, match="detach them first"):
        loaded.attach(unet())
    with pytest.raises(ValueError, match="widths"):
        layers.attach(flat())
    with pytest.raises(ValueError, match="no spatial transformer"):
        GuidanceLayers.for_network(nn.Linear(2, 2), 10)
    with pytest.raises(ValueError, match="multiple of 4"):
        GuidanceLayer(16, 10, heads=3)


class Guided(nn.Module):
    """What a trainer wraps: a frozen network, its layers, and a source of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.network = unet().requires_grad_(False)
        self.layers = GuidanceLayers.for_network(self.network, 10, heads=2)
        self.layers.attach(self.network)
        self.source = nn.Linear(10, 10)

    def forward(self, z: torch.Tensor, t: torch.Tensor, prompt: torch.Tensor, guidance: torch.Tensor) -> torch.Tensor:
        with self.layers.context(self.source(guidance)):
            out: torch.Tensor = self.network(z, t, prompt).sample
        return out


@pytest.fixture
def gloo(tmp_path: Path) -> Iterator[None]:
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("gloo")
def test_inside_a_parent_under_ddp() -> None:
    torch.manual_seed(0)
    parent = Guided()
    shaken(parent.layers)
    inputs = (torch.randn(2, 2, 8, 8), torch.tensor([1, 2]), torch.randn(2, 1, 6), tokens())
    parent(*inputs).square().mean().backward()
    plain = {name: parameter.grad.clone() for name, parameter in parent.named_parameters() if parameter.requires_grad}  # type: ignore[union-attr]
    parent.zero_grad()
    nn.parallel.DistributedDataParallel(parent)(*inputs).square().mean().backward()
    assert plain
    for name, parameter in parent.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.grad, plain[name])
        else:
            assert parameter.grad is None


@pytest.mark.parametrize(("width", "cells"), [(128, 8), (192, 4), (64, 16)])
def test_a_new_layer_attends_to_its_own_place(width: int, cells: int) -> None:
    """Whatever the features and the tokens are."""
    torch.manual_seed(0)
    layer = GuidanceLayer(width, 256, 4)
    attention: Any = layer.attention
    places = grid_positions(8, 8, 256)
    tokens = places + 0.3 * torch.randn(1, 64, 256)
    given: list[torch.Tensor] = []
    attention.to_q.register_forward_hook(lambda _, inputs, output: given.append(output))
    with torch.no_grad():
        layer(torch.randn(1, width, cells, cells), tokens)
        keys = attention.head_to_batch_dim(attention.to_k(attention.norm_cross(tokens)))
        weights = attention.get_attention_scores(attention.head_to_batch_dim(given[0]), keys).mean(dim=0)
    centres = [(torch.arange(n) + 0.5) / n for n in (cells, 8)]
    own, theirs = (torch.cartesian_prod(axis, axis) for axis in centres)
    expected = weights @ theirs
    # On average less than half a token's side away, where an even attention is three sides away.
    assert (expected - own).norm(dim=1).mean() < 0.5 / 8
    assert (theirs.mean(dim=0) - own).norm(dim=1).mean() > 2.5 / 8


@pytest.mark.parametrize(("width", "context"), [(192, 256), (128, 512)])
def test_a_new_layer_is_the_same_on_any_number_of_threads(width: int, context: int) -> None:
    found, threads = [], torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            torch.manual_seed(0)
            _placing.cache_clear()
            found.append(GuidanceLayer(width, context, 4).state_dict())
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(value, other[key]) for key, value in found[0].items())


def test_every_level_is_a_site_if_asked() -> None:
    network = unet()
    some = GuidanceLayers.for_network(network, 12, heads=2)
    every = GuidanceLayers.for_network(network, 12, heads=2, every_level=True)
    z, t, prompt = torch.randn(2, 2, 8, 12), torch.tensor([10, 700]), torch.randn(2, 1, 6)
    shapes: list[tuple[int, ...]] = []
    every.attach(network)
    for layer in every.layers:
        layer.register_forward_hook(lambda _, inputs, output: shapes.append(tuple(output.shape[1:])))
    with every.context(torch.randn(2, 4, 12)):
        network(z, t, prompt)
    # One resnet on the way down, two on the way up; the level below has a transformer after each, and one between.
    assert shapes.count((8, 8, 12)) == 3
    assert len(shapes) == len(every.config.widths) == len(some.config.widths) + 3
    every.detach()
    with pytest.raises(ValueError, match="on a network with"):
        some.attach(nn.Sequential())
