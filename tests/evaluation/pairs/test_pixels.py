"""PSNR and SSIM: as numbers of one pair, and as metrics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from helpers.corpora import MemoryCorpus

from synthmed.evaluation.corpus import Facts
from synthmed.evaluation.metric import Context, Metric
from synthmed.evaluation.pairs import psnr, ssim
from synthmed.evaluation.pairs.psnr import PSNR
from synthmed.evaluation.pairs.ssim import SSIM


def corpus(pixels: npt.NDArray[np.float32], keys: list[str], name: str = "xray") -> MemoryCorpus:
    return MemoryCorpus({name: pixels}, facts=[Facts(key) for key in keys])


def pictures(n: int = 4, side: int = 20, low: float = 0, high: float = 1) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).uniform(low, high, (n, 1, side, side + 3)).astype(np.float32)


def test_they_are_scikit_images() -> None:
    """Numbers of scikit-image 0.26.0: ``peak_signal_noise_ratio(x, y, data_range=1)`` and ``structural_similarity(x, y,
    channel_axis=0, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`` in float64."""
    one = np.random.default_rng(1).random((2, 3, 24, 31)).astype(np.float32)
    noise = 0.2 * np.random.default_rng(2).standard_normal(one.shape)
    pair = torch.from_numpy(one), torch.from_numpy(np.clip(one + noise, 0, 1).astype(np.float32))
    assert ssim.likeness(*pair).tolist() == pytest.approx([0.8079065891933507, 0.812468564858416], abs=1e-6)
    assert psnr.likeness(*pair).tolist() == pytest.approx([14.865870634883285, 15.006803505813213], abs=1e-5)


def test_a_mean_over_pairs_in_the_fields_range() -> None:
    """±102.4 HU are a twentieth of the 2,048 HU that are shown: MSE = 0.0025, 26.02 dB."""
    real = pictures(low=-800, high=800)
    synthetic = real[[2, 0, 1]] + np.float32(102.4)
    context = Context(corpus(synthetic, ["c", "a", "b"], "ct"), corpus(real, ["a", "b", "c", "d"], "ct"))
    own, shuffled = PSNR()(context)
    assert own.value == pytest.approx(10 * np.log10(400), abs=1e-3)
    assert own.n == 3
    assert own.scope == {"image": "ct"}
    assert "-1024 to 1024 HU" in own.note
    assert shuffled.part == "shuffled"
    assert shuffled.value < own.value - 10  # type: ignore[operator]


def test_equal_images_are_one_for_ssim_and_left_out_of_psnr() -> None:
    real = pictures()
    synthetic = real.copy()
    synthetic[0] = 1 - synthetic[0]
    keys = list("abcd")
    (signal, _), (likeness, _) = (
        metric(Context(corpus(synthetic, keys), corpus(real, keys))) for metric in (PSNR(), SSIM())
    )
    assert signal.n == 1
    assert "3 pairs of equal images are left out" in signal.note
    assert likeness.n == 4
    assert 0.5 < likeness.value < 1  # type: ignore[operator]
    equal = next(iter(PSNR()(Context(corpus(real, keys), corpus(real, keys)))))
    assert equal.value is None
    assert "equal" in equal.note


@pytest.mark.parametrize("metric", [PSNR(), SSIM()])
@pytest.mark.parametrize(
    ("synthetic", "said"),
    [
        (corpus(pictures(), list("wxyz")), "source_key"),
        (corpus(pictures(side=24), list("abcd")), "1×24×27 and 1×20×23"),
        (corpus(pictures(), list("abcd"), "mri"), "no real row has mri"),
    ],
)
def test_what_cannot_be_compared_is_said(metric: Metric, synthetic: MemoryCorpus, said: str) -> None:
    (figure,) = metric(Context(synthetic, corpus(pictures(), list("abcd"))))
    assert figure.value is None
    assert said in figure.note


def test_a_picture_below_the_window_has_no_ssim() -> None:
    small = corpus(pictures(side=8), list("abcd"))
    figure = next(iter(SSIM()(Context(small, small))))
    assert figure.value is None
    assert "window" in figure.note
