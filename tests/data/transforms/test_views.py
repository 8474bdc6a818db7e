from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torchio
from monai.data import DataLoader, Dataset, MetaTensor
from monai.transforms import Affine, Compose, RandGaussianNoise

from synthmed.data.transforms.artefacts import RandTorchIO
from synthmed.data.transforms.views import RandSmallAffine, TwoViewsd, default_views
from synthmed.errors import UserError

MODALITIES = ["xray", "ct", "mri", "photo"]


def item(make: Any, picture: np.ndarray, modality: str) -> dict[str, Any]:
    values = np.concatenate([picture, picture**2, 1 - picture]) if modality == "photo" else picture
    return {modality: make(values)}


def draw(source: dict[str, Any], seed: int, key: str) -> dict[str, Any]:
    compose = Compose([TwoViewsd(key)])
    compose.set_random_state(seed)
    made: dict[str, Any] = pickle.loads(pickle.dumps(compose))(source)
    return made


@pytest.mark.parametrize("modality", MODALITIES)
def test_two_views_of_the_image_s_shape_type_and_range(modality: str, make: Any, picture: np.ndarray) -> None:
    source = item(make, picture, modality)
    transform = TwoViewsd(modality).set_random_state(0)
    moved = 0
    for _ in range(8):
        made = transform(source)
        views = [made[f"{modality}.view{n}"] for n in (1, 2)]
        for view in views:
            assert isinstance(view, MetaTensor)
            assert (view.shape, view.dtype) == (source[modality].shape, torch.float32)
            assert view.affine.shape == (4, 4)
            assert float(view.min()) >= 0
            assert float(view.max()) <= 1
            assert float(view.std()) > 0.02
        assert not torch.equal(*views)
        moved += not torch.equal(views[0].affine, views[1].affine)
    assert moved >= 6, "they move by 0.9 each"
    np.testing.assert_array_equal(made[modality][0].numpy(), picture[0])


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_seed_fixes_the_views(modality: str, make: Any, picture: np.ndarray) -> None:
    source = item(make, picture, modality)
    torch.manual_seed(0)
    one = draw(source, 5, modality)
    torch.manual_seed(1)
    again, other = draw(source, 5, modality), draw(source, 6, modality)
    for view in (f"{modality}.view1", f"{modality}.view2"):
        assert torch.equal(one[view], again[view])
        assert not torch.equal(one[view], other[view])


def test_a_data_loader_s_workers(make: Any, picture: np.ndarray) -> None:
    source = item(make, picture, "mri")

    def batch() -> torch.Tensor:
        compose = Compose([TwoViewsd("mri")])
        compose.set_random_state(3)
        torch.manual_seed(0)
        loader = DataLoader(Dataset([source] * 4, compose), batch_size=2, num_workers=2)
        views: torch.Tensor = torch.cat([made["mri.view1"].as_tensor() for made in loader])
        return views

    views = batch()
    assert len(views.flatten(1).unique(dim=0)) == 4, "workers draw apart"
    assert torch.equal(views, batch())


def flipped(view: torch.Tensor, image: torch.Tensor, axis: int) -> bool:
    """Whether the view is more like the flipped image."""
    flat, plain, other = (x.flatten() - x.mean() for x in (view, image, image.flip(axis)))
    return bool(flat @ other > flat @ plain)


def test_photographs_alone_are_flipped(make: Any, picture: np.ndarray) -> None:
    for modality in MODALITIES:
        source = item(make, picture, modality)
        transform = TwoViewsd(modality).set_random_state(0)
        flips = np.zeros(2)
        for _ in range(8):
            made = transform(source)
            for n in (1, 2):
                # Affines tell: a turn of 10° and a zoom leave the diagonal's signs.
                flips += np.sign(np.diag(made[f"{modality}.view{n}"].affine)[:2]) < 0
        assert (flips > 1).all() if modality == "photo" else not flips.any()


def test_colours_are_not_mixed(make: Any, picture: np.ndarray) -> None:
    """No hue and no greyscale: a red photograph stays red in every view."""
    red = np.concatenate([0.2 + 0.6 * picture, 0 * picture, 0 * picture])
    transform = TwoViewsd("photo").set_random_state(0)
    for _ in range(10):
        view = transform({"photo": make(red)})["photo.view1"]
        assert view[0].mean() > view[1:].mean() + 0.1


def test_views_that_a_recipe_names_and_several_keys(make: Any, picture: np.ndarray) -> None:
    transform = TwoViewsd(["mri.t2", "xray"], Compose([RandGaussianNoise(prob=1.0)]), allow_missing_keys=True)
    made = transform.set_random_state(0)({"mri.t2": make(picture)})
    assert set(made) == {"mri.t2", "mri.t2.view1", "mri.t2.view2"}
    assert torch.equal(made["mri.t2.view1"].affine, made["mri.t2"].affine)
    assert not torch.equal(made["mri.t2.view1"], made["mri.t2.view2"])


def test_what_is_refused(make: Any, picture: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"ct: values from -1000 .* HUWindowd"):
        TwoViewsd("ct")({"ct": make(picture * 1400 - 1000)})
    with pytest.raises(UserError, match="values from nan"):
        TwoViewsd("xray")({"xray": make(picture * np.nan)})
    with pytest.raises(UserError, match="mask"):
        TwoViewsd("ct.mask")
    for modality in ("text", "xrey"):
        with pytest.raises(UserError):
            default_views(modality)


def test_a_small_affine_keeps_its_bounds_and_is_monai_s(make: Any, picture: np.ndarray) -> None:
    transform = RandSmallAffine().set_random_state(0)
    drawn = []
    image = make(picture, (1.0, 1.0))
    for _ in range(120):
        moved = transform(image)
        linear = moved.affine[:2, :2].numpy()
        centre = moved.affine.numpy() @ [19.5, 27.5, 0, 1] - [19.5, 27.5, 0, 1]
        angle = np.rad2deg(np.arctan2(linear[1, 0], linear[0, 0]))
        drawn.append([abs(angle), abs(np.sqrt(np.linalg.det(linear)) - 1), *np.abs(centre[:2] / [40, 56])])
    largest = np.max(drawn, axis=0)
    # The shifts are turned with the image, so that rows have some of the columns'.
    assert (largest <= np.array([10, 0.1, 0.071, 0.071]) + 1e-4).all()
    assert (largest > np.array([9, 0.09, 0.045, 0.045])).all()
    angle, scale, *shift = transform._drawn.tolist()
    params = {"rotate_params": angle, "scale_params": (1 + scale,) * 2}
    expected = Affine(**params, translate_params=(shift[0] * 40, shift[1] * 56), padding_mode="zeros", image_only=True)
    torch.testing.assert_close(transform(image, randomize=False), expected(image))


TORCHIO = {
    "bias": torchio.RandomBiasField(),
    "ghosting": torchio.RandomGhosting(),
    "motion": torchio.RandomMotion(),
    "spike": torchio.RandomSpike(),
}


@pytest.mark.parametrize("name", TORCHIO)
def test_torchio_draws_from_monai_s_state(name: str, make: Any, picture: np.ndarray) -> None:
    image = make(picture)
    transform = RandTorchIO(TORCHIO[name])
    before = torch.random.get_rng_state()
    one = transform.set_random_state(1)(image)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(7)
    assert torch.equal(one, transform.set_random_state(1)(image))
    assert not torch.equal(one, transform.set_random_state(2)(image))
    assert not torch.equal(one, image)
    assert (one.shape, one.dtype) == (image.shape, torch.float32)
    assert torch.equal(one.affine, image.affine)
    np.testing.assert_array_equal(image.numpy(), picture)
    # As torchio does it to the volume, one voxel deep.
    with torch.random.fork_rng():
        torch.manual_seed(transform._seed)
        torch.testing.assert_close(
            transform(image, randomize=False).as_tensor(), TORCHIO[name](torch.from_numpy(picture)[..., None])[..., 0]
        )


def test_one_of_several_and_none(make: Any, picture: np.ndarray) -> None:
    image = make(picture)
    several = RandTorchIO([torchio.RandomSpike(), torchio.RandomBiasField()], prob=0.5).set_random_state(0)
    changed = [not torch.equal(several(image), image) for _ in range(60)]
    assert 15 < sum(changed) < 45
    with pytest.raises(UserError):
        RandTorchIO([])
