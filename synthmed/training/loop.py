"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate.utils import send_to_device
from torch import nn

from synthmed.training.allocator import keep_freed_memory
from synthmed.training.batches import Share, make_loader
from synthmed.training.devices import release, start_accelerator
from synthmed.training.distributed import anywhere
from synthmed.training.ema import Ema
from synthmed.training.finite import refuse_not_finite
from synthmed.training.interrupts import interrupts
from synthmed.training.lock import locked
from synthmed.training.log import Log, Picture
from synthmed.training.objective import Objective, Stepped, evaluating, networks_of, set_training, trainable
from synthmed.training.optimizer import make_optimizer, make_schedule
from synthmed.training.randomness import Stream, derive, own_randomness, seed_globals
from synthmed.training.resume import Checkpoints
from synthmed.training.settings import Settings
from synthmed.training.state import TrainingState

_NO_FINGERPRINT: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: optimiser steps done, those before a resume too.
        finished: all steps are done; else the same call goes on.
        reason: why it ended: all steps done, ``max_minutes`` over, SIGTERM or SIGINT, or ``stop`` said so. A wish to
            stop that came with the last step is told, for the caller of several runs.
        losses: averages of the last log point; empty where there was nothing left to do.
        checkpoint: the last one written.
    """

    step: int
    finished: bool
    reason: Literal["finished", "max_minutes", "signal", "stop"]
    losses: Mapping[str, float]
    checkpoint: Path | None


def train(
    objective: Objective,
    dataset: Any,
    settings: Settings,
    folder: Path,
    *,
    collate: Callable[[Any], Any] | None = None,
    validate: Callable[[], Mapping[str, float]] | None = None,
    sample: Callable[[], Mapping[str, Picture]] | None = None,
    fingerprint: Mapping[str, Any] = _NO_FINGERPRINT,
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    on_step: Callable[[int, Mapping[str, float]], None] = lambda step, losses: None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train until ``settings.steps``, from the newest checkpoint in ``folder`` if there is one.

    A run that was killed at any moment and called again ends with the same bits as one that was not, given the same
    initial weights, data and machine. In the end, the networks hold the average weights where one is kept; after a stop
    before the end, the weights of the last step.

    Args:
        objective: a `torch.nn.Module`; see `Objective`. It is moved to the device.
        dataset: see `make_loader`, ``collate`` too.
        validate: values to log, in the main process, with the average weights, without gradients; its random numbers
            are the same each time. It calls networks, not the objective itself (other processes wait). ``sample`` too,
            pictures by name. Both are called at the last step as well.
        fingerprint: JSON values that must be equal when a run goes on: of the data, the networks, the stage.
        upgrade: what an older release wrote as fingerprint, in today's keys.
        on_step: in the main process, the steps done and the last one's losses, ``gradient_norm`` among them.
        stop: asked after each step; the run writes a checkpoint and ends.

    Raises:
        UserError: the folder is in use or of another run; the device lacks the precision; a batch cannot be divided.
        SynthmedError: a loss or gradient is not finite; nothing is written after it.
        ValueError: the objective's parameters are not as `trainable` wants them.
    """
    if not isinstance(objective, nn.Module):
        raise ValueError(f"{type(objective).__name__} is not a torch.nn.Module")
    parameters = trainable(objective)
    accelerator = start_accelerator(settings, folder)
    device, main = accelerator.device, accelerator.is_main_process
    rank = accelerator.process_index
    begin = time.monotonic()

    with ExitStack() as stack:
        # 1. The folder, the signals and the random numbers are this run's.
        stack.enter_context(locked(folder) if main else nullcontext())
        wish = stack.enter_context(interrupts())
        stack.enter_context(own_randomness(device))
        if device.type == "cpu":
            keep_freed_memory()

        # 2. Weights, optimiser and average, as the newest checkpoint has them.
        model = accelerator.prepare_model(objective)
        stack.callback(release, accelerator, model)
        optimizer = make_optimizer(parameters.values(), settings, device)
        ema = Ema(parameters, settings.ema_decay) if settings.ema_decay else None
        state = TrainingState(networks_of(objective), optimizer, ema, accelerator.scaler)
        checkpoints = Checkpoints(folder, state, settings, fingerprint, device, upgrade)
        with accelerator.main_process_first():
            step = checkpoints.resume()
        schedule = make_schedule(optimizer, settings, step)
        stepper = accelerator.prepare_optimizer(optimizer, device_placement=False)

        # 3. Batches from that step on.
        share = Share(rank, accelerator.num_processes)
        pin = device.type == "cuda"
        loader = make_loader(dataset, settings, start_step=step, share=share, collate=collate, pin_memory=pin)
        batches: Iterator[Any] = iter(loader)
        log = Log(accelerator, folder, step)
        stack.callback(log.close)
        losses: dict[str, float] = {}
        reason: Literal["max_minutes", "signal", "stop"] | None = None
        set_training(objective)

        while step < settings.steps and reason is None:
            # 4. One step: the mean gradient over processes and parts, clipped.
            started = time.monotonic()
            if isinstance(objective, Stepped):
                objective.begin_step(step)
            generator = torch.Generator(device).manual_seed(derive(settings.seed, Stream.NOISE, step, rank))
            parts = []
            for part in range(settings.accumulate):
                batch = send_to_device(next(batches), device)
                # After the batch: loading it may have used the global generators.
                seed_globals(derive(settings.seed, Stream.LAYERS, step, rank, part))
                with nullcontext() if part == settings.accumulate - 1 else accelerator.no_sync(model):
                    parts.append(model(batch, generator))
                    accelerator.backward(parts[-1]["loss"] / settings.accumulate)
            norm = accelerator.clip_grad_norm_(parameters.values(), settings.clip_norm or math.inf)
            values = _means(parts, norm)
            refuse_not_finite(values, accelerator, step + 1, checkpoints.newest)
            learning_rate = float(schedule.get_last_lr()[0])
            stepper.step()
            schedule.step()
            stepper.zero_grad()
            step += 1
            if ema:
                ema.update(step)
            log.add(values, settings.batch_size, time.monotonic() - started)
            if main:
                on_step(step, values)

            # 5. Whether to end, agreed between the processes.
            if anywhere(wish.is_set(), device):
                reason = "signal"
            elif anywhere(stop(), device):
                reason = "stop"
            elif settings.max_minutes and anywhere(time.monotonic() - begin > 60 * settings.max_minutes, device):
                reason = "max_minutes"
            last = step == settings.steps

            # 6. Log, validation and pictures come before the checkpoint, so that a resume misses none.
            if step % settings.log_every == 0 or last or reason:
                losses = log.point(step, learning_rate)
            if main and validate and _due(step, settings.validate_every, last):
                with evaluating(objective, ema, settings.seed):
                    log.validation(step, validate())
            if main and sample and _due(step, settings.sample_every, last):
                with evaluating(objective, ema, settings.seed):
                    log.pictures(step, sample())
            if step % settings.checkpoint_every == 0 or last or reason:
                if main:
                    checkpoints.save(step)
                accelerator.wait_for_everyone()

        finished = step == settings.steps
        if finished and ema:
            ema.apply()
        return Outcome(step, finished, reason or "finished", losses, checkpoints.newest)


def _due(step: int, every: int, last: bool) -> bool:
    return every > 0 and (step % every == 0 or last)


def _means(parts: list[Mapping[str, torch.Tensor]], norm: torch.Tensor) -> dict[str, float]:
    """Each loss's mean over the parts that have it, and the gradient's norm: read from the device at once."""
    values = {name: [part[name].detach().float() for part in parts if name in part] for part in parts for name in part}
    means = [torch.stack(losses).mean() for losses in values.values()]
    return dict(zip([*values, "gradient_norm"], torch.stack([*means, norm.float()]).tolist(), strict=True))
