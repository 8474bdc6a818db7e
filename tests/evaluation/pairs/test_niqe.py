from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from helpers.corpora import MemoryCorpus
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import mahalanobis

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context
from synthmed.evaluation.pairs.naturalness import Naturalness, patches, skewed
from synthmed.evaluation.pairs.niqe import NIQE

SCIKIT_VIDEO = [
    2.72, 1.177413785, 0.945, -0.094596477, 0.36604558, 0.279102296,
    0.927, -0.072763463, 0.350640917, 0.285773959, 0.898, -0.063018432, 0.330654786, 0.330654786,
    0.897, -0.06782121, 0.332009954, 0.332009954,
    1.687, 0.480523143, 0.603, 0.036950684, 0.024918146, 0.037116601,
    0.561, 0.027307278, 0.020754751, 0.027838207, 0.615, 0.005676218, 0.030988112, 0.030988112,
    0.62, 0.014087824, 0.030333898, 0.030333898,
]  # fmt: skip
"""The first patch's numbers by scikit-video 1.1.11's ``get_patches_test_features(picture(0), 96)``."""
LEFT_AGAIN = [13, 17, 31, 35]
"""Right scales for which scikit-video repeats the left one."""


def picture(seed: int, height: int = 200, width: int = 300, noise: float = 12) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 127 + 60 * np.sin(x / 9) + 40 * np.cos(y / 13)
    return (waves + noise * rng.standard_normal((height, width))).clip(0, 255).astype(np.float32)


def corpus(pixels: npt.NDArray[np.float32]) -> MemoryCorpus:
    return MemoryCorpus({"xray": pixels}, facts=[Facts(str(place), f"p{place // 2}") for place in range(len(pixels))])


def test_the_numbers_are_scikit_videos() -> None:
    found = patches(picture(0))
    assert found.shape == (6, 36)
    same = np.setdiff1d(np.arange(36), LEFT_AGAIN)
    assert found[0, same] == pytest.approx(np.array(SCIKIT_VIDEO)[same], abs=1e-5)
    assert (np.abs(found[0] - SCIKIT_VIDEO)[LEFT_AGAIN] > 1e-3).all()


@pytest.mark.parametrize(("shape", "left", "right"), [(2.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.5, 2.0, 1.0)])
def test_the_fit_finds_the_distribution(shape: float, left: float, right: float) -> None:
    """Draws of an asymmetric generalised Gaussian: |x| is scale times Gamma(1 / α) to the power 1 / α."""
    rng = np.random.default_rng(0)
    size = rng.gamma(1 / shape, size=200_000) ** (1 / shape)
    negative = rng.random(200_000) < left / (left + right)
    values = np.where(negative, -left * size, right * size)
    alpha, mean, found_left, found_right = skewed(values.astype(np.float32))
    assert (alpha, found_left, found_right) == pytest.approx((shape, left, right), rel=0.05)
    assert mean == pytest.approx(values.mean(), rel=0.05, abs=0.02)


def test_the_distance_is_mahalanobiss_between_equal_covariances() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 36)) @ rng.normal(size=(36, 36))
    shifted = rows + rng.normal(size=36)
    expected = mahalanobis(rows.mean(0), shifted.mean(0), np.linalg.inv(np.cov(rows, rowvar=False)))
    assert Naturalness.of([rows]).distance(shifted) == pytest.approx(expected)
    assert Naturalness.of([rows[:90], rows[90:]]).distance(rows) == pytest.approx(0, abs=1e-6)


def test_flat_patches_are_left_out_and_sharp_ones_chosen() -> None:
    image = picture(0)
    image[:96, :96] = 0
    assert len(patches(image)) == 5
    image[96:192, 96:192] = gaussian_filter(image[96:192, 96:192], 3)
    assert len(patches(image, sharp=True)) == 4
    assert patches(np.zeros((192, 192), np.float32)).shape == (0, 36)


def test_blur_and_noise_are_told_from_real_images() -> None:
    images = np.stack([picture(seed, 192, 288)[None] / 255 for seed in range(34)])
    real, like = images[:30], images[30:]
    blurred = np.stack([gaussian_filter(image, (0, 2, 2)) for image in like])
    noisy = np.clip(like + 0.2 * np.random.default_rng(0).standard_normal(like.shape), 0, 1).astype(np.float32)
    figures = [next(iter(NIQE()(Context(corpus(rows), corpus(real))))) for rows in (like, blurred, noisy)]
    good, *bad = figures
    assert good.value == pytest.approx(good.floor, rel=0.25)
    assert all(figure.low > 2 * figure.floor_high for figure in bad)  # type: ignore[operator]
    assert good.n == 4
    assert "16 real images, not of photographs" in good.note


@pytest.mark.parametrize(("side", "said"), [(191, "below 192"), (192, "72 are needed")])
def test_what_is_too_small_or_too_few_has_none(side: int, said: str) -> None:
    few = corpus(np.stack([picture(seed, side, side)[None] / 255 for seed in range(4)]))
    (figure,) = NIQE()(Context(few, few))
    assert figure.value is None
    assert said in figure.note
