from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from synthmed.data import features
from synthmed.data.features import FeatureCache, content_key
from synthmed.errors import UserError


class Encoder:
    """Counts what it is asked for."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images
        self.asked: list[int] = []

    def __call__(self, places: Sequence[int]) -> dict[str, torch.Tensor]:
        self.asked += places
        batch = self.images[list(places)]
        return {"mean": batch.mean(dim=-1), "log_variance": batch.var(dim=-1).log()}


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(7, 1, 4, 5, generator=torch.Generator().manual_seed(0))


def keys_of(images: torch.Tensor) -> list[str]:
    return [content_key(image) for image in images]


def test_features_are_computed_once_and_come_in_the_keys_order(images: torch.Tensor, tmp_path: Path) -> None:
    encoder = Encoder(images)
    found = FeatureCache(tmp_path, "f" * 64).get(keys_of(images), encoder, batch_size=3)
    expected = Encoder(images)(range(7))
    assert found.keys() == {"mean", "log_variance"}
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor)
    turned = images.flip(0)
    again = Encoder(turned)
    reversed_found = FeatureCache(tmp_path, "f" * 64).get(keys_of(turned), again)
    assert again.asked == []
    assert torch.equal(reversed_found["mean"], expected["mean"].flip(0))


def test_only_new_rows_and_other_networks_are_computed(images: torch.Tensor, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "a" * 64)
    cache.get(keys_of(images[:4]), Encoder(images))
    more = Encoder(images)
    found = cache.get(keys_of(images), more)
    assert more.asked == [4, 5, 6]
    assert torch.equal(found["mean"], images.mean(dim=-1))
    other = Encoder(images)
    FeatureCache(tmp_path, "b" * 64).get(keys_of(images), other)
    assert other.asked == list(range(7))


def test_equal_rows_are_computed_once(images: torch.Tensor, tmp_path: Path) -> None:
    twice = torch.cat([images, images])
    encoder = Encoder(twice)
    found = FeatureCache(tmp_path, "a" * 64).get(keys_of(twice), encoder)
    assert encoder.asked == list(range(7))
    assert torch.equal(found["mean"], twice.mean(dim=-1))


def test_an_interruption_keeps_the_files_that_are_whole(
    images: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_ROWS", 2)

    class Stops(Encoder):
        def __call__(self, places: Sequence[int]) -> dict[str, torch.Tensor]:
            if 5 in places:
                raise KeyboardInterrupt
            return super().__call__(places)

    cache = FeatureCache(tmp_path, "a" * 64)
    with pytest.raises(KeyboardInterrupt):
        cache.get(keys_of(images), Stops(images))
    rest = Encoder(images)
    assert torch.equal(cache.get(keys_of(images), rest)["mean"], images.mean(dim=-1))
    assert rest.asked == [4, 5, 6]


@pytest.mark.parametrize("damage", [b"", b"not safetensors", None])
def test_a_damaged_file_is_made_again(damage: bytes | None, images: torch.Tensor, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, "a" * 64)
    cache.get(keys_of(images), Encoder(images))
    (file,) = cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-9] if damage is None else damage)
    encoder = Encoder(images)
    assert torch.equal(cache.get(keys_of(images), encoder)["mean"], images.mean(dim=-1))
    assert encoder.asked == list(range(7))


def test_keys_tell_content_apart() -> None:
    image = torch.arange(6.0)
    keys = [
        content_key(image),
        content_key(image.reshape(2, 3)),
        content_key(image.double()),
        content_key(image, image),
        content_key("a"),
        content_key("a", "b"),
        content_key("ab"),
        content_key("b", "a"),
        content_key("a", image),
    ]
    assert len(set(keys)) == len(keys)
    assert content_key(image) == content_key(image.clone())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        FeatureCache(tmp_path / "file", "a" * 64)
