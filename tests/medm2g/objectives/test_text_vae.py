"""The stage of the text autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from medm2g.objectives.tiny import changed, generator

from synthmed.medm2g.losses.beta import CyclicBeta
from synthmed.medm2g.objectives.text_vae import TextVaeObjective
from synthmed.models.text_vae import Optimus
from synthmed.training.loop import train
from synthmed.training.objective import set_training
from synthmed.training.settings import Settings

BOS, EOS, PAD, UNKNOWN = 1, 2, 0, 3
IDS = torch.tensor([[BOS, 5, 6, 7, EOS], [BOS, 8, EOS, PAD, PAD]])
MASK = (IDS != PAD).long()
BATCH = {"encoder_ids": IDS % 20, "encoder_mask": MASK, "decoder_ids": IDS, "decoder_mask": MASK}
TOP = CyclicBeta(1, ratio_zero=0.0, ratio_increase=0.0, top=0.7)


def tiny() -> Optimus:
    torch.manual_seed(0)
    encoder: dict[str, Any] = {
        "vocab_size": 20,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    decoder: dict[str, Any] = {"vocab_size": 12, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 10}
    return Optimus(encoder, decoder, latent_dim=4).eval()


def by_hand(model: Optimus) -> tuple[list[float], torch.Tensor]:
    """Each text's cross-entropy, token by token and alone (no padding), and its KL a dimension."""
    noise = torch.randn(2, 4, generator=generator())
    sums, kl = [], []
    for row, length in enumerate(MASK.sum(1).tolist()):
        ids = IDS[row : row + 1, :length]
        posterior = model.encode(ids % 20)
        odds = model.logits(posterior.sample(noise[row : row + 1]), ids)[0].log_softmax(-1)
        sums.append(-sum(float(odds[place, ids[0, place + 1]].detach()) for place in range(length - 1)))
        kl.append(posterior.kl()[0].detach())
    return sums, torch.stack(kl)


@pytest.mark.parametrize("length_weighted", [True, False])
def test_the_loss_is_optimus(length_weighted: bool) -> None:
    model = tiny()
    sums, kl = by_hand(model)
    target = float(kl.median())
    losses = TextVaeObjective(model, TOP, target, length_weighted).eval()(BATCH, generator())
    expected = (sums[0] / 4 + sums[1] / 2) / 2 if length_weighted else sum(sums) / 2
    assert float(losses["reconstruction"].detach()) == pytest.approx(expected, rel=1e-4)
    free = float(torch.where(kl > target, kl, 0.0).sum()) / 2
    assert 0 < free < float(kl.sum()) / 2
    assert float(losses["kl"].detach()) == pytest.approx(free, rel=1e-4)
    assert float(losses["loss"].detach()) == pytest.approx(expected + 0.7 * free, rel=1e-4)


def test_padding_has_no_say() -> None:
    objective = TextVaeObjective(tiny(), TOP).eval()
    changed_padding = {**BATCH, "decoder_ids": torch.where(MASK.bool(), IDS, 9)}
    torch.testing.assert_close(objective(BATCH, generator())["loss"], objective(changed_padding, generator())["loss"])


def test_beta_follows_the_calls_in_training_alone() -> None:
    objective = TextVaeObjective(tiny(), CyclicBeta(8))
    set_training(objective)
    betas = [float(objective(BATCH, generator())["beta"]) for _ in range(8)]
    assert betas == [CyclicBeta(8).at(step) for step in range(8)]
    objective.eval()
    assert objective(BATCH, generator())["beta"] == objective(BATCH, generator())["beta"] == 1.0
    assert int(objective.trained["calls"].count) == 8


def test_beta_goes_on_after_a_resume(tmp_path: Path) -> None:
    seen: list[float] = []
    settings = Settings(steps=6, batch_size=2, ema_decay=0, checkpoint_every=1)

    def run(stop_at: int) -> None:
        train(
            TextVaeObjective(tiny(), CyclicBeta(6)),
            [0, 0],
            settings,
            tmp_path,
            collate=lambda _: BATCH,
            on_step=lambda step, losses: seen.append(losses["beta"]),
            stop=lambda: len(seen) == stop_at,
        )

    run(4)
    assert len(seen) == 4
    run(-1)
    assert seen == pytest.approx([CyclicBeta(6).at(step) for step in range(6)])


def test_two_steps_change_the_autoencoder_and_the_count(tmp_path: Path) -> None:
    model = tiny()
    objective = TextVaeObjective(model, TOP, free_bits_target=0.0)
    parts = {name: getattr(model, name) for name in ("bert", "gpt2", "to_moments", "to_memory", "to_embedding")}
    networks = {**parts, "calls": objective.trained["calls"]}
    assert changed(objective, BATCH, networks, tmp_path) == set(networks)
    assert int(objective.trained["calls"].count) == 2


def test_dropped_words_are_unknown_but_the_first() -> None:
    model = tiny()
    ids: list[torch.Tensor] = []
    model.gpt2.wte.register_forward_hook(lambda *call: ids.append(call[1][0]))
    batch = {name: value.repeat(500, 1) for name, value in BATCH.items()}
    objective = TextVaeObjective(model, TOP, word_dropout=0.3, unknown=UNKNOWN)
    objective(batch, generator())
    assert ids[0][:, 0].eq(BOS).all()
    dropped = ids[0][:, 1:] == UNKNOWN
    # Five standard deviations of 3,000 draws.
    assert float(dropped.float().mean()) == pytest.approx(0.3, abs=0.042)
    assert torch.equal(ids[0][:, 1:][~dropped], batch["decoder_ids"][:, 1:-1][~dropped])
    with pytest.raises(ValueError, match="needs the token"):
        TextVaeObjective(model, TOP, word_dropout=0.3)
