from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from synthmed.data.transforms.windows import HU_WINDOWS, HounsfieldUnitsd, HUWindowd
from synthmed.errors import UserError

HU = np.linspace(-1024, 3071, 5 * 7, dtype=np.float32).reshape(1, 5, 7)


@pytest.mark.parametrize(
    ("name", "width", "level"),
    [("lung", 1500, -600), ("mediastinum", 350, 50), ("bone", 1800, 400), ("brain", 80, 40), ("liver", 150, 30)],
)
def test_named_windows_are_level_and_width(name, width, level, make) -> None:
    """As a viewer shows it: PS3.3 C.11.2.1.2, of a linear window, apart from its half levels."""
    image = HUWindowd("ct", name)({"ct": make(HU)})["ct"]
    np.testing.assert_allclose(image.numpy(), np.clip((HU - level) / width + 0.5, 0, 1), atol=1e-6)
    assert image.meta["window"] == HU_WINDOWS[name] == (level - width / 2, level + width / 2)


def test_back_to_hounsfield_units_and_the_item_is_left_alone(make) -> None:
    item = {"ct": make(HU), "report": "x"}
    windowed = HUWindowd("ct", [-1024, 3071])(item)
    back = HounsfieldUnitsd("ct")(windowed)
    np.testing.assert_allclose(back["ct"].numpy(), HU, atol=1e-3)
    assert "window" not in back["ct"].meta
    assert "window" in windowed["ct"].meta
    assert "window" not in item["ct"].meta
    np.testing.assert_array_equal(item["ct"].numpy(), HU)
    assert HounsfieldUnitsd("ct")(item)["ct"] is item["ct"]
    assert torch.equal(windowed["ct"].affine, item["ct"].affine)


def test_a_windowed_image_is_expressed_anew(make) -> None:
    stored = np.clip((HU + 1000) / 1400, 0, 1)
    item = {"ct": make(stored, window=(-1000, 400))}
    image = HUWindowd("ct", "mediastinum")(item)["ct"]
    np.testing.assert_allclose(image.numpy(), HUWindowd("ct", "mediastinum")({"ct": make(HU)})["ct"].numpy(), atol=1e-5)
    assert image.meta["window"] == (-125, 225)
    assert HUWindowd("ct", (-1000.0, 400.0))(item)["ct"] is item["ct"]


def test_a_window_that_is_not_contained_is_refused_or_lossy(make) -> None:
    item = {"ct": make(np.linspace(0, 1, 35, dtype=np.float32).reshape(1, 5, 7), window=(-1000, 400))}
    for window in ("lung", "bone", "none"):
        with pytest.raises(UserError, match=r"ct: .*\(-1000, 400\)"):
            HUWindowd("ct", window)(item)
    lossy = HUWindowd("ct", "lung", lossy=True)(item)["ct"]
    assert float(lossy.min()) == pytest.approx(350 / 1500, abs=1e-5)  # -1000 HU, the least that is left
    assert float(lossy.max()) == 1
    hounsfield = HUWindowd("ct", "none", lossy=True)(item)["ct"]
    assert (float(hounsfield.min()), float(hounsfield.max())) == (-1000, 400)


def test_none_leaves_hounsfield_units_alone(make) -> None:
    item = {"ct": make(HU)}
    assert HUWindowd("ct", "none")(item)["ct"] is item["ct"]


@pytest.mark.parametrize("window", ["lungs", [1, 2, 3], [5, 5], [9, 1], [0, float("inf")]])
def test_windows_that_are_none(window) -> None:
    with pytest.raises(UserError, match="CT window"):
        HUWindowd("ct", window)


def test_keys_and_pickle(make) -> None:
    transform = pickle.loads(pickle.dumps(HUWindowd(["ct", "ct.late"], "lung", allow_missing_keys=True)))
    assert transform({"ct": make(HU)})["ct"].meta["window"] == (-1350, 150)
    with pytest.raises(KeyError):
        HUWindowd("ct")({})
