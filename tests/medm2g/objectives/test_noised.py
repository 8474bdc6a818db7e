"""Noisy latents and their targets."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler
from medm2g.objectives.tiny import generator, image_flow, latents, vector_flow

from synthmed.diffusion.process import Parametrisation, Process
from synthmed.medm2g.objectives.noised import check_parametrisation, noised

T = torch.tensor([0, 300, 700, 999])
NONE = torch.zeros(4, 1, dtype=torch.bool)


@pytest.mark.parametrize("parametrisation", ["eps", "v", "x0", "velocity"])
def test_the_target_is_the_one_asked_for(parametrisation: Parametrisation) -> None:
    """ε is found again from z_t by diffusers' schedule, or the straight path, and the target made of it."""
    batch = latents((4, 2, 4, 4))
    state = noised(Process(parametrisation), image_flow((2,), parametrisation), batch, T, NONE, generator())
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    squared = scheduler.alphas_cumprod[T].double()[:, None, None, None]
    sigma = (T.double()[:, None, None, None] + 1) / 1000
    alpha, sigma = (1 - sigma, sigma) if parametrisation == "velocity" else (squared.sqrt(), (1 - squared).sqrt())
    clean = batch["mean"].double()
    noise = (state.z_t.double() - alpha * clean) / sigma
    expected = {"eps": noise, "v": alpha * noise - sigma * clean, "x0": clean, "velocity": noise - clean}
    # At t = 0 sigma is small, so that what is found again of float32's z_t is coarse.
    torch.testing.assert_close(state.target.double(), expected[parametrisation], rtol=1e-3, atol=1e-3)
    # Noise is standard normal: its mean and variance over 128 numbers, at five standard deviations.
    assert abs(float(noise.mean())) < 5 / 128**0.5
    assert float(noise.var()) == pytest.approx(1, abs=5 * (2 / 127) ** 0.5)


def test_latents_are_drawn_from_their_posteriors() -> None:
    batch = latents((2_000, 2, 2, 2))
    batch["mean"] = torch.full_like(batch["mean"], 0.5)
    batch["logvar"] = torch.full_like(batch["mean"], -1.0)
    t, none = torch.zeros(2_000, dtype=torch.long), torch.zeros(2_000, 1, dtype=torch.bool)
    state = noised(Process(), image_flow(), batch, t, none, generator())
    assert float(state.z_0.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(state.z_0.var()) == pytest.approx(torch.e**-1, abs=0.03)


def test_given_groups_are_clean_and_absent_ones_noise_and_neither_counts() -> None:
    batch = latents((4, 5, 3, 3), groups=3)
    batch["present"][0, 2] = batch["present"][1, 0] = False
    batch["mean"][0, 4] = torch.nan
    given = torch.zeros(4, 3, dtype=torch.bool)
    given[0, 0] = given[2, 1] = True
    flow = image_flow((2, 2, 1))
    state = noised(Process(), flow, batch, T, given, generator())
    assert torch.equal(state.z_t[0, :2], batch["mean"][0, :2])
    assert torch.equal(state.z_t[2, 2:4], batch["mean"][2, 2:4])
    assert torch.equal(state.z_t[0, 4], state.target[0, 4])
    assert torch.equal(state.z_t[1, :2], state.target[1, :2])
    assert state.z_t.isfinite().all()
    expected = torch.tensor([[0, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 0, 0, 1], [1, 1, 1, 1, 1]]).bool()
    assert torch.equal(state.counted[:, :, 0, 0], expected)


def test_a_vector_is_one_group_and_parametrisations_must_agree() -> None:
    state = noised(Process(), vector_flow(), latents((4, 12)), T, NONE, generator())
    assert state.counted.shape == (4, 1)
    with pytest.raises(ValueError, match="predicts eps, the process v"):
        check_parametrisation(vector_flow(), Process("v"))
