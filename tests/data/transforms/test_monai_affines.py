"""What MONAI's spatial transforms do with our 2D images, whose (4, 4) affine has axis 0 = rows, in mm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Flipd, Orientation, Resized, Rotate90d, Spacingd, Transposed


def ramp(make: Any, spacing: tuple[float, float] = (1.0, 2.0)) -> dict[str, Any]:
    """40 x 56 pixels of 1 x 2 mm: what a pixel holds tells where its centre lies, in mm."""
    row, column = np.mgrid[:40, :56].astype(np.float32)
    return {"mri": make(np.stack([row * spacing[0], column * spacing[1]]), spacing)}


def assert_values_are_places(image: Any, inside: slice = slice(None)) -> None:
    row, column = torch.meshgrid(*(torch.arange(length) for length in image.shape[1:]), indexing="ij")
    index = torch.stack([row, column, torch.zeros_like(row), torch.ones_like(row)]).double()
    places = torch.einsum("ij,jrc->irc", torch.as_tensor(image.affine, dtype=torch.float64), index)[:2]
    torch.testing.assert_close(
        image.as_tensor()[:, inside, inside].double(), places[:, inside, inside], rtol=0, atol=2e-3
    )


def test_spacing_takes_rows_first(make: Any) -> None:
    image = Spacingd("mri", pixdim=(2.0, 1.0))(ramp(make))["mri"]
    # The first and last pixels' centres are kept: (40 - 1) * 1 / 2 + 1 rows, rounded, and (56 - 1) * 2 / 1 + 1 columns.
    assert image.shape == (2, 20, 111)
    assert image.pixdim[:2].tolist() == [2, 1]
    assert_values_are_places(image)
    assert image.affine.shape == (4, 4)


@pytest.mark.parametrize("axis", [0, 1])
def test_flips(axis: int, make: Any) -> None:
    image = Flipd("mri", axis)(ramp(make))["mri"]
    assert image.shape == (2, 40, 56)
    assert float(image.affine[axis, axis]) < 0
    assert_values_are_places(image)


def test_turns_and_sizes(make: Any) -> None:
    turned = Rotate90d("mri", k=1)(ramp(make))["mri"]
    assert turned.shape == (2, 56, 40)
    assert turned.pixdim[:2].tolist() == [2, 1]
    assert_values_are_places(turned)
    # A border's pixel cannot lie beyond the first centre, of which it is a copy.
    assert_values_are_places(Resized("mri", (80, 28), mode="bilinear")(ramp(make))["mri"], slice(1, -1))


def test_a_transposition_leaves_the_affine(make: Any) -> None:
    """MONAI's `Transposed` turns pixels alone; where H ≠ W, `Rotate90d` and `Flipd` do both."""
    image = Transposed("mri", [0, 2, 1])(ramp(make))["mri"]
    assert image.shape == (2, 56, 40)
    assert image.pixdim[:2].tolist() == [1, 2]


def test_orientation_takes_two_axes(make: Any) -> None:
    """It reads axis 0 as left to right, as it does a volume's; for rows that is a name alone, and turns are right."""
    axes = (("L", "R"), ("P", "A"))
    image = Orientation("LA", labels=axes)(ramp(make)["mri"])
    assert float(image.affine[0, 0]) == -1
    assert_values_are_places(image)
    swapped = Orientation("AR", labels=axes)(ramp(make)["mri"])
    assert swapped.shape == (2, 56, 40)
    assert_values_are_places(swapped)
