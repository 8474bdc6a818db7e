"""The stage of one flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from medm2g.objectives.tiny import DIM, NULL, changed, generator, image_flow, latents, vector_flow

from synthmed.diffusion.process import Process
from synthmed.medm2g.losses.barlow_twins import barlow_twins
from synthmed.medm2g.objectives.flow import FlowObjective, Invariant
from synthmed.models.projector import Projector
from synthmed.models.prompt_encoders import ImagePromptEncoder, TextPromptEncoder
from synthmed.training.objective import set_training, trainable


def seen(objective: FlowObjective, batch: Any, seed: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The losses, and what the network was given and gave."""
    calls: dict[str, Any] = {}

    def note(module: Any, args: Any, output: Any) -> None:
        calls.update(z=args[0], t=args[1], tokens=args[2], prediction=output.sample)

    handle = objective.trained["flow"].network.register_forward_hook(note)
    losses = objective(batch, generator(seed))
    handle.remove()
    return losses, calls


def test_the_loss_is_the_mean_squared_error_of_the_noise() -> None:
    objective = FlowObjective(image_flow(), Process(), NULL).eval()
    batch = latents((6, 2, 4, 4))
    losses, calls = seen(objective, batch)
    alpha, sigma = Process().alpha_sigma(calls["t"], batch["mean"].double())
    noise = (calls["z"].double() - alpha * batch["mean"]) / sigma
    error = (calls["prediction"] - noise).square().mean()
    torch.testing.assert_close(losses["loss"].double(), error, rtol=1e-3, atol=0)
    assert len(set(calls["t"].tolist())) > 1
    assert objective(batch, generator())["loss"] == losses["loss"]
    assert objective(batch, generator(1))["loss"] != losses["loss"]


def test_absent_and_given_groups_get_no_gradient() -> None:
    """The gradient of the last layer's bias is that of its channel's error alone."""
    batch = latents((4, 3, 4, 4), groups=2)
    batch["present"][:, 1] = False
    objective = FlowObjective(image_flow((2, 1)), Process(), NULL, given_probability=1.0)
    objective(batch, generator())["loss"].backward()
    bias = objective.trained["flow"].network.conv_out.bias
    assert bias.grad[:2].abs().min() > 0
    assert bias.grad[2] == 0
    # All present, the first always given: the second alone is learned.
    batch["present"][:] = True
    objective = FlowObjective(image_flow((2, 1)), Process(), NULL, given_probability=[1.0, 0.0])
    _, calls = seen(objective, batch)
    assert torch.equal(calls["z"][:, :2], batch["mean"][:, :2])
    assert calls["z"][:, 3].eq(1).all()
    assert calls["z"][:, 4].eq(0).all()
    objective(batch, generator())["loss"].backward()
    bias = objective.trained["flow"].network.conv_out.bias
    assert bias.grad[:2].eq(0).all()
    assert bias.grad[2] != 0


def test_conditions_are_dropped_at_the_rate() -> None:
    n = 2_000
    objective = FlowObjective(vector_flow(), Process(), NULL, drop=0.25).eval()
    with torch.no_grad():
        _, calls = seen(objective, latents((n, 12)))
    dropped = (calls["tokens"] == NULL * DIM**0.5).all(-1).float().mean()
    assert float(dropped) == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / n) ** 0.5)


def test_two_steps_change_the_flow(tmp_path: Path) -> None:
    flow = image_flow((2, 1))
    objective = FlowObjective(flow, Process(), NULL, given_probability=0.3)
    assert set(trainable(objective)) == {f"flow.{name}" for name, _ in flow.named_parameters()}
    assert changed(objective, latents((2, 3, 4, 4), groups=2), {"flow": flow}, tmp_path) == {"flow"}


def encoders() -> dict[str, Any]:
    torch.manual_seed(3)
    text = TextPromptEncoder(vocab_size=9, dim=DIM, hidden=8, layers=1, heads=2, max_length=5)
    return {"text": text, "ct": ImagePromptEncoder(1, DIM, widths=(4, 4, 4, 4))}


def raw(n: int) -> dict[str, Any]:
    ids = torch.randint(1, 9, (n, 5), generator=generator(5))
    return {
        "text": {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        "ct": torch.rand(n, 1, 16, 16, generator=generator(6)),
    }


def test_without_alignment_prompt_encoders_are_trained_by_this_loss(tmp_path: Path) -> None:
    networks = encoders()
    flow = vector_flow()
    objective = FlowObjective(flow, Process(), NULL, drop=0.0, encoders=networks)
    batch = {**latents((8, 12)), "inputs": raw(8)}
    del batch["conditions"]
    assert changed(objective, batch, {"flow": flow, **networks}, tmp_path / "a") == {"flow", "text", "ct"}
    # An encoder whose inputs no item has is not moved.
    batch["has"] = torch.tensor([True, False]).expand(8, -1)
    objective = FlowObjective(flow, Process(), NULL, drop=0.0, encoders=networks)
    assert changed(objective, batch, {"flow": flow, **networks}, tmp_path / "b") == {"flow", "text"}


def test_embedded_inputs_are_the_ready_conditions() -> None:
    networks, batch = encoders(), latents((8, 12))
    inputs = raw(8)
    with_encoders = FlowObjective(vector_flow(), Process(), NULL, encoders=networks)
    set_training(with_encoders)
    with_encoders.eval()
    tokens = [networks["text"].embed(**inputs["text"]), networks["ct"].embed(inputs["ct"])]
    ready = FlowObjective(vector_flow(), Process(), NULL).eval()
    first = with_encoders({**batch, "inputs": inputs}, generator())["loss"]
    second = ready({**batch, "conditions": torch.stack(tokens, dim=1)}, generator())["loss"]
    torch.testing.assert_close(first, second)
    assert len(ready.trained) == 1


def with_views(n: int = 8) -> dict[str, Any]:
    """A batch whose third item has no CT."""
    batch = {**latents((n, 12)), "inputs": raw(n)}
    del batch["conditions"]
    batch["has"][2, 1] = False
    batch |= {f"view{i}_ct": torch.rand(n, 1, 16, 16, generator=generator(10 + i)) for i in (1, 2)}
    return batch


def with_invariant(networks: dict[str, Any], weight: float = 0.3) -> tuple[FlowObjective, Projector]:
    torch.manual_seed(8)
    projector = Projector((DIM, 10, 5))
    invariant = Invariant({"ct": projector}, weight, off_diagonal=0.02)
    return FlowObjective(vector_flow(), Process(), NULL, encoders=networks, invariant=invariant), projector


def test_the_invariant_is_added_of_the_items_that_have_the_image() -> None:
    networks, batch = encoders(), with_views()
    objective, projector = with_invariant(networks)
    losses = objective(batch, generator())
    plain = FlowObjective(vector_flow(), Process(), NULL, encoders=networks)
    kept = [0, 1, 3, 4, 5, 6, 7]
    views = [projector(networks["ct"](batch[f"view{i}_ct"][kept])) for i in (1, 2)]
    by_hand = barlow_twins(views[0], views[1], 0.02)
    # The same noise and prompts: the invariant draws nothing.
    diffusion = plain({name: batch[name] for name in batch if "view" not in name}, generator())["loss"]
    torch.testing.assert_close(losses["diffusion"], diffusion)
    torch.testing.assert_close(losses["invariant_ct"], by_hand)
    torch.testing.assert_close(losses["loss"], diffusion + 0.3 * by_hand)
    assert set(losses) == {"loss", "diffusion", "invariant_ct"}
    assert set(plain.trained) == {"flow", "encoder_text", "encoder_ct"}


def test_the_invariant_reaches_its_encoder_and_projector_alone() -> None:
    networks, batch = encoders(), with_views()
    objective, projector = with_invariant(networks)
    set_training(objective)
    objective(batch, generator())["invariant_ct"].backward()
    reached = {name for name, value in trainable(objective).items() if value.grad is not None}
    assert {name.partition(".")[0] for name in reached} == {"encoder_ct", "projector_ct"}
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in projector.parameters())


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_images_for_a_correlation_count_nothing(count: int) -> None:
    batch = with_views()
    batch["has"][:, 1] = torch.arange(8) < count
    objective, projector = with_invariant(encoders())
    set_training(objective)
    losses = objective(batch, generator())
    assert losses["invariant_ct"] == 0
    torch.testing.assert_close(losses["loss"], losses["diffusion"])
    losses["loss"].backward()
    assert all(value.grad is None for value in projector.parameters())


def test_exactly_flow_encoders_and_projector_change_under_the_invariant(tmp_path: Path) -> None:
    networks, batch = encoders(), with_views()
    batch["has"][:, 1] = False  # the prompts leave CT out
    objective, projector = with_invariant(networks)
    parts = {"flow": objective.trained["flow"], "projector": projector, **networks}
    assert changed(objective, batch, parts, tmp_path / "a") == {"flow", "text"}
    batch["has"][:3, 1] = True
    batch["has"][:, 0] = False
    objective, projector = with_invariant(networks)
    parts = {"flow": objective.trained["flow"], "projector": projector, **networks}
    assert changed(objective, batch, parts, tmp_path / "b") == {"flow", "ct", "projector"}


def test_a_projector_of_no_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="a projector of mri, which is none of the encoders"):
        FlowObjective(
            vector_flow(), Process(), NULL, encoders=encoders(), invariant=Invariant({"mri": Projector((DIM, 4))})
        )
