from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from helpers.samples import layouts
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout

FIELDS = [
    ImageField.of("xray"),
    ImageField.of("ct"),
    ImageField.of("ct", window=(-160.0, 240.0)),
    ImageField.of("mri.t2"),
    ImageField.of("photo"),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.name} {field.unit}")
def test_every_level_survives(field: ImageField) -> None:
    levels = np.arange(field.levels + 1, dtype=np.uint16 if field.bits == 16 else np.uint8).reshape(1, 1, -1)
    values = field.dequantise(levels)
    assert values.dtype == np.float32
    assert (float(values.min()), float(values.max())) == (field.low, field.high)
    again = field.quantise(values)
    assert again.dtype == levels.dtype
    np.testing.assert_array_equal(again, levels)


def test_ct_is_hounsfield_units_plus_1024() -> None:
    field = ImageField.of("ct")
    levels = field.quantise(np.array([[[-1024.0, 0.0, 3071.0, -2000.0, 9999.0]]], np.float32))
    assert levels.tolist() == [[[0, 1024, 4095, 0, 4095]]]


@settings(deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=9), st.sampled_from(FIELDS))
def test_any_value_goes_to_the_nearest_level_of_the_range(values: list[float], field: ImageField) -> None:
    image = np.array(values, np.float32).reshape(1, 1, -1)
    stored = field.dequantise(field.quantise(image))
    wanted = np.clip(np.where(np.isnan(image), field.low, image), field.low, field.high)
    assert np.abs(stored - wanted).max() <= field.slope / 2 * (1 + 1e-5) + 1e-6


@settings(deadline=None)
@given(layouts())
def test_a_layout_survives_json(layout: Layout) -> None:
    assert Layout.from_json(json.loads(json.dumps(layout.to_json())), "dataset.json") == layout


@settings(deadline=None)
@given(layouts())
def test_members_are_sorted_and_unique(layout: Layout) -> None:
    members = layout.members()
    assert members == sorted(set(members))
    assert "json" in members


GOOD = Layout({"xray": ImageField.of("xray", mask=("background", "heart"))}, attributes={"side": "str"}).to_json()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("images",), []),
        (("images",), {"nonsense": {}}),
        (("images", "xray"), None),
        (("images", "xray", "bits"), 12),
        (("images", "xray", "bits"), "8"),
        (("images", "xray", "bits"), 8.0),
        (("images", "xray", "channels"), 4),
        (("images", "xray", "channels"), True),
        (("images", "xray", "slope"), 0.0),
        (("images", "xray", "slope"), "1"),
        (("images", "xray", "slope"), float("nan")),
        (("images", "xray", "low"), None),
        (("images", "xray", "high"), float("inf")),
        (("images", "xray", "name"), "../../etc/passwd"),
        (("images", "xray", "extra"), 1),
        (("images", "xray", "unit"), 3),
        (("images", "xray", "stored"), "no"),
        (("images", "xray", "window"), "ab"),
        (("images", "xray", "mask"), "abc"),
        (("images", "xray", "mask"), [1, 2]),
        (("images", "xray", "mask"), [str(i) for i in range(257)]),
        (("report",), "no"),
        (("attributes",), {"side": "list"}),
        (("attributes",), {"_side": "str"}),
        (("attributes",), {"model_config": "str"}),
        (("attributes",), {"side": []}),
        (("attributes",), None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_strangers_layout_is_refused(path: tuple[str, ...], value: Any) -> None:
    data = copy.deepcopy(GOOD)
    place: Any = data
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(UserError, match=r"^set/dataset\.json: ") as error:
        Layout.from_json(data, "set/dataset.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [None, [], "x", {}, {"images": {}}])
def test_what_is_not_a_layout_is_refused(data: Any) -> None:
    with pytest.raises(UserError, match=r"^set/dataset\.json: "):
        Layout.from_json(data, "set/dataset.json")
