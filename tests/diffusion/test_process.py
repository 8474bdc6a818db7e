"""Against diffusers' own schedulers, and closed forms in float64."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler

from synthmed.diffusion.process import Parametrisation, Process

STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x0, noise = (torch.randn(6, 2, 3, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    return x0, noise, torch.tensor([0, 1, 250, 500, 900, 999])


def test_noise_and_v_are_diffusers(data: tuple[torch.Tensor, ...]) -> None:
    x0, noise, t = data
    scheduler = DDPMScheduler(1000, **STABLE_DIFFUSION)
    # diffusers keeps its products in float32.
    torch.testing.assert_close(
        Process("v").add_noise(x0, noise, t), scheduler.add_noise(x0, noise, t), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        Process("v").target(x0, noise, t), scheduler.get_velocity(x0, noise, t), atol=1e-4, rtol=0
    )
    alpha, _ = Process().alpha_sigma(torch.arange(1000), torch.zeros(1000, dtype=torch.float64))
    torch.testing.assert_close(alpha**2, scheduler.alphas_cumprod.double(), atol=1e-6, rtol=1e-4)


def test_the_straight_path_is_diffusers_flow_matching(data: tuple[torch.Tensor, ...]) -> None:
    x0, noise, t = data
    scheduler = FlowMatchEulerDiscreteScheduler(1000)
    # Its times are sigma x 1000, from 1000 down to 1; ours count from 0.
    times = scheduler.timesteps[1000 - 1 - t]
    ours = Process("velocity").add_noise(x0, noise, t)
    torch.testing.assert_close(ours.float(), scheduler.scale_noise(x0.float(), times, noise.float()), atol=1e-5, rtol=0)


def test_the_velocity_is_the_paths_derivative() -> None:
    x0 = torch.randn(1, 4, dtype=torch.float64)
    noise = torch.randn(1, 4, dtype=torch.float64)
    process = Process("velocity")
    later, sooner = (process.add_noise(x0, noise, torch.tensor([t])) for t in (501, 499))
    torch.testing.assert_close((later - sooner) * 500, process.target(x0, noise, torch.tensor([500])))


@pytest.mark.parametrize("parametrisation", ["eps", "v", "x0", "velocity"])
def test_a_perfect_prediction_gives_the_data_back(
    parametrisation: Parametrisation, data: tuple[torch.Tensor, ...]
) -> None:
    x0, noise, t = data
    process = Process(parametrisation)
    x_t = process.add_noise(x0, noise, t)
    torch.testing.assert_close(process.predict_x0(process.target(x0, noise, t), x_t, t), x0)


def test_times_are_uniform_and_follow_the_generator() -> None:
    times = Process(steps=10).draw_times(20_000, torch.Generator().manual_seed(1))
    counts = torch.bincount(times, minlength=10)
    assert counts.shape == (10,)
    assert int(counts.min()) > 1800
    assert torch.equal(times, Process(steps=10).draw_times(20_000, torch.Generator().manual_seed(1)))
