"""The loop against a plain one, and what it refuses."""

from __future__ import annotations

import io
import json
import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.optimization import get_cosine_schedule_with_warmup
from helpers.digests import digest
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from training.toy import Denoiser, Quiet, images, run, settings

from synthmed.errors import SynthmedError, UserError
from synthmed.training.batches import places
from synthmed.training.loop import train
from synthmed.training.settings import Settings

ROWS = torch.randn(10, 5, generator=torch.Generator().manual_seed(2))


class Rows(torch.utils.data.Dataset[torch.Tensor]):
    """In memory: a batch at a time."""

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, index: int) -> torch.Tensor:
        raise AssertionError("asked for an item")

    def __getitems__(self, indices: list[int]) -> torch.Tensor:
        return ROWS[indices]


def whole(batch: torch.Tensor) -> torch.Tensor:
    return batch


@pytest.mark.parametrize("clip_norm", [0.0, 0.05])
def test_weights_equal_a_plain_loop_bit_for_bit(clip_norm: float, tmp_path: Path) -> None:
    steps = 30
    wanted = settings(steps=steps, accumulate=1, clip_norm=clip_norm, ema_decay=0, weight_decay=0.1, warmup_steps=4)
    ours, plain = Quiet(), Quiet()
    norms: list[float] = []
    train(
        ours,
        Rows(),
        wanted,
        tmp_path,
        collate=whole,
        on_step=lambda step, values: norms.append(values["gradient_norm"]),
    )

    parameters = list(plain.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-2, weight_decay=0.1, fused=True)
    schedule = get_cosine_schedule_with_warmup(optimizer, 4, steps)
    for step in range(steps):
        batch = ROWS[[index for _, index in places(len(ROWS), 4, 5, step)]]
        loss = (plain.trained["net"](batch) - batch[:, :3].sin()).square().mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, clip_norm or math.inf)
        assert norms[step] == norm.item()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    if clip_norm:
        assert max(norms) > clip_norm
    assert digest(ours) == digest(plain) != digest(Quiet())


def test_every_step_has_noise_of_its_own(tmp_path: Path) -> None:
    class Recording(Quiet):
        noise: list[float]
        layers: list[float]

        def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
            self.noise.append(torch.rand((), generator=generator).item())
            self.layers.append(torch.rand(()).item())
            return super().forward(batch, generator)

    draws = []
    for seed in (0, 0, 1):
        objective = Recording()
        objective.noise, objective.layers = [], []
        train(objective, Rows(), settings(seed=seed), tmp_path / f"{len(draws)}", collate=whole)
        draws.append([*objective.noise, *objective.layers])
    assert draws[0] == draws[1]
    assert len({*draws[0], *draws[2]}) == 4 * 2 * 12


def test_accumulated_parts_are_one_batch(tmp_path: Path) -> None:
    ends = []
    for accumulate in (1, 4):
        objective = Quiet()
        train(objective, Rows(), settings(accumulate=accumulate), tmp_path / str(accumulate), collate=whole)
        ends.append(nn.utils.parameters_to_vector(objective.parameters()))
    torch.testing.assert_close(*ends)
    assert not torch.equal(ends[0], nn.utils.parameters_to_vector(Quiet().parameters()))


def test_frozen_weights_stay_and_do_not_decay(tmp_path: Path) -> None:
    objective = Denoiser()
    objective.trained["net"][0].bias.requires_grad_(False)
    before = digest(objective)
    train(objective, images(), settings(weight_decay=0.9), tmp_path)
    after = digest(objective)
    changed = {name for name in before if before[name] != after[name]}
    frozen = {"trained.net.0.bias", "trained.frozen.weight", "trained.frozen.bias"}
    assert changed == {*before} - frozen
    stored = load_file(tmp_path / "checkpoints" / "step-00000012" / "weights.safetensors")
    assert not any(f"trained.{name}" in frozen for name in stored)


def test_weights_are_the_average_in_the_end_and_where_it_is_judged(tmp_path: Path) -> None:
    objective = Denoiser()
    seen: list[dict[str, str]] = []
    draws: list[float] = []

    def validate() -> Mapping[str, float]:
        assert not torch.is_grad_enabled()
        assert not any(module.training for module in objective.modules())
        seen.append(digest(objective.trained["net"][0]))
        draws.append(torch.rand(()).item())
        return {"loss": 0.5, "bad": math.nan}

    def sample() -> Mapping[str, Any]:
        seen.append(digest(objective.trained["net"][0]))
        png = io.BytesIO()
        Image.new("L", (6, 4), 7).save(png, "PNG")
        return {"mri.t2": png.getvalue(), "a/b": np.full((3, 5, 3), 9, np.uint8)}

    wanted = settings(validate_every=5, sample_every=12, checkpoint_every=100)
    train(objective, images(), wanted, tmp_path, validate=validate, sample=sample)
    assert len(seen) == 4
    place = tmp_path / "checkpoints" / "step-00000012"
    average = load_file(place / "ema.safetensors")
    expected = digest(nn.ParameterDict({name: average[f"net.0.{name}"] for name in ("weight", "bias")}))
    assert seen[2] == seen[3] == digest(objective.trained["net"][0]) == expected
    own = load_file(place / "weights.safetensors")
    assert not torch.equal(own["net.0.weight"], average["net.0.weight"])
    assert len(set(draws)) == 1

    with Image.open(tmp_path / "samples" / "step-00000012-mri.t2.png") as picture:
        assert (picture.size, picture.getpixel((0, 0))) == ((6, 4), (7, 7, 7))
    assert (tmp_path / "samples" / "step-00000012-a-b.png").exists()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "validation" in line] == [5, 10, 12]
    assert lines[-1]["validation"] == {"loss": 0.5, "bad": None}
    events = EventAccumulator(str(tmp_path / "tensorboard" / "synthmed"))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/loss")] == [5, 10, 12]
    assert [event.step for event in events.Scalars("loss")] == [3, 6, 9, 12]
    assert [event.step for event in events.Images("samples/mri.t2")] == [12]


def test_the_log_holds_averages_and_the_learning_rate(tmp_path: Path) -> None:
    losses: list[float] = []
    run(tmp_path, schedule="constant", on_step=lambda step, values: losses.append(values["loss"]))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == pytest.approx(np.reshape(losses, (4, 3)).mean(axis=1).tolist())
    assert [line["learning_rate"] for line in lines] == pytest.approx([1e-2] * 4)
    assert all(line["samples_per_second"] > 0 and line["gradient_norm"] > 0 for line in lines)


def test_losses_that_come_and_go_are_averaged_where_they_are(tmp_path: Path) -> None:
    class Alternating(Quiet):
        calls = 0

        def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
            self.calls += 1
            extra = {"rare": torch.tensor(float(self.calls))} if self.calls % 4 == 1 else {}
            return {**super().forward(batch, generator), **extra}

    train(Alternating(), Rows(), settings(log_every=6), tmp_path, collate=whole)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["rare"] for line in lines] == [5.0, 17.0]  # of calls 1, 5, 9 and 13, 17, 21; two calls a step


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_not_finite_ends_the_run(what: str, tmp_path: Path) -> None:
    class Breaking(Quiet):
        calls = 0

        def forward(self, batch: torch.Tensor, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
            self.calls += 1
            loss = super().forward(batch, generator)["loss"]
            if self.calls < 7:
                return {"loss": loss}
            # The root's slope at 0 is infinite, its value 0.
            return {"loss": loss * math.nan if what == "loss" else loss + (loss - loss.detach()).abs().sqrt()}

    objective = Breaking()
    with pytest.raises(SynthmedError, match=r"step 7: .*(nan|inf).*step-00000004"):
        train(objective, Rows(), settings(accumulate=1), tmp_path, collate=whole)
    assert [place.name for place in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert all(parameter.isfinite().all() for parameter in objective.parameters())
    train(Quiet(), Rows(), settings(accumulate=1), tmp_path, collate=whole)  # the checkpoint and the folder are usable


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_a_checkpoint(number: signal.Signals, tmp_path: Path) -> None:
    before = signal.getsignal(number)
    outcome = run(tmp_path, on_step=lambda step, losses: os.kill(os.getpid(), number) if step == 6 else None)
    assert (outcome.step, outcome.finished, outcome.reason) == (6, False, "signal")
    assert outcome.checkpoint == tmp_path / "checkpoints" / "step-00000006"
    assert signal.getsignal(number) == before


def test_the_time_is_up_after_a_checkpoint(tmp_path: Path) -> None:
    outcome = run(tmp_path, max_minutes=1e-9)
    assert (outcome.step, outcome.reason) == (1, "max_minutes")
    assert outcome.checkpoint == tmp_path / "checkpoints" / "step-00000001"
    assert run(tmp_path).finished


def test_only_the_last_checkpoints_are_kept_and_none_holds_a_pickle(tmp_path: Path) -> None:
    run(tmp_path, checkpoint_every=1, keep_checkpoints=3)
    places = sorted((tmp_path / "checkpoints").iterdir())
    assert [place.name for place in places] == [f"step-{step:08d}" for step in (10, 11, 12)]
    for place in places:
        names = {file.name for file in place.iterdir()}
        assert names == {"state.json", "weights.safetensors", "ema.safetensors", "optimizer.safetensors"}
        for name in names - {"state.json"}:
            load_file(place / name)
        json.loads((place / "state.json").read_text())


def test_precisions_of_two_stages_in_one_process(tmp_path: Path) -> None:
    if getattr(torch.cpu, "_is_avx512_bf16_supported", bool)():
        objective = Quiet()
        train(objective, Rows(), settings(precision="bf16"), tmp_path / "bf16", collate=whole)
        assert {parameter.dtype for parameter in objective.parameters()} == {torch.float32}
        assert "forward" not in vars(objective), "autocast is still around it"
    else:
        with pytest.raises(UserError, match="no bf16 of its own"):
            run(tmp_path / "bf16", precision="bf16")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="precision fp16: a CPU"):
            run(tmp_path / "fp16", precision="fp16")
        with pytest.raises(UserError, match="adamw8bit needs CUDA"):
            run(tmp_path / "8bit", optimizer="adamw8bit")
    assert run(tmp_path / "fp32").finished


def test_refused_before_a_step(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="batch_size 5 is not a multiple of 1 processes x accumulate 2"):
        run(tmp_path, batch_size=5)
    with pytest.raises(UserError, match="the dataset is empty"):
        train(Quiet(), [], settings(), tmp_path)
    with pytest.raises(UserError, match="tracker wandb is not installed"):
        run(tmp_path, trackers=["wandb"])
    with pytest.raises(ValueError, match=r"not a torch.nn.Module"):
        train(object(), [], Settings(steps=1), tmp_path)  # type: ignore[arg-type]  # what a caller may hand over
    assert not (tmp_path / "checkpoints").exists()
