"""Against trajectories by diffusers' own pipelines' loop, and distributions whose best denoiser is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from synthmed.diffusion.noise import seeded_noise
from synthmed.diffusion.process import Parametrisation, Process
from synthmed.diffusion.sampler import Latents, Sampler, make_scheduler, sample
from synthmed.errors import UserError

STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def network(latent: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return torch.tanh(latent * 0.7 + t / 1000) + 0.1 * latent.roll(1, -1)


def both(latents: Latents, t: torch.Tensor) -> Latents:
    return {name: network(latent, t) for name, latent in latents.items()}


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_is_diffusers(eta: float) -> None:
    """The same noise for the steps: diffusers draws it from a generator in the order of the steps."""
    start = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    scheduler = DDIMScheduler(
        1000, **STABLE_DIFFUSION, clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="epsilon"
    )
    scheduler.set_timesteps(50)
    generator = torch.Generator().manual_seed(7)
    expected = start
    for t in scheduler.timesteps:
        expected = scheduler.step(network(expected, t), t, expected, eta=eta, generator=generator).prev_sample
    again = torch.Generator().manual_seed(7)
    ours = sample(
        both, {"a": start}, Sampler(eta=eta), Process(), lambda name, step: torch.randn(start.shape, generator=again)
    )
    assert torch.equal(ours["a"], expected)


@pytest.mark.parametrize(("parametrisation", "kind"), [("eps", "epsilon"), ("v", "v_prediction"), ("x0", "sample")])
def test_dpm_solver_is_diffusers(parametrisation: Parametrisation, kind: str) -> None:
    start = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    scheduler = DPMSolverMultistepScheduler(1000, **STABLE_DIFFUSION, prediction_type=kind)
    scheduler.set_timesteps(20)
    expected = start
    for t in scheduler.timesteps:
        expected = scheduler.step(network(expected, t), t, expected).prev_sample
    ours = sample(both, {"a": start}, Sampler("dpm++", 20), Process(parametrisation), no_noise)
    assert torch.equal(ours["a"], expected)


def test_the_ddpm_trajectory_in_law_at_eta_one() -> None:
    """DDIM with η = 1 and all 1,000 steps has the mean and variance of DDPM's ancestral step."""
    process, scheduler = (
        Process(),
        DDPMScheduler(1000, **STABLE_DIFFUSION, variance_type="fixed_small", clip_sample=False),
    )
    t, latent = torch.tensor(400), torch.full((1, 1, 1, 1), 0.3)
    ours = make_scheduler(Sampler(steps=1000), process)
    moved = [
        ours.step(latent * 0.5, t, latent, eta=1.0, variance_noise=torch.full_like(latent, z), return_dict=False)[0]
        for z in (0.0, 1.0)
    ]
    alphas = scheduler.alphas_cumprod
    x0 = (latent - (1 - alphas[t]).sqrt() * latent * 0.5) / alphas[t].sqrt()
    beta = 1 - alphas[t] / alphas[t - 1]
    mean = alphas[t - 1].sqrt() * beta / (1 - alphas[t]) * x0
    mean = mean + (1 - beta).sqrt() * (1 - alphas[t - 1]) / (1 - alphas[t]) * latent
    torch.testing.assert_close(moved[0], mean, atol=1e-5, rtol=1e-4)
    variance = beta * (1 - alphas[t - 1]) / (1 - alphas[t])
    torch.testing.assert_close((moved[1] - moved[0]).reshape(()), variance.sqrt(), atol=1e-5, rtol=1e-3)


def gaussian(process: Process, mean: float, std: float) -> Any:
    """The best prediction for data that are N(mean, std²): known in closed form."""

    def denoise(latents: Latents, t: torch.Tensor) -> Latents:
        place = t.round().long()
        out = {}
        for name, x_t in latents.items():
            alpha, sigma = process.alpha_sigma(place.expand(len(x_t)), x_t)
            gain = alpha * std**2 / (alpha**2 * std**2 + sigma**2)
            x0 = mean + gain * (x_t - alpha * mean)
            noise = (x_t - alpha * x0) / sigma
            out[name] = {"eps": noise, "x0": x0, "v": alpha * noise - sigma * x0, "velocity": noise - x0}[
                process.parametrisation
            ]
        return out

    return denoise


@pytest.mark.parametrize(
    ("sampler", "parametrisation"),
    [
        (Sampler("ddim", 50, eta=1.0), "eps"),
        (Sampler("ddim", 50, eta=0.0), "v"),
        (Sampler("dpm++", 20), "eps"),
        (Sampler("dpm++", 20), "velocity"),
        (Sampler("euler", 50), "velocity"),
    ],
)
def test_the_best_denoiser_of_a_gaussian_gives_that_gaussian(
    sampler: Sampler, parametrisation: Parametrisation
) -> None:
    process = Process(parametrisation)
    start = {name: seeded_noise(range(4000), (1,), name) for name in ("a", "b")}
    found = sample(
        gaussian(process, 0.8, 0.5),
        start,
        sampler,
        process,
        lambda name, step: seeded_noise(range(4000), (1,), name, step),
    )
    for latent in found.values():
        assert float(latent.mean()) == pytest.approx(0.8, abs=0.05)
        assert float(latent.std()) == pytest.approx(0.5, abs=0.06)
    assert abs(float(torch.corrcoef(torch.stack([found["a"].ravel(), found["b"].ravel()]))[0, 1])) < 0.05


def no_noise(name: str, step: int) -> torch.Tensor:
    raise AssertionError("a deterministic sampler asks for no noise")


def test_a_samples_noise_does_not_depend_on_its_batch() -> None:
    together = seeded_noise([3, 4, 5], (2, 2), "xray", "step", 1)
    assert torch.equal(together[1:2], seeded_noise([4], (2, 2), "xray", "step", 1))
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together[1:2], seeded_noise([4], (2, 2), "ct", "step", 1))
    assert not torch.equal(together[1:2], seeded_noise([4], (2, 2), "xray", "step", 11))


def test_guidance_works_within_its_interval() -> None:
    sampler, process = Sampler(interval=(0.2, 0.6)), Process()
    assert [sampler.guides(torch.tensor(t), process) for t in (100, 200, 600, 700)] == [False, True, True, False]
    assert not Sampler(guidance=1.0).guides(torch.tensor(400), process)


def test_what_cannot_be_sampled_is_told() -> None:
    for sampler, parametrisation in ((Sampler("ddim"), "velocity"), (Sampler("euler"), "eps")):
        with pytest.raises(UserError, match="sampled by"):
            make_scheduler(sampler, Process(parametrisation))
    for wrong in ({"name": "heun"}, {"steps": 0}, {"interval": (0.5, 0.2)}):
        with pytest.raises(UserError):
            Sampler(**wrong)
