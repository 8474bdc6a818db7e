from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from helpers.corpora import MemoryCorpus
from helpers.embedders import Grid

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.diversity.duplicates import Duplicates, exact_share, near, near_share
from synthmed.evaluation.diversity.entries import ENTRIES
from synthmed.evaluation.diversity.ms_ssim import MSSSIM, similarities
from synthmed.evaluation.diversity.similarity import WEIGHTS, ms_ssim, pairs_within, random_pairs, scales
from synthmed.evaluation.diversity.vendi import Vendi, vendi
from synthmed.evaluation.metric import Context
from synthmed.registry import resolve


def smooth(n: int, seed: int, side: int = 48) -> np.ndarray:
    noise = np.random.default_rng(seed).random((n, 1, side, side))
    blurred = scipy.ndimage.gaussian_filter(noise, (0, 0, 3, 3))
    return ((blurred - 0.5) * 4 + 0.5).clip(0, 1).astype(np.float32)


def test_vendi_in_closed_form() -> None:
    eye = np.eye(6, 8, dtype=np.float32)
    assert vendi(eye * 3) == pytest.approx(6)
    assert vendi(np.ones((9, 4), np.float32)) == pytest.approx(1)
    # Two kinds, of 1 and of 3 rows: exp of the entropy of (1/4, 3/4); on both sides of n = d.
    uneven = eye[[0, 1, 1, 1]]
    expected = np.exp(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert vendi(uneven) == pytest.approx(expected)
    assert vendi(np.repeat(uneven, 5, axis=0)) == pytest.approx(expected)
    # Two rows at the cosine c have the eigenvalues (1 ± c) / 2.
    angle = np.array([[1, 0], [0.6, 0.8]], np.float32)
    shares = np.array([0.8, 0.2])
    assert vendi(angle) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_vendi_of_a_collapsed_set_is_below_its_floor(tmp_path: Path) -> None:
    real, made = smooth(120, 0), smooth(5, 1).repeat(12, axis=0)
    (figure,) = Vendi()(
        Context(MemoryCorpus({"xray": made}), MemoryCorpus({"xray": real}), cache=tmp_path, embedder=Grid())
    )
    assert figure.n == 60
    assert 1 <= figure.value < figure.floor_low < figure.floor  # type: ignore[operator]


def plain_ssim(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """SSIM and its contrast-structure part, with an 11 x 11 Gaussian of σ 1.5, where the window fits."""
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2
    mean = lambda x: scipy.ndimage.correlate(x, window)[5:-5, 5:-5]  # noqa: E731
    a, b = mean(one), mean(other)
    aa, bb, ab = mean(one**2) - a**2, mean(other**2) - b**2, mean(one * other) - a * b
    contrast = (2 * ab + 0.03**2) / (aa + bb + 0.03**2)
    return float(((2 * a * b + 0.01**2) / (a**2 + b**2 + 0.01**2) * contrast).mean()), float(contrast.mean())


def test_ms_ssim_against_numpy_in_float64() -> None:
    one = smooth(2, 0)
    other = (one * 0.8 + smooth(2, 1) * 0.2).astype(np.float32)
    weights = np.array(WEIGHTS[:3]) / sum(WEIGHTS[:3])
    expected = []
    for a, b in zip(one[:, 0].astype(float), other[:, 0].astype(float), strict=True):
        value = 1.0
        for scale, weight in enumerate(weights):
            whole, contrast = plain_ssim(a, b)
            value *= (whole if scale == 2 else contrast) ** weight
            a, b = (x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3)) for x in (a, b))
        expected.append(value)
    np.testing.assert_allclose(ms_ssim(one, other), expected, rtol=1e-3)
    np.testing.assert_allclose(ms_ssim(one, one), 1, rtol=1e-5)


@pytest.mark.parametrize(("side", "count"), [(47, 0), (48, 3), (98, 3), (99, 4), (175, 4), (176, 5)])
def test_the_scales_are_those_that_monai_takes(side: int, count: int) -> None:
    assert scales(side) == count
    if count:
        image = np.zeros((1, 1, side, side), np.float32)
        assert ms_ssim(image, image) == pytest.approx(1)


def test_pairs() -> None:
    rng = np.random.default_rng(0)
    assert random_pairs(4, 99, rng).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    many = random_pairs(50, 200, rng)
    assert many.shape == (200, 2)
    assert (many[:, 0] != many[:, 1]).all()
    assert (many < 50).all()
    codes = np.array([3, -1, 3, 5, 3, -1, 7, 7], np.int32)
    within = pairs_within(codes, 99, rng)
    assert sorted(map(tuple, within.tolist())) == [(0, 2), (0, 4), (2, 4), (6, 7)]
    assert len(pairs_within(codes, 2, rng)) == 2
    assert pairs_within(np.array([-1, -1, 4], np.int32), 9, rng).shape == (0, 2)


def test_ms_ssim_within_prompt_is_above_random_pairs() -> None:
    base = smooth(4, 0).repeat(3, axis=0)
    made = (base * 0.9 + smooth(12, 1) * 0.1).astype(np.float32)
    facts = [Facts(str(i), prompt=f"prompt {i // 3}") for i in range(12)]
    context = Context(MemoryCorpus({"xray": made}, facts=facts), MemoryCorpus({"xray": smooth(12, 2)}))
    random, within = MSSSIM(pairs=40)(context)
    assert (random.part, within.part) == ("random", "prompt")
    assert within.value > random.value + 0.2  # type: ignore[operator]
    assert within.value == pytest.approx(
        similarities(
            context.synthetic,
            "xray",
            np.array([[i, j] for i in range(12) for j in range(i + 1, 12) if i // 3 == j // 3]),
        ).mean()
    )
    assert within.n == 12
    assert "12 pairs" in within.note
    assert "3 of 5 scales" in within.note
    assert random.floor is not None
    assert within.floor is None  # the real rows have no labels


def test_small_images_and_single_ones_are_na() -> None:
    (small,) = MSSSIM()(Context(MemoryCorpus({"xray": smooth(3, 0, 32)})))
    assert small.value is None
    assert small.note == "n/a: 32 pixels, and MS-SSIM needs 48"
    (single,) = MSSSIM()(Context(MemoryCorpus({"xray": smooth(1, 0)})))
    assert single.note == "n/a: 1 image(s)"


def test_duplicates_exact_and_near() -> None:
    images = smooth(20, 0)
    images[5], images[6] = images[1], images[1]
    images[9] = images[2] * np.float32(0.9) + np.float32(0.03)
    made = MemoryCorpus({"xray": images})
    assert exact_share(made, "xray", np.arange(20)) == pytest.approx(2 / 20)
    assert near_share(made, "xray", np.arange(20)) == pytest.approx(5 / 20)
    exact, close = Duplicates()(Context(made, MemoryCorpus({"xray": smooth(20, 3)})))
    assert (exact.part, exact.value, exact.floor, exact.n) == ("exact", pytest.approx(0.1), 0, 20)
    assert (close.part, close.value, close.floor) == ("near", pytest.approx(0.25), 0)
    limited = list(Duplicates()(Context(made, MemoryCorpus({"xray": smooth(4, 3)}), limit=10)))
    assert [figure.n for figure in limited] == [20, 10]
    assert "a random choice of 10 of 20" in limited[1].note
    assert "only 4 real images" in limited[1].note


def test_near_against_counted_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthmed.evaluation.diversity.duplicates._BLOCK", 7)
    rng = np.random.default_rng(0)
    bits = rng.random((40, 256)) < 0.5
    for copy, of, flips in ((3, 30, 6), (8, 9, 7), (20, 21, 0)):
        bits[copy] = bits[of]
        bits[copy, :flips] ^= True
    expected = [any((bits[i] ^ bits[j]).sum() <= 6 for j in range(40) if j != i) for i in range(40)]
    assert near(bits).tolist() == expected
    assert np.flatnonzero(near(bits)).tolist() == [3, 20, 21, 30]
    assert near(bits[:0]).shape == (0,)


def test_entries_are_metrics() -> None:
    for entry in ENTRIES:
        metric = resolve(str(entry.load))()  # type: ignore[operator]  # a class
        assert (metric.name, metric.summary) == (entry.name, entry.summary)
