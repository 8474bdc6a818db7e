from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from synthmed.errors import UserError
from synthmed.models.fingerprint import fingerprint
from synthmed.models.flow import LatentFlow
from synthmed.models.networks import NETWORKS, build_network
from synthmed.protocols import Flow

UNET: dict[str, Any] = {
    "class": "UNet2DConditionModel",
    "sample_size": 8,
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
}
TOKEN = torch.nn.functional.normalize(torch.arange(16.0)[None, None] - 7, dim=-1).expand(2, -1, -1)
TIMES = torch.tensor([3, 900])


def flow(groups: list[int]) -> LatentFlow:
    torch.manual_seed(0)
    flags = len(groups) if len(groups) > 1 else 0
    made: LatentFlow = LatentFlow(UNET | {"in_channels": sum(groups) + flags, "out_channels": sum(groups)}, groups)
    return made.eval()


def test_one_group_is_the_plain_network_with_tokens_of_its_scale() -> None:
    one = flow([4])
    assert isinstance(one, Flow)
    z = torch.randn(2, 4, 8, 8)
    expected = one.network(z, TIMES, TOKEN * math.sqrt(16)).sample
    assert torch.equal(one.denoise(z, TIMES, TOKEN), expected)


def test_each_group_has_a_plane_that_says_whether_it_is_given() -> None:
    several = flow([3, 2])
    z = torch.randn(2, 5, 8, 8)
    given = torch.tensor([[False, True], [False, False]])
    planes = torch.zeros(2, 2, 8, 8)
    planes[0, 1] = 1
    expected = several.network(torch.cat([z, planes], dim=1), TIMES, TOKEN * 4).sample
    assert torch.equal(several.denoise(z, TIMES, TOKEN, given), expected)
    none = several.denoise(z, TIMES, TOKEN)
    assert torch.equal(none[1], several.denoise(z, TIMES, TOKEN, given)[1])
    assert not torch.equal(none[0], expected[0])
    spread = several.spread(given)
    assert spread.shape == (2, 5, 1, 1)
    assert spread[0, :, 0, 0].tolist() == [False] * 3 + [True] * 2


def test_a_vector_latent_and_its_folder(tmp_path: Any) -> None:
    network = {"class": "FlatUNet", "latent_dim": 8, "channels": [8, 16], "cross_attention_dim": 16, "heads": 2}
    network |= {"norm_groups": 4, "attention_levels": [0, 1], "layers_per_block": 1}
    text: LatentFlow = LatentFlow(network, [8], parametrisation="v", spatial_dims=0).eval()
    z = torch.randn(2, 8)
    out = text.denoise(z, TIMES, TOKEN)
    assert out.shape == (2, 8)
    text.save_pretrained(tmp_path)
    again = LatentFlow.from_pretrained(tmp_path).eval()
    assert torch.equal(again.denoise(z, TIMES, TOKEN), out)
    assert again.config.parametrisation == "v"
    with pytest.raises(ValueError, match="one group"):
        LatentFlow(network, [4, 4], spatial_dims=0)


def test_networks_are_a_closed_list() -> None:
    assert "UNet2DConditionModel" in NETWORKS
    with pytest.raises(UserError, match=r"AutoencoderK1.*did you mean 'AutoencoderKL'"):
        build_network({"class": "AutoencoderK1"})
    with pytest.raises(UserError, match=r"parts\.flow_ct: UNet2DConditionModel does not take these arguments"):
        build_network({**UNET, "layerz": 1}, where="parts.flow_ct")
    with pytest.raises(UserError, match="a mapping with a class"):
        build_network({"in_channels": 3})


def test_a_fingerprint_sees_every_name_shape_type_and_bit() -> None:
    tensors = {"a": torch.arange(6.0), "b": torch.ones(2)}
    base = fingerprint({"x": 1, "y": (1, 2)}, tensors)
    assert base == fingerprint({"y": (1, 2), "x": 1}, dict(reversed(tensors.items())))
    changed = [
        fingerprint({"x": 2, "y": (1, 2)}, tensors),
        fingerprint({"x": 1, "y": (1, 2)}, {**tensors, "a": torch.arange(6.0).reshape(2, 3)}),
        fingerprint({"x": 1, "y": (1, 2)}, {**tensors, "a": torch.arange(6.0).double()}),
        fingerprint({"x": 1, "y": (1, 2)}, {**tensors, "b": torch.tensor([1, 1 + 1e-6])}),
        fingerprint({"x": 1, "y": (1, 2)}, {"a": tensors["a"], "c": tensors["b"]}),
    ]
    assert len({base, *changed}) == 6
    assert fingerprint({}, {"h": torch.ones(3, dtype=torch.bfloat16)})
