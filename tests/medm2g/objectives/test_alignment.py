"""Central alignment and the visual invariant."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from medm2g.objectives.encoders import batch, image_encoder, projector, text_encoder
from medm2g.objectives.tiny import changed, generator
from torch import nn

from synthmed.medm2g.losses.barlow_twins import barlow_twins
from synthmed.medm2g.losses.info_nce import info_nce
from synthmed.medm2g.objectives.alignment import AlignmentObjective
from synthmed.training.objective import set_training, trainable


def calls(module: nn.Module, objective: nn.Module, inputs: Any) -> int:
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1

    handle = module.register_forward_hook(note)
    objective(inputs, generator())
    handle.remove()
    return count


def test_the_loss_is_info_nce_plus_the_weighted_invariant_of_what_is_not_normalised() -> None:
    a, b, p = text_encoder(), image_encoder(), projector()
    objective = AlignmentObjective(a, b, projector_b=p, invariant_weight=0.3, off_diagonal=0.02)
    losses = objective(batch(), generator())
    inputs = batch()
    contrast = info_nce(a(**inputs["a"]), b(inputs["b"]), math.log(1 / 0.07))
    invariant = barlow_twins(p(b(inputs["view1_b"])), p(b(inputs["view2_b"])), 0.02)
    torch.testing.assert_close(losses["info_nce"], contrast)
    torch.testing.assert_close(losses["invariant_b"], invariant)
    torch.testing.assert_close(losses["loss"], contrast + 0.3 * invariant)
    assert float(losses["logit_scale"].detach()) == pytest.approx(2.6593, abs=1e-4)


def test_without_the_invariant_there_is_no_projector_and_no_second_view() -> None:
    b, p = image_encoder(), projector()
    plain = {name: value for name, value in batch().items() if not name.startswith("view")}
    off = AlignmentObjective(text_encoder(), b)
    assert set(off.trained) == {"encoder_a", "encoder_b", "temperature"}
    assert calls(b, off, plain) == 1
    assert set(off(plain, generator())) == {"loss", "info_nce", "logit_scale"}
    on = AlignmentObjective(text_encoder(), b, projector_b=p)
    assert calls(b, on, batch()) == 3
    counts = [sum(value.numel() for value in trainable(objective).values()) for objective in (on, off)]
    assert counts[0] - counts[1] == sum(value.numel() for value in p.parameters()) > 0


@pytest.mark.parametrize("train", [("a", "b"), ("b",), ("a",)], ids="".join)
def test_exactly_the_intended_encoders_change(train: tuple[str, ...], tmp_path: Path) -> None:
    a, b, p = text_encoder(), image_encoder(), projector()
    networks = {"a": a, "b": b, "projector": p}
    objective = AlignmentObjective(a, b, train=train, projector_b=p if "b" in train else None)
    moved = set(train) | ({"projector"} if "b" in train else set())
    assert changed(objective, batch(), networks, tmp_path) == moved
    assert a.training == ("a" in train)
    assert b.training == ("b" in train)
    assert not any(
        value.requires_grad for side, one in (("a", a), ("b", b)) if side not in train for value in one.parameters()
    )


def test_two_images_each_with_its_invariant(tmp_path: Path) -> None:
    ct, mri = image_encoder(5), image_encoder(6)
    networks: dict[str, Any] = {"ct": ct, "mri": mri, "p_ct": projector(7), "p_mri": projector(8)}
    inputs = {**batch(), "a": batch()["image_a"]}
    both = AlignmentObjective(ct, mri, projector_a=networks["p_ct"], projector_b=networks["p_mri"])
    losses = both(inputs, generator())
    total = losses["info_nce"] + losses["invariant_a"] + losses["invariant_b"]
    torch.testing.assert_close(losses["loss"], total)
    later = AlignmentObjective(ct, mri, train=("b",), projector_b=networks["p_mri"])
    assert changed(later, inputs, networks, tmp_path) == {"mri", "p_mri"}


def test_the_temperature_stays_in_its_range_and_can_come_back() -> None:
    objective = AlignmentObjective(text_encoder(), image_encoder(), logit_scale_init=9.0)
    set_training(objective)
    losses = objective(batch(), generator())
    assert losses["logit_scale"] == torch.tensor(math.log(100.0))
    losses["loss"].backward()
    parameter = objective.trained["temperature"].logit_scale
    assert parameter.grad != 0
    with torch.no_grad():
        parameter.fill_(-1.0)
    assert objective(batch(), generator())["logit_scale"] == 0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="name a, b or both"):
        AlignmentObjective(text_encoder(), image_encoder(), train=("text",))
    with pytest.raises(ValueError, match="projector_b: encoder_b is frozen"):
        AlignmentObjective(text_encoder(), image_encoder(), train=("a",), projector_b=projector())
