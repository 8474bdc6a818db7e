"""Guidance is what diffusers' pipeline does, at as many calls as it needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import PixArtAlphaPipeline
from medart.hldf import tiny

from synthmed.medart.hldf.guided import Guided
from synthmed.medart.hldf.trajectory import trajectory

GENERATOR = torch.Generator().manual_seed(0)
NOISE = torch.randn(2, 4, 4, 4, generator=GENERATOR)
EMBEDS, NULL = torch.randn(2, 6, 12, generator=GENERATOR), torch.randn(1, 6, 12, generator=GENERATOR)
MASK, NULL_MASK = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]]), torch.tensor([[1, 0, 0, 0, 0, 0]])


@pytest.mark.parametrize("learned_variance", [True, False])
@pytest.mark.parametrize("guidance", [1.0, 4.5])
def test_latents_are_those_of_the_pipeline(guidance: float, learned_variance: bool) -> None:
    transformer = tiny.transformer(out_channels=8 if learned_variance else 4)
    pipeline = PixArtAlphaPipeline(None, None, tiny.vae(), transformer, tiny.scheduler())
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        prompt=None,
        negative_prompt=None,
        prompt_embeds=EMBEDS,
        prompt_attention_mask=MASK,
        negative_prompt_embeds=NULL.repeat(2, 1, 1),
        negative_prompt_attention_mask=NULL_MASK.repeat(2, 1),
        latents=NOISE,
        guidance_scale=guidance,
        num_inference_steps=6,
        height=8,
        width=8,
        use_resolution_binning=False,
        output_type="latent",
    ).images
    for calls in (1, 2):
        predict = Guided(transformer, EMBEDS, MASK, NULL, NULL_MASK, guidance, calls)
        with torch.no_grad():
            latents = trajectory(predict, NOISE, tiny.scheduler(), 6)
        assert float((latents - expected).abs().max() / expected.abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("guidance", "calls", "sizes"), [(4.5, 1, [4]), (4.5, 2, [2, 2]), (1.0, 1, [2]), (1.0, 2, [2])]
)
def test_calls_of_the_network(guidance: float, calls: Any, sizes: list[int]) -> None:
    transformer = tiny.transformer()
    seen: list[int] = []
    transformer.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    null = (None, None) if guidance == 1 else (NULL, NULL_MASK)
    for checkpoint in (False, True):
        out = Guided(transformer, EMBEDS, MASK, *null, guidance, calls, checkpoint)(NOISE, torch.tensor(500))
        assert out.shape == NOISE.shape
    assert seen == 2 * sizes
    out.sum().backward()
    assert sorted(seen) == sorted(3 * sizes), "run again in the backward pass, once"


def test_a_time_for_each_item() -> None:
    transformer = tiny.transformer()
    predict = Guided(transformer, EMBEDS, MASK, NULL, NULL_MASK, 4.5)
    together = predict(NOISE, torch.tensor([3, 700]))
    for item, t in enumerate((3, 700)):
        alone = predict(NOISE, torch.tensor(t))[item]
        torch.testing.assert_close(together[item], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[1], predict(NOISE, torch.tensor(3))[1], rtol=0.01)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="needs the empty prompt"):
        Guided(tiny.transformer(), EMBEDS, MASK, None, None, 4.5)
    wrong: Any = 3
    with pytest.raises(ValueError, match="calls is 3"):
        Guided(tiny.transformer(), EMBEDS, MASK, NULL, NULL_MASK, 4.5, wrong)
