from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.corpora import MemoryCorpus
from helpers.embedders import Grid

from synthmed.errors import UserError
from synthmed.evaluation.features import features, take


def corpus(n: int = 70, seed: int = 0, absent: tuple[int, ...] = ()) -> MemoryCorpus:
    rng = np.random.default_rng(seed)
    return MemoryCorpus({"xray": rng.random((n, 1, 8, 8), np.float32)}, absent={"xray": absent})


def direct(rows: MemoryCorpus, embedder: Grid) -> np.ndarray:
    pixels = rows.pixels("xray", rows.having("xray").tolist())
    return embedder(torch.from_numpy(np.repeat(pixels, 3, 1))).numpy()


def test_all_rows_in_order_and_computed_once(tmp_path: Path) -> None:
    rows, embedder = corpus(absent=(0, 3)), Grid()
    found = features(rows, "xray", embedder, tmp_path)
    assert sum(embedder.calls) == 68
    assert max(embedder.calls) <= 32
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    np.testing.assert_allclose(found, direct(rows, Grid()), rtol=1e-6)
    again = Grid()
    np.testing.assert_array_equal(features(rows, "xray", again, tmp_path), found)
    assert again.calls == []


def test_another_corpus_or_other_weights_are_other_features(tmp_path: Path) -> None:
    first, other, weights = Grid(), Grid(), Grid()
    features(corpus(9), "xray", first, tmp_path)
    features(corpus(9, seed=1), "xray", other, tmp_path)
    weights.digest = "after a step of training"
    features(corpus(9), "xray", weights, tmp_path)
    assert first.calls == other.calls == weights.calls == [9]
    about = [json.loads(file.read_text()) for file in tmp_path.glob("features/*/about.json")]
    assert len(about) == 3
    assert {entry["image"] for entry in about} == {"xray"}


def test_some_places_then_the_rest(tmp_path: Path) -> None:
    rows, embedder = corpus(20, absent=(4,)), Grid()
    some = features(rows, "xray", embedder, tmp_path, [7, 2, 7])
    np.testing.assert_allclose(some, direct(rows, Grid())[[6, 2, 6]], rtol=1e-6)
    assert embedder.calls == [2]
    features(rows, "xray", embedder, tmp_path)
    assert embedder.calls == [2, 17]
    for wrong in (4, 20, -1):
        with pytest.raises(UserError, match=f"row {wrong} has no xray"):
            features(rows, "xray", embedder, tmp_path, [2, wrong])


class Stops(Grid):
    """Stands for a process that is killed in the middle."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if len(self.calls) == 17:
            raise KeyboardInterrupt
        return super().__call__(images)


def test_an_interruption_is_taken_up(tmp_path: Path) -> None:
    rows = corpus(700)
    with pytest.raises(KeyboardInterrupt):
        features(rows, "xray", Stops(), tmp_path)
    rest = Grid()
    found = features(rows, "xray", rest, tmp_path)
    assert sum(rest.calls) == 700 - 16 * 32
    np.testing.assert_allclose(found, direct(rows, Grid()), rtol=1e-6)


def test_taken_rows_are_a_copy(tmp_path: Path) -> None:
    found = features(corpus(12), "xray", Grid(), tmp_path)
    rows = take(found, np.array([5, 1]))
    np.testing.assert_array_equal(rows, np.asarray(found)[[5, 1]])
    assert not isinstance(rows, np.memmap)
    assert rows.flags.writeable


class Broken(Grid):
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return super().__call__(images) * float("nan")


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="grid-4: gave"):
        features(corpus(3), "xray", Broken(), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="features' cache"):
        features(corpus(3), "xray", Grid(), tmp_path / "file")
    done = next(tmp_path.glob("features/*/done.npy"))
    done.write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match="remove its folder"):
        features(corpus(3), "xray", Grid(), tmp_path)


def test_no_row_has_no_feature(tmp_path: Path) -> None:
    assert features(corpus(2, absent=(0, 1)), "xray", Grid(), tmp_path).shape == (0, 16)
