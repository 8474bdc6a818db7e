"""The fully connected UNet, against diffusers' (deprecated) one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.deprecated.versatile_diffusion.modeling_text_unet import UNetFlatConditionModel

from synthmed.models.flat_unet import FlatUNet, versatile_config, versatile_weights

VERSATILE: dict[str, Any] = {"in_channels": [768, 1, 1], "out_channels": [768, 1, 1], "cross_attention_dim": 768}
"""What distinguishes Versatile Diffusion's ``text_unet`` from `UNetFlatConditionModel`'s defaults."""

TINY: dict[str, Any] = {
    "in_channels": [24, 1, 1],
    "out_channels": [24, 1, 1],
    "block_out_channels": [8, 16, 24],
    "down_block_types": ["CrossAttnDownBlockFlat", "DownBlockFlat", "CrossAttnDownBlockFlat"],
    "up_block_types": ["CrossAttnUpBlockFlat", "UpBlockFlat", "CrossAttnUpBlockFlat"],
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}


@pytest.mark.parametrize("changes", [{}, {"layers_per_block": 1, "block_out_channels": [16, 16, 16]}])
def test_diffusers_weights_give_diffusers_output(changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    reference = UNetFlatConditionModel(**TINY | changes).eval()
    ours = FlatUNet(**versatile_config(TINY | changes)).eval()
    ours.load_state_dict(versatile_weights(reference.state_dict()))
    z, t, context = torch.randn(3, 24), torch.tensor([0, 500, 999]), torch.randn(3, 5, 12)
    with torch.no_grad():
        # Theirs keeps C × 1 × 1 from input to output.
        expected = reference(z[:, :, None, None], t, context).sample.flatten(1)
        found = ours(z, t, context).sample
        one = ours(z, 500, context, return_dict=False)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(one[1], found[1])
    assert (one[0] - found[0]).abs().max() > 1e-4


def test_the_size_is_versatile_diffusions() -> None:
    with torch.device("meta"):
        ours, reference = FlatUNet(), UNetFlatConditionModel(**VERSATILE)
    names = {name: weight.shape for name, weight in ours.state_dict().items()}
    assert names == {name: weight.shape for name, weight in versatile_weights(reference.state_dict()).items()}
    assert sum(parameter.numel() for parameter in ours.parameters()) == 1_708_848_448
    asked = versatile_config(VERSATILE)
    assert {key: ours.config[key] for key in asked} == asked


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"act_fn": "gelu"}, "act_fn"),
        ({"use_linear_projection": True}, "use_linear_projection"),
        ({"up_block_types": ["UpBlockFlat"] * 3}, "up_block_types"),
        ({"out_channels": [8, 1, 1]}, "out_channels"),
    ],
)
def test_other_folders_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        versatile_config(TINY | changes)


def test_integer_channels_have_four_rows() -> None:
    assert versatile_config({**TINY, "in_channels": 5, "out_channels": [5, 4, 1]})["latent_dim"] == 20


def test_a_new_one_predicts_zero_and_then_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = FlatUNet(16, second_dim=3, channels=(8, 16), cross_attention_dim=12, heads=2, norm_groups=4)
    z, t, context = torch.randn(4, 16), torch.tensor([1.0, 20.5, 300.0, 999.0]), torch.randn(4, 2, 12)
    assert not model(z, t, context).sample.any()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(15):
        loss = (model(z, t, context).sample - z.flip(0)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.7
    # Cross-attention to one token has no use for its query; with two tokens all parameters have a gradient.
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    with torch.no_grad():
        other = torch.randn(4, 2, 12)
        assert (model(z, t, context).sample - model(z, t, other).sample).abs().max() > 1e-3
    model.save_pretrained(tmp_path)
    loaded = FlatUNet.from_pretrained(tmp_path)
    assert torch.equal(loaded(z, t, context).sample, model.eval()(z, t, context).sample)
