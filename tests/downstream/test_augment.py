from __future__ import annotations

import numpy as np
import pytest
import torch

from synthmed.downstream.augment import Augmentation, Augmenter
from synthmed.downstream.seeds import seeded
from synthmed.downstream.truth import Batch

SIZE = (24, 32)


def squares(kind: str, n: int = 16) -> Batch:
    """A bright rectangle, and its label map or box."""
    images, masks = torch.full((n, 1, *SIZE), 0.2), torch.zeros(n, *SIZE, dtype=torch.int64)
    images[:, :, 8:16, 12:18], masks[:, 8:16, 12:18] = 0.8, 2
    if kind == "labels":
        return Batch(images, torch.ones(n, 3))
    if kind == "masks":
        return Batch(images, masks)
    box = {"boxes": torch.tensor([[8.0, 12, 16, 18]]), "labels": torch.tensor([1])}
    return Batch(images, [dict(box) for _ in range(n)])


GEOMETRY = Augmentation(probability=1, gamma=1, noise=0, bias=0, flips=(1,))


def altered(batch: Batch, settings: Augmentation, seed: int = 0) -> Batch:
    with seeded(seed):
        return Augmenter(settings, SIZE, seed)(batch)


@pytest.mark.parametrize("kind", ["labels", "masks", "boxes"])
def test_with_probability_zero_nothing_changes(kind: str) -> None:
    batch = squares(kind)
    found = altered(batch, Augmentation(probability=0))
    assert torch.equal(found.images, batch.images)
    if isinstance(batch.truth, torch.Tensor):
        assert isinstance(found.truth, torch.Tensor)
        assert torch.equal(found.truth, batch.truth)
        assert found.truth.dtype == batch.truth.dtype
    else:
        assert isinstance(found.truth, list)
        torch.testing.assert_close(found.truth[0]["boxes"], batch.truth[0]["boxes"])


def test_masks_and_boxes_move_with_the_image() -> None:
    masks, boxes = altered(squares("masks"), GEOMETRY), altered(squares("boxes"), GEOMETRY)
    assert isinstance(masks.truth, torch.Tensor)
    assert isinstance(boxes.truth, list)
    assert not torch.equal(masks.truth[0], masks.truth[1])
    for image, mask in zip(masks.images, masks.truth, strict=True):
        # Half way between the two greys; nearest and linear interpolation agree but on the edge.
        assert ((image[0] > 0.5) != (mask == 2)).float().mean() < 0.03
    for image, row in zip(boxes.images, boxes.truth, strict=True):
        places = torch.nonzero(image[0] > 0.5)
        bounds = torch.cat([places.amin(0), places.amax(0) + 1]).float()
        assert (row["boxes"][0] - bounds).abs().max() < 2
        assert row["labels"].tolist() == [1]


def test_a_flip_mirrors_columns_and_only_where_it_is_allowed() -> None:
    still = Augmentation(probability=0, flips=(1,))
    batch = squares("boxes")
    found = altered(batch, still)
    assert isinstance(found.truth, list)
    mirrored = [bool(torch.equal(one, other.flip(2))) for one, other in zip(found.images, batch.images, strict=True)]
    assert 0 < sum(mirrored) < len(mirrored)
    for flipped, row in zip(mirrored, found.truth, strict=True):
        expected = [8, 32 - 18, 16, 32 - 12] if flipped else [8, 12, 16, 18]
        np.testing.assert_allclose(row["boxes"][0], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["gamma", "noise", "bias"])
def test_greys_change_within_range_and_masks_stay(name: str) -> None:
    off = {"rotate": 0, "shift": 0, "scale": 0, "gamma": 1, "noise": 0, "bias": 0}
    strong = {"gamma": 2.0, "noise": 0.3, "bias": 0.8}[name]
    batch = squares("masks")
    # MONAI's gamma keeps the image's darkest and brightest value: a ramp lies between.
    batch = Batch(batch.images * torch.linspace(0.3, 1, SIZE[1]), batch.truth)
    found = altered(batch, Augmentation(probability=1, **{**off, name: strong}))
    assert isinstance(found.truth, torch.Tensor)
    assert torch.equal(found.truth, batch.truth)  # type: ignore[arg-type]  # masks are a tensor
    assert (found.images - batch.images).abs().amax((1, 2, 3)).min() > 1e-3
    assert found.images.min() >= 0
    assert found.images.max() <= 1


def test_it_is_a_function_of_the_seed() -> None:
    batch = squares("labels")
    first, again, other = (altered(batch, Augmentation(), seed).images for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
