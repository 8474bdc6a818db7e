from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Pad

from synthmed.data.loading import LoadRecord
from synthmed.data.record import Record
from synthmed.data.sources.shared import SharedData
from synthmed.data.transforms.xray import CropBorderd, Polarityd, content_box, looks_negative
from synthmed.errors import UserError

ROOT = Path(os.environ.get("SYNTHMED_SHARED_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data").resolve()
PARTS = ("xray_hannover", "xray_nih256", "xray_nih64", "xray_notes", "xray_pneumonia", "xray_pneumonia_large")
real = pytest.mark.skipif(not ROOT.is_dir(), reason="shared data are not here; set SYNTHMED_SHARED_DATA")


def test_polarity(make, picture) -> None:
    item = {"xray": make(picture)}
    np.testing.assert_array_equal(Polarityd("xray", True)(item)["xray"].numpy(), 1 - picture)
    np.testing.assert_array_equal(Polarityd("xray", False)(item)["xray"].numpy(), picture)
    turned = Polarityd("xray", True)(item)["xray"]
    assert torch.equal(turned.affine, item["xray"].affine)
    assert turned.meta["original_affine"].equal(item["xray"].affine)
    with pytest.raises(UserError, match="invert"):
        Polarityd("xray", "yes")  # type: ignore[arg-type]  # what a recipe may hold


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (40, 31)])
def test_auto_turns_the_negative_of_a_film_back(shape, make) -> None:
    film = np.zeros((1, *shape), np.float32)
    film[:, shape[0] // 2 :, 3 * shape[1] // 8 : max(5 * shape[1] // 8, 1)] = 0.9
    auto = Polarityd("xray", "auto")
    for values in (film, 1 - film):
        if film.min() < film.max():
            np.testing.assert_allclose(auto({"xray": make(values)})["xray"].numpy(), film, atol=1e-6)


def films(part: str, splits: tuple[str, ...], limit: int | None = None) -> Iterator[torch.Tensor]:
    records = (one for one in SharedData(part).records(ROOT) if isinstance(one, Record) and one.split in splits)
    return (LoadRecord()(record)["xray"].as_tensor() for record in islice(records, limit))


@real
def test_real_films_of_each_part_are_told_apart() -> None:
    some = [film for part in PARTS[:-1] for film in films(part, ("test",), 8)]
    assert len(some) == 40
    assert not any(looks_negative(film) for film in some)
    assert all(looks_negative(1 - film) for film in some)


@real
@pytest.mark.slow
@pytest.mark.parametrize(("splits", "expected"), [(("val", "test"), (671, 0, 0)), (("train",), (5654, 1, 1))])
def test_every_film_of_the_shared_data(splits: tuple[str, ...], expected: tuple[int, int, int]) -> None:
    """The figures of `looks_negative`'s docstring: films, positives taken for negatives, negatives for positives."""
    n = positives = negatives = 0
    for part in PARTS:
        for film in films(part, splits):
            n += 1
            positives += looks_negative(film)
            negatives += not looks_negative(1 - film)
    assert (n, positives, negatives) == expected


@pytest.mark.parametrize("level", [0.0, 1.0, 0.02])
def test_borders_are_cut_and_the_mask_and_affine_follow(level: float, make, picture) -> None:
    content = picture * 0.6 + 0.2
    framed = Pad([(0, 0), (3, 5), (0, 11)], value=level)(content)
    mask = Pad([(0, 0), (3, 5), (0, 11)], value=0)((picture > 0.5).astype(np.uint8))
    item = {"xray": make(framed), "xray.mask": make(mask), "other": 1}
    crop = pickle.loads(pickle.dumps(CropBorderd(["xray", "xray.mask"], "xray")))
    cut = crop(item)
    np.testing.assert_array_equal(cut["xray"].numpy(), content)
    np.testing.assert_array_equal(cut["xray.mask"].numpy(), picture > 0.5)
    assert cut["xray.mask"].dtype == torch.uint8
    for key in ("xray", "xray.mask"):
        assert cut[key].affine[:2, 3].tolist() == [3 * 2.0, 0]  # three rows of 2 mm
    assert item["xray"].shape == framed.shape


def test_nested_borders_markers_and_uniform_images(picture) -> None:
    content = torch.as_tensor(picture * 0.6 + 0.2)
    nested = torch.nn.functional.pad(content, (0, 0, 4, 2), value=1.0)
    nested = torch.nn.functional.pad(nested, (6, 7, 0, 0), value=0.0)
    assert content_box(nested, 0.03, 0) == ((4, 6), (44, 62))
    for flat in (0.0, 0.5, 1.0):
        assert content_box(torch.full((1, 6, 9), flat), 0.03, 0) == ((0, 0), (6, 9))
    marked = torch.nn.functional.pad(content, (8, 0, 0, 0), value=0.0)
    marked[:, 4:6, 2:4] = 1.0
    assert content_box(marked, 0.03, 0)[0] == (0, 2)
    assert content_box(marked, 0.03, 0.1)[0] == (0, 8)
    colour = torch.nn.functional.pad(content.repeat(3, 1, 1), (0, 0, 2, 0), value=0.0)
    colour[0, :2] = 1.0  # red is no border
    assert content_box(colour, 0.03, 0) == ((0, 0), (42, 56))


def test_what_a_crop_refuses(make, picture) -> None:
    with pytest.raises(UserError, match="tolerance"):
        CropBorderd("xray", "xray", tolerance=0.5)
    item = {"xray": make(picture), "xray.mask": make(picture[:, 1:])}
    with pytest.raises(UserError, match=r"xray\.mask"):
        CropBorderd(["xray", "xray.mask"], "xray")(item)
    assert CropBorderd("xray", "xray", allow_missing_keys=True)({"mri": 1}) == {"mri": 1}
