"""Intensity and texture against scipy, numpy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from helpers.corpora import MemoryCorpus

from synthmed.evaluation.fidelity.intensity import Intensity, histograms, wasserstein
from synthmed.evaluation.fidelity.texture import Texture, spectral, spectrum, textures
from synthmed.evaluation.metric import Context


def grain(n: int, seed: int, blur: int = 1, name: str = "xray", low: float = 0.0, high: float = 1.0) -> MemoryCorpus:
    import scipy.ndimage

    noise = np.random.default_rng(seed).random((n, 1, 32, 32))
    smooth = scipy.ndimage.uniform_filter(noise, (1, 1, blur, blur), mode="wrap")
    return MemoryCorpus({name: (smooth * (high - low) + low).astype(np.float32)})


def test_wasserstein_is_scipys_in_hounsfield_units() -> None:
    one, other = grain(6, 0, name="ct", low=-500, high=300), grain(6, 1, name="ct", low=-450, high=900)
    field, places = one.images["ct"], np.arange(6)
    found = [histograms(corpus, "ct", field, places).sum(0) for corpus in (one, other)]
    pixels = [np.rint(corpus.pixels("ct", places.tolist())).ravel() for corpus in (one, other)]
    assert wasserstein(*found, step=1.0) == pytest.approx(scipy.stats.wasserstein_distance(*pixels), rel=1e-6)
    assert found[0].sum() == pytest.approx(6)


def test_a_colour_cast_shows() -> None:
    rng = np.random.default_rng(0)
    real = rng.random((60, 3, 8, 8)).astype(np.float32) * 0.5
    made = real[:30].copy()
    made[:, 0] += 0.3
    context = Context(MemoryCorpus({"photo": made}), MemoryCorpus({"photo": real}))
    (figure,) = Intensity()(context)
    assert figure.value == pytest.approx(0.1, abs=0.02)
    assert figure.floor is not None
    assert figure.floor < 0.02
    assert figure.n == 30
    assert figure.low is not None
    assert figure.low <= figure.value <= figure.high


def test_the_figures_tell_units_and_refuse_other_ones() -> None:
    real = grain(44, 0, name="ct", low=-500, high=300)
    (figure,) = Intensity()(Context(grain(22, 1, name="ct", low=-400, high=400), real))
    assert figure.value == pytest.approx(100, abs=8)
    assert figure.floor is not None
    assert figure.floor < 10
    assert figure.note.startswith("in HU; n = 22")
    from synthmed.fields import ImageField

    windowed = MemoryCorpus(
        {"ct": np.zeros((4, 1, 8, 8), np.float32)}, fields={"ct": ImageField.of("ct", window=(0.0, 80.0))}
    )
    (refused,) = Intensity()(Context(windowed, real))
    assert refused.value is None
    assert "stored in other units" in refused.note


def test_white_noise_is_flat_and_a_wave_is_one_ring() -> None:
    rng = np.random.default_rng(0)
    mean = np.mean([spectrum(rng.normal(0, 0.1, (48, 48))) for _ in range(60)], axis=0)
    # Of variance σ² the power a frequency is σ²: -20 dB; the mean of dB lies a little below the dB of the mean.
    np.testing.assert_allclose(mean[3:], -20, atol=1.0)
    columns = np.arange(48)
    wave = np.tile(np.sin(2 * np.pi * 6 * columns / 48), (48, 1))
    assert spectrum(wave).argmax() == 6 - 1
    assert len(spectrum(np.zeros((30, 48)))) == 15


def test_edges_and_variation_by_hand() -> None:
    step = np.zeros((2, 1, 20, 20), np.float32)
    step[1, :, :, 10:] = 1
    found = textures(MemoryCorpus({"xray": step}), "xray", np.arange(2))
    assert found.edges[0] == found.variation[0] == 0
    # Sobel / 8 gives 1/2 on either side of the step: 2 of 20 columns.
    assert found.edges[1] == pytest.approx(0.05)
    # A 7-wide window with j columns beyond the step has the deviation √(j/7 (1 - j/7)), at 6 of 20 places.
    shares = np.arange(1, 7) / 7
    assert found.variation[1] == pytest.approx(np.sqrt(shares * (1 - shares)).sum() / 20, rel=1e-6)


def test_blur_moves_all_three_and_real_rows_do_not() -> None:
    context = Context(grain(40, 1, blur=3), grain(80, 0))
    figures = {figure.part: figure for figure in Texture()(context)}
    assert list(figures) == ["spectrum", "variation", "edges"]
    for figure in figures.values():
        assert figure.low is not None
        assert figure.floor_high is not None
        assert figure.low > figure.floor_high
    same = {figure.part: figure for figure in Texture()(Context(grain(40, 1), grain(80, 0)))}
    for figure in same.values():
        assert figure.value is not None
        assert figure.floor is not None
        assert figure.value < 3 * figure.floor
    assert spectral(np.zeros((2, 4)), np.full((3, 4), 2.0)) == 2
