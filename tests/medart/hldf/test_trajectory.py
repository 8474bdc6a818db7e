"""The sampler's values and gradients are those of an independent solver that is unrolled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from diffusers.schedulers import scheduling_dpmsolver_multistep as module
from medart.hldf import tiny
from medart.hldf.solver import Predict, guided, unrolled

from synthmed.errors import UserError
from synthmed.medart.hldf.guided import Guided
from synthmed.medart.hldf.trajectory import trajectory


class Networks(NamedTuple):
    transformer: Any
    text_encoder: Any


class Result(NamedTuple):
    latent: torch.Tensor
    transformer: torch.Tensor
    text_encoder: torch.Tensor


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks(
        tiny.adapted(tiny.transformer(), tiny.DIT_TARGETS, torch.float64),
        tiny.adapted(tiny.text_encoder(), tiny.T5_TARGETS, torch.float64),
    )


NOISE = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Double:
    """A module in which float32 is float64."""

    def __init__(self, real: ModuleType) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, "float64" if name == "float32" else name)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """diffusers' own step in float64: its file names float32 for the betas, the sigmas and the latent."""
    monkeypatch.setattr(module, "torch", Double(torch))
    monkeypatch.setattr(module, "np", Double(np))
    yield
    monkeypatch.undo()


def differentiated(networks: Networks, sampled: Callable[[Any], torch.Tensor]) -> Result:
    """The latent of two captions, and the gradients of a loss of it for both adapters."""
    for network in networks:
        network.zero_grad()
    ids, mask = tiny.prompts(2)
    null_ids, null_mask = tiny.empty()
    embeds = networks.text_encoder(torch.cat([ids, null_ids]), attention_mask=torch.cat([mask, null_mask]))[0]
    latent = sampled((embeds[:2], mask, embeds[2:], null_mask))
    (latent**2 + latent.flip(0) * latent).mean().backward()
    gradients = [
        torch.cat([value.grad.flatten() for value in network.parameters() if value.requires_grad])
        for network in networks
    ]
    return Result(latent.detach(), *gradients)


def reference(networks: Networks, steps: int, last: int | None = None) -> Result:
    def sampled(prompt: Any) -> torch.Tensor:
        embeds, mask, null_embeds, null_mask = prompt
        null = (null_embeds.repeat(2, 1, 1), null_mask.repeat(2, 1))
        return unrolled(guided(networks.transformer, (embeds, mask), null), NOISE, steps, last)

    return differentiated(networks, sampled)


def ours(networks: Networks, steps: int, last: int | None = None, **options: Any) -> Result:
    def sampled(prompt: Any) -> torch.Tensor:
        predict = Guided(networks.transformer, *prompt, guidance=4.5, **options)
        return trajectory(predict, NOISE, tiny.scheduler(), steps, last=last)

    return differentiated(networks, sampled)


def assert_equal(one: Result, other: Result, relative: float) -> None:
    for a, b in zip(one, other, strict=True):
        assert float(b.abs().max()) > 0.1
        assert float((a - b).abs().max() / b.abs().max()) < relative


@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize("steps", [5, 20])
@pytest.mark.usefixtures("double")
def test_gradients_are_those_of_plain_autograd(networks: Networks, steps: int, calls: int, checkpoint: bool) -> None:
    """To the rounding of float64; 1.6e-15 to 4.8e-15 were measured."""
    assert_equal(ours(networks, steps, calls=calls, checkpoint=checkpoint), reference(networks, steps), 1e-13)


@pytest.mark.parametrize("steps", [5, 20])
def test_diffusers_rounding_of_each_step_to_float32_is_all_that_differs(networks: Networks, steps: int) -> None:
    """Of float64 networks under diffusers as it is; 2.4e-7 was measured."""
    assert_equal(ours(networks, steps), reference(networks, steps), 2e-6)


@pytest.mark.parametrize("steps", [1, 2, 5, 14, 15, 20, 50])
def test_the_solver_is_diffusers(steps: int) -> None:
    def predict(z: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.tanh(z.flip(1) + t / 500 - 1) * 0.7 + 0.3 * z.roll(1, -1).sin()

    expected = unrolled(predict, NOISE, steps)
    doubled = trajectory(predict, NOISE, tiny.scheduler(), steps)
    assert float((doubled - expected).abs().max() / expected.abs().max()) < 1e-5
    single = trajectory(predict, NOISE.float(), tiny.scheduler(), steps)
    assert single.dtype == torch.float32
    assert float((single - expected).abs().max() / expected.abs().max()) < 1e-4


def test_blocks_may_be_checkpointed_inside(networks: Networks) -> None:
    plain = ours(networks, 5)
    networks.transformer.enable_gradient_checkpointing()
    try:
        nested = ours(networks, 5, checkpoint=True)
    finally:
        networks.transformer.disable_gradient_checkpointing()
    assert_equal(nested, plain, 1e-13)


@pytest.mark.parametrize("calls", [1, 2])
def test_what_is_dropped_is_dropped_again_in_the_second_run(calls: int) -> None:
    networks = Networks(
        tiny.adapted(tiny.transformer(dropout=0.3), tiny.DIT_TARGETS, torch.float64).train(),
        tiny.adapted(tiny.text_encoder(dropout=0.3), tiny.T5_TARGETS, torch.float64).train(),
    )
    results = []
    for seed, checkpoint in ((7, False), (7, True), (8, True)):
        torch.manual_seed(seed)
        results.append(ours(networks, 4, calls=calls, checkpoint=checkpoint))
    for plain, again, other in zip(*results, strict=True):
        torch.testing.assert_close(again, plain, rtol=1e-9, atol=1e-9)
        assert not torch.allclose(plain, other, rtol=0.01)


@pytest.mark.parametrize("last", [1, 2, 4])
@pytest.mark.usefixtures("double")
def test_truncated_gradients_cut_the_graph_before_the_last_steps(networks: Networks, last: int) -> None:
    whole, cut = ours(networks, 5), ours(networks, 5, last, checkpoint=True)
    assert_equal(cut, reference(networks, 5, last), 1e-13)
    assert torch.equal(cut.latent, whole.latent)  # the value is the same
    assert float((cut.transformer - whole.transformer).abs().max() / whole.transformer.abs().max()) > 0.01
    assert torch.equal(ours(networks, 5, 5).transformer, whole.transformer)


def test_a_checkpointed_step_keeps_its_input_alone(networks: Networks) -> None:
    """What the forward pass leaves a further step, in bytes: the latent, twice."""

    def kept(steps: int, checkpoint: bool) -> int:
        found: dict[int, int] = {}

        def pack(value: torch.Tensor) -> torch.Tensor:
            found[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
            ids, mask = tiny.prompts(2)
            embeds = networks.text_encoder(ids, attention_mask=mask)[0]
            predict = Guided(networks.transformer, embeds, mask, embeds, mask, 4.5, checkpoint=checkpoint)
            assert trajectory(predict, NOISE, tiny.scheduler(), steps).requires_grad
        return sum(found.values())

    plain, checkpointed = ((kept(9, checkpoint) - kept(5, checkpoint)) / 4 for checkpoint in (False, True))
    assert checkpointed <= 2 * NOISE.nbytes + 200  # and scalars of the solver
    assert plain > 20 * 2 * NOISE.nbytes


def test_the_scheduler_is_not_changed_and_gradients_may_be_off() -> None:
    predict: Predict = lambda z, t: z * 0.1  # noqa: E731
    scheduler = tiny.scheduler()
    first = trajectory(predict, NOISE, scheduler, 5)
    assert scheduler.num_inference_steps is None
    assert torch.equal(trajectory(predict, NOISE, scheduler, 5), first)
    weight = torch.ones((), requires_grad=True)
    with torch.no_grad():
        assert not trajectory(lambda z, t: z * weight, NOISE, scheduler, 3).requires_grad
    assert trajectory(lambda z, t: z * weight, NOISE, scheduler, 3, last=1).requires_grad


@pytest.mark.parametrize(("steps", "last"), [(0, None), (5, 0), (5, 6)])
def test_numbers_out_of_range_are_refused(steps: int, last: int | None) -> None:
    with pytest.raises(ValueError, match="steps with gradients"):
        trajectory(lambda z, t: z, NOISE, tiny.scheduler(), steps, last=last)


def test_a_scheduler_with_noise_of_its_own_is_refused() -> None:
    stochastic = DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++")
    with pytest.raises(UserError, match=r"sde-dpmsolver\+\+ draws noise"):
        trajectory(lambda z, t: z, NOISE, stochastic, 5)
