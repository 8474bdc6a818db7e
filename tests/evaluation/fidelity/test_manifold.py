from __future__ import annotations

import numpy as np
import pytest

from synthmed.evaluation.fidelity.manifold import manifold


def loop(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """Straight from the papers' definitions, one distance at a time."""

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sqrt(((a - b) ** 2).sum()))

    def reach(rows: np.ndarray) -> list[float]:
        return [sorted(distance(a, b) for j, b in enumerate(rows) if j != i)[k - 1] for i, a in enumerate(rows)]

    real_reach, made_reach = reach(real), reach(made)
    inside = [[distance(a, b) <= real_reach[j] for j, b in enumerate(real)] for a in made]
    back = [[distance(b, a) <= made_reach[i] for i, a in enumerate(made)] for b in real]
    return (
        float(np.mean([any(row) for row in inside])),
        float(np.mean([any(row) for row in back])),
        float(np.sum(inside) / (k * len(made))),
        float(np.mean(np.any(inside, axis=0))),
    )


@pytest.mark.parametrize(("n", "m", "shift", "k"), [(40, 30, 0.0, 5), (25, 60, 1.0, 3), (20, 20, 9.0, 5)])
def test_against_the_loop(n: int, m: int, shift: float, k: int) -> None:
    rng = np.random.default_rng(n)
    real, made = rng.normal(size=(m, 3)), rng.normal(size=(n, 3)) * 1.2 + shift
    found = manifold(real.astype(np.float32), made.astype(np.float32), k)
    means = [each.mean() for each in (found.precision, found.recall, found.density, found.coverage)]
    assert means == pytest.approx(loop(real.astype(np.float32), made.astype(np.float32), k))
    assert (len(found.precision), len(found.recall)) == (n, m)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    real, made = (rng.normal(size=(n, 4)).astype(np.float32) for n in (33, 41))
    whole = manifold(real, made)
    monkeypatch.setattr("synthmed.evaluation.fidelity.manifold._BLOCK", 7)
    blocks = manifold(real, made)
    for part in ("precision", "recall", "density", "coverage"):
        np.testing.assert_array_equal(getattr(blocks, part), getattr(whole, part))


def test_few_modes_cost_recall_and_copies_do_not_cost_precision() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(100, 2)).astype(np.float32)
    found = manifold(real, real[:10].repeat(6, axis=0) + np.float32(1e-4))
    assert found.precision.mean() == 1
    assert found.recall.mean() < 0.2
    assert found.coverage.mean() < 0.6
    far = manifold(real, real + 100)
    assert far.precision.mean() == far.recall.mean() == far.density.mean() == far.coverage.mean() == 0


def test_too_few_rows() -> None:
    with pytest.raises(ValueError, match="more than k = 5"):
        manifold(np.zeros((5, 2), np.float32), np.zeros((9, 2), np.float32))
