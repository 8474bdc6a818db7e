"""Random colours, against matplotlib's colour maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.colors import LinearSegmentedColormap
from monai.data import MetaTensor

from synthmed.data.transforms.recolour import RandRecolourd
from synthmed.errors import UserError


@pytest.fixture
def grey() -> MetaTensor:
    return MetaTensor(torch.rand(1, 12, 9, generator=torch.Generator().manual_seed(0)), affine=torch.eye(4) * 2)


def test_grey_goes_through_a_colour_map(grey: MetaTensor) -> None:
    recolour = RandRecolourd("xray", prob=1.0, knots=4).set_random_state(3)
    found = recolour({"xray": grey, "key": "a"})
    other = LinearSegmentedColormap.from_list("drawn", recolour._colours.tolist(), N=100_001)
    mapped = np.moveaxis(other(grey[0].numpy())[..., :3], -1, 0)
    expected = (1 - recolour._share) * grey.numpy() + recolour._share * mapped
    np.testing.assert_allclose(found["xray"].numpy(), expected, atol=1e-4)
    assert found["key"] == "a"
    assert isinstance(found["xray"], MetaTensor)
    assert torch.equal(found["xray"].affine, grey.affine)


def test_its_state_decides_and_zero_probability_repeats_grey(grey: MetaTensor) -> None:
    first, second, other = (
        RandRecolourd("xray", prob=1.0).set_random_state(seed)({"xray": grey})["xray"] for seed in (5, 5, 6)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    plain = RandRecolourd("xray", prob=0.0)({"xray": grey})["xray"]
    assert torch.equal(plain, grey.expand(3, -1, -1))


def test_a_photograph_keeps_a_share_of_its_own_colours() -> None:
    photo = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(1))
    recolour = RandRecolourd("photo", prob=1.0).set_random_state(0)
    found = recolour({"photo": photo})["photo"]
    assert 0 < recolour._share < 1
    rest = (found - (1 - recolour._share) * photo) / recolour._share  # a function of the brightness alone
    order = photo.mean(0).flatten().argsort()
    assert rest.flatten(1)[:, order].diff(dim=1).abs().max() < 0.5
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("image", [torch.full((1, 4, 4), 40.0), torch.zeros(2, 4, 4), torch.full((1, 4, 4), torch.nan)])
def test_other_ranges_and_channels_are_refused(image: torch.Tensor) -> None:
    with pytest.raises(UserError, match=r"ct: .* of \[0, 1\]"):
        RandRecolourd("ct")({"ct": image})
    with pytest.raises(UserError, match="knots: 1"):
        RandRecolourd("ct", knots=1)
