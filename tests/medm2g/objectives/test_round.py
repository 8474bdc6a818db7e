"""One round of multi-flow training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from medm2g.objectives.tiny import DIM, NULL, changed, generator, guided, image_flow, side_batch, vector_flow
from torch import nn

from synthmed.diffusion.process import Process
from synthmed.medm2g.losses.info_nce import info_nce
from synthmed.medm2g.objectives.guided import Guided
from synthmed.medm2g.objectives.round import RoundObjective
from synthmed.training.objective import set_training

N = 6


def sides(**options: Any) -> tuple[Guided, Guided]:
    return guided(image_flow(seed=1), 1, **options), guided(image_flow(seed=2), 2, **options)


def batches(n: int = N) -> dict[str, dict[str, torch.Tensor]]:
    return {"a": side_batch((n, 2, 4, 4), 1), "b": side_batch((n, 2, 4, 4), 2)}


def made(a: Guided, b: Guided, **options: Any) -> RoundObjective:
    objective = RoundObjective(a, b, Process(), NULL, **{"drop": 0.0, "unknown": 0.0, **options})
    set_training(objective)
    return objective


def watch(objective: RoundObjective, batch: Any, seed: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The losses; what went into and came out of each network ("a", "b") and each V ("v_a", "v_b")."""
    calls: dict[str, Any] = {}
    handles = []
    for name, side in objective.sides.items():
        for key, module in ((name, side.flow.network), (f"v_{name}", side.context)):

            def note(_: Any, args: Any, output: Any, key: str = key) -> None:
                assert key not in calls
                calls[key] = (*args, getattr(output, "sample", output))

            handles.append(module.register_forward_hook(note))
    losses = objective(batch, generator(seed))
    for handle in handles:
        handle.remove()
    return losses, calls


def noise_of(call: Any, mean: torch.Tensor) -> torch.Tensor:
    alpha, sigma = Process().alpha_sigma(call[1], mean.double())
    return (call[0].double() - alpha * mean) / sigma


def test_both_sides_are_at_one_time_with_noise_of_their_own() -> None:
    batch = batches(40)
    losses, calls = watch(made(*sides()), batch)
    assert torch.equal(calls["a"][1], calls["b"][1])
    noises = [noise_of(calls[side], batch[side]["mean"]) for side in "ab"]
    numbers = noises[0].numel()
    assert abs(float(torch.corrcoef(torch.stack([noise.flatten() for noise in noises]))[0, 1])) < 5 / numbers**0.5
    for side, noise in zip("ab", noises, strict=True):
        error = (calls[side][-1] - noise).square().mean()
        torch.testing.assert_close(losses[side].double(), error, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(losses["loss"], losses["a"] + losses["b"])
    for side in "ab":
        assert torch.equal(calls[f"v_{side}"][0], calls[side][0])
        assert torch.equal(calls[f"v_{side}"][1], calls[side][1])


def test_a_listens_to_b_and_not_to_itself() -> None:
    """CoDi's released code has it the other way round."""
    batch = batches()
    a, b = sides()
    objective = made(a, b)
    objective(batch, generator())["a"].backward()
    for heard in (b.context, b.adaptive, a.layers):
        assert any(value.grad is not None and value.grad.abs().sum() > 0 for value in heard.parameters())
    for silent in (a.context, a.adaptive, b.layers, a.flow, b.flow):
        assert all(value.grad is None for value in silent.parameters())
    with torch.no_grad():
        before, _ = watch(objective, batch)
        latent, _ = watch(objective, {**batch, "b": {**batch["b"], "mean": batch["b"]["mean"] + 1}})
        embedding, _ = watch(objective, {**batch, "b": {**batch["b"], "embedding": -batch["b"]["embedding"]}})
        own, _ = watch(objective, {**batch, "a": {**batch["a"], "embedding": -batch["a"]["embedding"]}})
        for parameter in a.context.parameters():
            parameter += 0.1
        speech, _ = watch(objective, batch)
    assert latent["a"] != before["a"]
    assert embedding["a"] != before["a"]
    assert embedding["b"] == before["b"]
    assert own["a"] == before["a"] == speech["a"]
    assert own["b"] != before["b"] != speech["b"]


def test_new_layers_hear_nothing_yet() -> None:
    objective = made(*sides(shake=False))
    batch = batches()
    with torch.no_grad():
        before = objective(batch, generator())
        other = objective({**batch, "b": side_batch((N, 2, 4, 4), 9)}, generator())
    assert before["a"] == other["a"]
    assert before["b"] != other["b"]


TRAINED = {
    ("a", "b"): {"layers_a", "context_a", "adaptive_a", "layers_b", "context_b", "adaptive_b"},
    ("a",): {"layers_a", "context_a", "adaptive_a"},
    ("b",): {"layers_b", "context_b", "adaptive_b"},
}


@pytest.mark.parametrize("train", TRAINED, ids="".join)
def test_exactly_the_intended_networks_change(train: tuple[str, ...], tmp_path: Path) -> None:
    """Text and an image; the flows never change, nor does the side that an earlier round trained."""
    a, b = guided(vector_flow(), 1), guided(image_flow(), 2)
    objective = made(a, b, train=train, drop=0.1)
    batch = {"a": side_batch((4, 12), 1), "b": side_batch((4, 2, 4, 4), 2)}
    networks = {f"{name}_{side}": part for side, one in (("a", a), ("b", b)) for name, part in one.parts().items()}
    networks |= {"flow_a": a.flow, "flow_b": b.flow}
    assert changed(objective, batch, networks, tmp_path) == TRAINED[train]
    assert set(objective.trained) == TRAINED[train]
    assert not a.flow.training
    assert not b.flow.training
    assert b.context.training == ("b" in train)


def test_a_side_shown_clean_is_seen_at_time_0() -> None:
    """And is noised for its own flow as ever."""
    batch = batches(40)
    losses, calls = watch(made(*sides(), clean_probability=1.0), batch)
    for side in "ab":
        shown, t = calls[f"v_{side}"][:2]
        assert not t.any()
        torch.testing.assert_close(shown, batch[side]["mean"])
        error = (calls[side][-1] - noise_of(calls[side], batch[side]["mean"])).square().mean()
        torch.testing.assert_close(losses[side].double(), error, rtol=1e-3, atol=1e-4)


def test_a_side_shown_as_it_was_earlier_is_less_noisy_with_noise_of_its_own() -> None:
    batch = batches(400)
    with torch.no_grad():
        _, calls = watch(made(*sides(), earlier_probability=1.0), batch)
    for side in "ab":
        mean, t, s = batch[side]["mean"], calls[side][1], calls[f"v_{side}"][1]
        assert (s <= t).all()
        # A uniform share of the time has mean 1/2 and deviation 1/√12.
        assert float((s / t.clamp_min(1)).mean()) == pytest.approx(0.5, abs=5 / (12 * 400) ** 0.5)
        late = s > 100  # else noise is what is left of rounding
        own, seen = (noise_of(calls[name], mean)[late].flatten() for name in (side, f"v_{side}"))
        assert float(seen.std()) == pytest.approx(1, abs=5 / (2 * len(seen)) ** 0.5)
        assert abs(float(torch.corrcoef(torch.stack([own, seen]))[0, 1])) < 5 / len(seen) ** 0.5


def test_each_kind_is_as_often_as_it_says() -> None:
    n = 2_000
    with torch.no_grad():
        _, calls = watch(made(*sides(), clean_probability=0.25, earlier_probability=0.45), batches(n))
    for side in "ab":
        s, t = calls[f"v_{side}"][1], calls[side][1]
        rates = [float((s == 0).float().mean()), float((s == t).float().mean())]
        # Five standard deviations, and the times that are 0 or the same by chance.
        assert rates == pytest.approx([0.25, 0.3], abs=5 * (0.21 / n) ** 0.5 + 0.005)
    with pytest.raises(ValueError, match="probabilities above 1"):
        made(*sides(), clean_probability=0.6, earlier_probability=0.5)


def test_a_side_shown_clean_is_a_prompt_too() -> None:
    """As in translation, where the given image's C(x) prompts and its V guides."""
    batch = batches(40)
    for side in "ab":
        batch[side]["has"][:] = False
    _, calls = watch(made(*sides(), clean_probability=0.5), batch)
    for side, other in ("ab", "ba"):
        clean = calls[f"v_{other}"][1] == 0
        assert 5 < int(clean.sum()) < 35
        expected = torch.where(clean[:, None, None], batch[other]["embedding"], NULL)
        torch.testing.assert_close(calls[side][2], expected * DIM**0.5)


@pytest.mark.parametrize("free", [True, False])
def test_without_the_embedding_the_free_vectors_are_left(free: bool) -> None:
    a, b = sides(free=free)
    batch = batches()
    batch["b"]["has_embedding"][0] = False
    batch["b"]["embedding"][0] = torch.nan
    _, calls = watch(made(a, b), batch)
    adapted = calls["v_b"][2]
    expected = b.adaptive.context if free else torch.zeros(1, adapted.shape[-1])
    assert torch.equal(adapted[0], expected)
    torch.testing.assert_close(adapted[1:], b.adaptive(batch["b"]["embedding"][1:]))
    _, calls = watch(made(a, b, drop=1.0, unknown=1.0), batch)
    assert torch.equal(calls["v_b"][2], expected.expand(N, -1, -1))
    assert torch.equal(calls["a"][2], NULL.expand(N, -1, -1) * DIM**0.5)


def test_a_noised_side_s_embedding_is_unknown_and_a_clean_one_s_dropped_at_their_rates() -> None:
    n = 1_000
    a, b = sides()
    with torch.no_grad():
        _, calls = watch(made(a, b, drop=0.2, unknown=0.6, clean_probability=0.5), batches(n))
    for name, side in (("a", a), ("b", b)):
        clean = calls[f"v_{name}"][1] == 0
        left = (calls[f"v_{name}"][2] == side.adaptive.context).all(-1).all(-1).float()
        for chosen, rate in ((clean, 0.2), (~clean, 0.6)):
            # Five standard deviations, and the noised items whose time is 0.
            room = 5 * (rate * (1 - rate) / int(chosen.sum())) ** 0.5 + 0.01
            assert float(left[chosen].mean()) == pytest.approx(rate, abs=room)


def test_leaving_f_out_removes_its_parameters_and_its_tokens() -> None:
    """The extension of eq. 6 by f_B can be switched off: V alone."""
    counts, tokens = [], []
    for adaptive in (True, False):
        objective = made(*sides(adaptive=adaptive))
        _, calls = watch(objective, batches())
        counts.append(len(objective.trained))
        tokens.append(calls["v_a"][-1].shape[1])
    assert counts == [6, 4]
    assert tokens == [5, 4]


def test_env_contrastive_is_info_nce_of_the_pooled_environments() -> None:
    objective = made(*sides(), env_contrastive=0.5)
    losses, calls = watch(objective, batches())
    pooled = [calls[f"v_{side}"][-1][:, :4].mean(1) for side in "ab"]
    torch.testing.assert_close(losses["env_contrastive"], info_nce(pooled[0], pooled[1], 0.0))
    torch.testing.assert_close(losses["loss"], losses["a"] + losses["b"] + 0.5 * losses["env_contrastive"])
    plain, _ = watch(made(*sides()), batches())
    assert set(plain) == {"loss", "a", "b"}
    torch.testing.assert_close(plain["a"], losses["a"])


def test_a_generator_says_all() -> None:
    objective = made(*sides(), clean_probability=0.3, drop=0.2)
    first, again, other = (objective(batches(), generator(seed))["loss"] for seed in (4, 4, 5))
    assert first == again != other


@pytest.mark.parametrize("train", [(), ("a", "c")])
def test_unknown_sides_are_refused(train: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="name a, b or both"):
        made(*sides(), train=train)


def test_unequal_widths_cannot_be_compared() -> None:
    a, b = sides()
    wide = Guided(b.flow, type(b.layers)(b.layers.config["widths"], 16, 2), nn.Identity())
    with pytest.raises(ValueError, match="differ in width"):
        RoundObjective(a, wide, Process(), NULL, env_contrastive=0.1)
    with pytest.raises(ValueError, match="predicts eps, the process v"):
        RoundObjective(a, b, Process("v"), NULL)
