"""The ribs' length along a ray against marching through their implicit function."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.phantom.frame import Frame
from synthmed.phantom.ribs import COUNT, Ribs


@pytest.fixture(params=range(3))
def ribs(request: pytest.FixtureRequest) -> Ribs:
    rng = np.random.default_rng(request.param)
    return Ribs.draw(rng, Frame.draw(rng))


def test_length_equals_ray_marching(ribs: Ribs) -> None:
    rng = np.random.default_rng(7)
    x, z = rng.uniform(-150, 150, (1, 400)).astype(np.float32), rng.uniform(-140, 125, (1, 400)).astype(np.float32)
    step = 0.05
    y = np.arange(-160, 160, step, dtype=np.float32)[:, None]
    shell = ribs.cage.contains(x, y, z) & ~ribs.cavity.contains(x, y, z)
    marched = (shell & ribs.inside(x, y, z)).sum(axis=0) * step
    assert (marched > 1).sum() > 100
    np.testing.assert_allclose(ribs.length(x, z)[0], marched, atol=0.35)


def test_there_are_twelve_and_height_finds_each(ribs: Ribs) -> None:
    for number in range(1, COUNT + 1):
        z = ribs.height(number, 60.0, 40.0)
        phase = ribs.phase(np.array([60.0], np.float32), np.array([40.0], np.float32), np.array([z], np.float32))
        assert int(np.floor(phase[0])) == COUNT - number
        assert phase[0] % 1 == pytest.approx(ribs.thick / 2, abs=1e-3)


def test_they_fall_to_the_front_and_end_in_cartilage(ribs: Ribs) -> None:
    assert ribs.height(6, 50.0, -40.0) < ribs.height(6, 50.0, 40.0) - 30
    x, z = np.zeros(200, np.float32), np.linspace(-100, 100, 200, dtype=np.float32)
    assert not ribs.inside(x, np.full(200, ribs.front - 1, np.float32), z).any()
