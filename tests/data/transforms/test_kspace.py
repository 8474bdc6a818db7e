from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from monai.transforms import Compose

from synthmed.data.transforms.kspace import UndersampleKspaced
from synthmed.errors import UserError


@pytest.mark.parametrize("shape", [(40, 56), (33, 47)])
@pytest.mark.parametrize("kind", ["random", "equispaced"])
def test_against_numpy_with_the_same_mask(kind, shape, make, picture) -> None:
    values = picture[:, : shape[0], : shape[1]].copy()
    transform = UndersampleKspaced("mri", kind=kind).set_random_state(3)
    item = {"mri": make(values)}
    image = transform(item)["mri"]
    columns = transform.masker.mask.numpy().ravel() > 0
    spectrum = np.fft.fftshift(np.fft.fft2(values[0].astype(np.float64)))
    expected = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum * columns)))
    np.testing.assert_allclose(image[0].numpy(), np.clip(expected, 0, 1), atol=1e-5)
    assert columns[(shape[1] - round(0.08 * shape[1]) + 1) // 2 :][: round(0.08 * shape[1])].all()
    assert (image.shape, image.dtype) == (item["mri"].shape, torch.float32)
    assert torch.equal(image.affine, item["mri"].affine)
    np.testing.assert_array_equal(item["mri"].numpy(), values)
    assert np.abs(image.numpy() - values).max() > 0.05


@pytest.mark.parametrize(("kind", "acceleration"), [("random", 4), ("random", 8), ("equispaced", 4), ("equispaced", 8)])
def test_the_share_of_lines_that_are_kept(kind, acceleration, make) -> None:
    transform = UndersampleKspaced("mri", acceleration, 0.04, kind).set_random_state(0)
    item = {"mri": make(np.random.default_rng(0).random((1, 4, 400), np.float32))}
    shares = []
    for _ in range(40):
        transform(item)
        shares.append(float(transform.masker.mask.mean()))
    # Of 400 columns and 40 draws, four standard errors of the drawn ones.
    assert np.mean(shares) == pytest.approx(1 / acceleration, abs=0.015)


@pytest.mark.parametrize("kind", ["random", "equispaced"])
def test_acceleration_1_is_the_identity(kind, make, picture) -> None:
    image = UndersampleKspaced("mri", 1, 0.08, kind)({"mri": make(picture)})["mri"]
    np.testing.assert_array_equal(image.numpy(), picture)


@pytest.mark.parametrize("kind", ["random", "equispaced"])
def test_a_seed_fixes_the_masks(kind, make, picture) -> None:
    item = {"mri": make(picture), "mri.t2": make(picture)}

    def draw(seed: int) -> dict:
        compose = Compose([UndersampleKspaced(["mri", "mri.t2"], 4, 0.08, kind, suffix=".under")])
        compose.set_random_state(seed)
        return pickle.loads(pickle.dumps(compose))(item)

    one, again = draw(1), draw(1)
    assert {"mri", "mri.t2", "mri.under", "mri.t2.under"} == set(one)
    assert torch.equal(one["mri.under"], again["mri.under"])
    assert torch.equal(one["mri.t2.under"], again["mri.t2.under"])
    assert any(not torch.equal(one["mri.under"], draw(seed)["mri.under"]) for seed in range(2, 6))
    np.testing.assert_array_equal(one["mri"].numpy(), picture)


def test_what_is_refused(make) -> None:
    for arguments in ({"acceleration": 0.5}, {"center_fraction": 0.25}, {"center_fraction": -1.0}, {"kind": "radial"}):
        with pytest.raises(UserError):
            UndersampleKspaced("mri", **arguments)
    with pytest.raises(UserError, match="3 channels"):
        UndersampleKspaced("mri")({"mri": make(np.zeros((3, 8, 8), np.float32))})
