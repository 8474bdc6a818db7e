"""From noise to data: one loop that moves every latent of a joint sample, on diffusers' schedulers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler

from synthmed.diffusion.process import Process
from synthmed.errors import UserError

Latents: TypeAlias = dict[str, torch.Tensor]
Denoise: TypeAlias = Callable[[Latents, torch.Tensor], Latents]
StepNoise: TypeAlias = Callable[[str, int], torch.Tensor]

_PREDICTION = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}


@dataclass(frozen=True)
class Sampler:
    """The settings of a sampling run; the defaults are MedM2G's.

    Attributes:
        name: ``ddim`` (with ``eta``), ``dpm++`` (DPM-Solver++ 2M, deterministic), or ``euler`` (rectified flow alone).
        steps: network calls, without those of guidance.
        eta: 0 is the deterministic DDIM, 1 has DDPM's variance.
        guidance: w of unconditional + w (conditional - unconditional); 1 is none and costs one call a step.
        interval: the part of the process, as (least, greatest) t / T, in which guidance works; elsewhere it is 1
            (Kynkäänniemi et al., 2404.07724).
    """

    name: Literal["ddim", "dpm++", "euler"] = "ddim"
    steps: int = 50
    eta: float = 1.0
    guidance: float = 2.0
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.name not in ("ddim", "dpm++", "euler"):
            raise UserError(f"sampler {self.name!r}: there are ddim, dpm++ and euler")
        if self.steps < 1 or self.eta < 0 or not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise UserError(f"sampler {asdict(self)}: steps from 1, eta from 0, interval within (0, 1)")

    def guides(self, t: torch.Tensor, process: Process) -> bool:
        """Whether this step has a guided and an unguided call."""
        return self.guidance != 1 and self.interval[0] <= float(t) / process.steps <= self.interval[1]


def make_scheduler(sampler: Sampler, process: Process) -> Any:
    """The diffusers scheduler of a sampler, at its first step.

    Stable Diffusion's DDIM: no clipping, the last ᾱ is that of t = 0, "leading" times with an offset of 1.

    Raises:
        UserError: the sampler cannot follow this process.
    """
    straight = process.parametrisation == "velocity"
    if straight:
        if sampler.name == "ddim":
            raise UserError("a flow that predicts velocity is sampled by euler or dpm++, not by ddim")
        if sampler.name == "euler":
            scheduler: Any = FlowMatchEulerDiscreteScheduler(process.steps)
        else:
            scheduler = DPMSolverMultistepScheduler(
                process.steps, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0
            )
    else:
        if sampler.name == "euler":
            raise UserError(f"a flow that predicts {process.parametrisation} is sampled by ddim or dpm++, not by euler")
        betas = {
            "num_train_timesteps": process.steps,
            "beta_start": process.beta_start,
            "beta_end": process.beta_end,
            "beta_schedule": "scaled_linear",
            "prediction_type": _PREDICTION[process.parametrisation],
        }
        if sampler.name == "ddim":
            scheduler = DDIMScheduler(
                **betas, clip_sample=False, set_alpha_to_one=False, steps_offset=1, timestep_spacing="leading"
            )
        else:
            scheduler = DPMSolverMultistepScheduler(**betas)
    scheduler.set_timesteps(sampler.steps)
    return scheduler


def sample(
    denoise: Denoise, noise: Mapping[str, torch.Tensor], sampler: Sampler, process: Process, step_noise: StepNoise
) -> Latents:
    """Integrate all latents together; each step sees every latent of the same time.

    Args:
        denoise: from latents by name and a time (a scalar on the process' scale) to predictions by name, guidance done.
        noise: (B, …) standard normal by name, where the run starts.
        step_noise: the noise that DDIM with η > 0 adds to the named latent at a step, counted from 0; a function of the
            samples' seeds, so that a sample does not depend on the others of its batch.

    Returns:
        x_0 by name.

    Raises:
        UserError: the sampler cannot follow this process.
    """
    schedulers = {name: make_scheduler(sampler, process) for name in noise}
    times = next(iter(schedulers.values())).timesteps
    latents = dict(noise)
    # Schedulers of the straight path count σ T from 1 to T, the process from 0.
    first = 1 if process.parametrisation == "velocity" else 0
    for step, t in enumerate(times):
        predictions = denoise(latents, t - first)
        for name, scheduler in schedulers.items():
            extra: dict[str, Any] = {}
            if sampler.name == "ddim":
                extra["eta"] = sampler.eta
                if sampler.eta > 0:
                    extra["variance_noise"] = step_noise(name, step)
            moved = scheduler.step(predictions[name], t, latents[name], return_dict=False, **extra)
            latents[name] = moved[0]
    return latents
