from __future__ import annotations

import numpy as np

from synthmed.evaluation.scale import HU_SHOWN, unit
from synthmed.fields import ImageField


def test_each_unit_by_hand() -> None:
    xray, ct = ImageField.of("xray"), ImageField.of("ct")
    windowed = ImageField.of("ct", window=(-160.0, 240.0))
    np.testing.assert_array_equal(unit(xray, np.float32([-1, 0, 0.25, 1, 2])), np.float32([0, 0, 0.25, 1, 1]))
    np.testing.assert_array_equal(unit(ct, np.float32([-3000, -1024, 0, 1024, 3071])), np.float32([0, 0, 0.5, 1, 1]))
    np.testing.assert_array_equal(unit(windowed, np.float32([0, 0.5, 1])), np.float32([0, 0.5, 1]))
    assert unit(ct, np.zeros((2, 1, 3, 4), np.float32)).dtype == np.float32
    assert HU_SHOWN[0] == ct.low
