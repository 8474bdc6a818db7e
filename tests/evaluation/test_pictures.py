from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from helpers.corpora import MemoryCorpus, textures
from helpers.embedders import Grid
from PIL import Image
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from synthmed.evaluation.metric import Context
from synthmed.evaluation.pictures import Pixels, grids
from synthmed.fields import ImageField

CELL = 128


def cells(png: bytes) -> np.ndarray:
    """(n, rows, columns) grey tiles of a sheet, row by row."""
    sheet = np.asarray(Image.open(io.BytesIO(png)))[:, :, 0].astype(float)
    rows, columns = sheet.shape[0] // CELL, sheet.shape[1] // CELL
    return sheet.reshape(rows, CELL, columns, CELL).swapaxes(1, 2).reshape(-1, CELL, CELL)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def densities(real: np.ndarray, made: np.ndarray, k: int = 5) -> np.ndarray:
    """Naeem et al.'s, by scikit-learn."""
    one, other = (Grid()(torch.from_numpy(rows)).double().numpy() for rows in (real, made))
    # The nearest row of its own set is the row itself.
    reach = NearestNeighbors(n_neighbors=k + 1).fit(one).kneighbors(one)[0][:, -1]
    return (pairwise_distances(other, one) <= reach).sum(1) / k


def test_pixels_cosine_is_pearsons_correlation() -> None:
    images = torch.from_numpy(textures(2, 16)).repeat(1, 3, 1, 1)
    one, other = Pixels()(images).double()
    reference = np.corrcoef(images[0, 0].numpy().ravel(), images[1, 0].numpy().ravel())[0, 1]
    np.testing.assert_allclose(torch.cosine_similarity(one, other, dim=0), reference, atol=1e-5)


def test_a_planted_copy_leads_the_pairs_and_the_densest_come_first(tmp_path: Path) -> None:
    real, train, made = textures(30, 32, 0), textures(30, 32, 1), textures(30, 32, 2)
    made[7], made[11] = train[3], real[5]
    context = Context(
        MemoryCorpus({"xray": made}),
        MemoryCorpus({"xray": real}),
        MemoryCorpus({"xray": train}),
        cache=tmp_path,
        embedder=Grid(),
    )
    found = dict(grids(context, "xray"))
    assert list(found) == [
        "random", "random-real", "random-training", "nearest-real", "best", "worst", "nearest-training"
    ]  # fmt: skip
    for kind, copied in (("training", train[3]), ("real", real[5])):
        tiles = cells(found[f"nearest-{kind}"].png)
        assert len(tiles) == 32
        np.testing.assert_array_equal(tiles[0], tiles[1])
        np.testing.assert_array_equal(tiles[0][::4, ::4].shape, copied[0].shape)
        assert alike(tiles[0], np.kron(copied[0], np.ones((4, 4)))) > 0.95
        assert "from 1.000 down to" in found[f"nearest-{kind}"].caption
    best, worst = cells(found["best"].png), cells(found["worst"].png)
    # All 30 fit: one order is the other's reverse.
    np.testing.assert_array_equal(best[:30], worst[:30][::-1])
    density = densities(real, made)
    shown = [int(np.argmax([alike(tile[::4, ::4], row[0]) for row in made])) for tile in best[:30]]
    assert sorted(shown) == list(range(30))
    assert np.all(np.diff(density[shown]) <= 0)
    assert len(set(density)) > 3
    assert "grid-4" in found["best"].caption
    assert "30 of 30 synthetic xray images" in found["random"].caption


def test_without_network_or_real_rows_or_one_unit_it_shows_what_it_can(tmp_path: Path) -> None:
    made = MemoryCorpus({"ct": textures(4, 16) * 100}, fields={"ct": ImageField.of("ct")})
    context = Context(made, cache=tmp_path)
    assert [name for name, _ in grids(context, "ct")] == ["random"]
    windowed = MemoryCorpus({"ct": textures(4, 16)}, fields={"ct": ImageField.of("ct", window=(-160, 240))})
    assert [name for name, _ in grids(replace(context, real=windowed), "ct")] == ["random", "random-real"]
    found = dict(grids(replace(context, real=made), "ct"))
    assert list(found) == ["random", "random-real", "nearest-real"]  # 4 rows are too few for a density
    assert "pixels of 16 x 16" in found["nearest-real"].caption
