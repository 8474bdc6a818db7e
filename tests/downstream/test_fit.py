from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from downstream.toy import Bright, flat
from torch import nn

from synthmed.downstream.arms import ARMS, Arm, synthetic_rows, train_arm
from synthmed.downstream.fit import FitSettings, Source, fit, predict
from synthmed.downstream.truth import Batch
from synthmed.errors import SynthmedError, UserError

REAL = flat([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
SHORT = FitSettings(steps=20, batch_size=6, learning_rate=0.3)


def weights(net: nn.Module) -> list[float]:
    return torch.cat([value.flatten() for value in net.state_dict().values()]).tolist()


def test_it_learns_and_is_a_function_of_the_seed() -> None:
    task = Bright()
    nets = [fit(task, task.build(1, 0), [Source(REAL)], SHORT, seed) for seed in (1, 1, 2)]
    assert not nets[0].training
    assert task.score(predict(task, nets[0], REAL), REAL.truth)["accuracy"] == 1
    assert weights(nets[0]) == weights(nets[1]) != weights(nets[2])


def test_the_callers_random_numbers_are_left_alone() -> None:
    task, state = Bright(), torch.get_rng_state()
    fit(task, task.build(1, 0), [Source(REAL)], SHORT, 1)
    assert torch.equal(torch.get_rng_state(), state)


def test_one_step_is_adamws_with_the_one_cycle_rate() -> None:
    """Against torch's own optimiser and schedule on the batches that the task saw."""
    task, settings = Bright(), FitSettings(steps=10, batch_size=6, learning_rate=0.1, clip_norm=0)
    rows = flat([0.25])
    net = fit(task, task.build(1, 0), [Source(rows)], settings, 0)
    other = Bright().build(1, 0)
    optimizer = torch.optim.AdamW(other.parameters(), 0.1, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    for _ in range(10):
        optimizer.zero_grad()
        Bright().loss(other, rows.batch(np.zeros(6, np.int64))).backward()
        optimizer.step()
        schedule.step()
    assert weights(net) == pytest.approx(weights(other), rel=1e-6)


def test_every_row_is_seen_equally_often() -> None:
    task = Bright()
    fit(task, task.build(1, 0), [Source(REAL)], FitSettings(steps=10, batch_size=3), 0)
    seen = np.concatenate(task.seen)
    assert len(seen) == 30
    assert np.unique(seen, return_counts=True)[1].tolist() == [5] * 6


@pytest.mark.parametrize("share", [0.5, 1 / 3, 1 / 6])
def test_sources_have_their_share_of_batches_of_one_size(share: float) -> None:
    task, other = Bright(), flat([0.05, 0.95])
    fit(task, task.build(1, 0), [Source(REAL, share), Source(other, 1 - share)], SHORT, 0)
    assert {len(batch) for batch in task.seen} == {6}
    from_first = np.isclose(np.concatenate(task.seen)[:, None], REAL.pixels[:, 0, 0, 0].astype(np.float32)).any(1)
    assert from_first.sum() == pytest.approx(share * 120, abs=1)


def test_validation_rows_keep_the_best_weights_and_nothing_else() -> None:
    """Training turns a slope from falling to rising; validation rows whose labels are turned around like the first."""
    turned = flat([0.1, 0.9])
    turned = type(turned)(turned.pixels, 1 - np.asarray(turned.truth), turned.patients, turned.attributes, "")
    start = Bright().build(1, 3)
    with torch.no_grad():
        start[2].weight.fill_(-0.05)  # type: ignore[index, operator, union-attr]  # nn.Sequential is typed as Module
        start[2].bias.zero_()  # type: ignore[index, operator, union-attr]
    settings = FitSettings(steps=20, batch_size=6, learning_rate=0.3, validate_every=1)
    task = Bright()
    kept = fit(task, start, [Source(REAL)], settings, 0, validation=turned)
    assert task.score(predict(task, kept, turned), turned.truth)["accuracy"] == 1
    last = fit(task, task.build(1, 3), [Source(REAL)], settings, 0)
    assert task.score(predict(task, last, turned), turned.truth)["accuracy"] == 0


def test_a_loss_that_is_not_finite_stops() -> None:
    class Broken(Bright):
        def loss(self, net: nn.Module, batch: Batch) -> torch.Tensor:
            return super().loss(net, batch) * float("nan")

    with pytest.raises(SynthmedError, match="step 1 is not finite"):
        fit(Broken(), Bright().build(1, 0), [Source(REAL)], SHORT, 0)


def synthetic(n: int = 40) -> np.ndarray:
    return np.linspace(0.02, 0.98, n)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_arms_differ_in_their_rows_alone(arm: Arm) -> None:
    task, fake = Bright(), flat((1 + synthetic()).tolist())
    train_arm(task, arm, REAL, fake, SHORT, 7)
    baseline = Bright()
    train_arm(baseline, ARMS[0], REAL, None, SHORT, 7)
    assert task.built == baseline.built
    assert [len(batch) for batch in task.seen] == [6] * 20
    made = np.array([np.mean(np.array(batch) > 1) for batch in task.seen])
    expected = {"synthetic": 1.0, "mixed-0.5": 1 / 3, "mixed-1": 1 / 2, "mixed-2": 2 / 3, "mixed-5": 5 / 6}
    if arm.name == "pretrained":
        assert made.tolist() == [1.0] * 10 + [0.0] * 10
    else:
        assert made.mean() == pytest.approx(expected.get(arm.name, 0.0), abs=0.01)
    if arm.name == "real-augmented":
        assert task.seen != baseline.seen


def test_a_mixed_arm_sees_ratio_times_the_real_rows_and_higher_ratios_hold_lower_ones() -> None:
    fake = flat(synthetic().tolist())
    parts = [synthetic_rows(Arm("", ratio=ratio), REAL, fake, 1) for ratio in (0.5, 1, 2, 5, 100)]
    levels = [set(part.pixels[:, 0, 0, 0].tolist()) for part in parts if part]
    assert [len(one) for one in levels] == [3, 6, 12, 30, 40]
    assert all(one < more for one, more in pairwise(levels))


def test_missing_or_other_synthetic_rows_are_refused() -> None:
    with pytest.raises(UserError, match="needs synthetic rows"):
        train_arm(Bright(), Arm("mixed", ratio=1.0), REAL, None, SHORT, 0)
    wide = flat([0.1])
    wide = type(wide)(np.zeros((1, 1, 4, 5), np.float16), wide.truth, wide.patients, wide.attributes, "")
    with pytest.raises(UserError, match="open both with one size"):
        train_arm(Bright(), Arm("mixed", ratio=1.0), REAL, wide, SHORT, 0)
