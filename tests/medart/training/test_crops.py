from __future__ import annotations

import torch

from synthmed.medart.training.crops import RandSquareCropd


def test_squares_of_the_shorter_side_lie_anywhere_and_alike_for_all_keys() -> None:
    image = torch.arange(7.0).expand(3, 4, 7)
    crop = RandSquareCropd(["photo", "photo.mask"], allow_missing_keys=True)
    crop.set_random_state(seed=0)
    seen = set()
    for _ in range(60):
        item = crop({"photo": image, "photo.mask": image[:1]})
        assert item["photo"].shape == (3, 4, 4)
        first = int(item["photo"][0, 0, 0])
        assert torch.equal(item["photo"][0], torch.arange(first, first + 4.0).expand(4, 4))
        assert torch.equal(item["photo"][:1], item["photo.mask"])
        seen.add(first)
    assert seen == {0, 1, 2, 3}
    assert crop({"photo": image.mT})["photo"].shape == (3, 4, 4)


def test_the_same_seed_gives_the_same_squares() -> None:
    image = torch.arange(50.0).expand(1, 5, 50)

    def draws() -> list[float]:
        crop = RandSquareCropd("photo")
        crop.set_random_state(seed=3)
        return [float(crop({"photo": image})["photo"][0, 0, 0]) for _ in range(5)]

    assert draws() == draws()
