"""CT, MRI and radiograph against the physics they are made by."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.phantom import ct, mri
from synthmed.phantom.filters import smooth
from synthmed.phantom.findings import Wanted
from synthmed.phantom.grid import film_grid
from synthmed.phantom.noise import normal
from synthmed.phantom.patient import draw_patient
from synthmed.phantom.projection import project
from synthmed.phantom.tissue import INDEX, STRUCTURES, table
from synthmed.phantom.xray import Exposure, expose


def test_noiseless_hu_are_the_tables() -> None:
    structures = np.arange(len(STRUCTURES), dtype=np.uint8)[None]
    assert ct.hounsfield(structures)[0].tolist() == [structure.tissue.hu for structure in STRUCTURES]
    assert -1000 <= min(ct.HU) < max(ct.HU) < 3071


@pytest.mark.parametrize("name", ["lung", "liver", "fat", "pleural effusion"])
def test_ct_has_the_tissues_mean_and_correlated_noise(name: str) -> None:
    image = ct.scan_ct(np.full((256, 256), INDEX[name], np.uint8), np.random.default_rng(1))[0]
    noise = image - table("hu")[INDEX[name]]
    assert abs(noise.mean()) < 0.5
    assert noise.std() == pytest.approx(ct.NOISE, rel=0.03)
    neighbours = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    far = np.corrcoef(noise[:, 3:].ravel(), noise[:, :-3].ravel())[0, 1]
    assert neighbours > 0.2
    assert far < 0
    assert image.dtype == np.float32


def test_spin_echo_at_known_values() -> None:
    def signal(pd: float, t1: float, t2: float, tr: float, te: float) -> float:
        values = (np.array([value], np.float32) for value in (pd, t1, t2))
        return float(mri.spin_echo(*values, tr, te)[0])

    assert signal(1, 1000, 100, 1e9, 0) == pytest.approx(1)
    assert signal(1, 1000, 100, 1000, 0) == pytest.approx(1 - np.exp(-1))
    assert signal(0.5, 1000, 100, 1e9, 100) == pytest.approx(0.5 * np.exp(-1))
    # Muscle at 1.5 T (T1 1008 ms, T2 44 ms) in a T1-weighted sequence, by hand: 0.79 * 0.39106 * 0.76130.
    assert signal(0.79, 1008, 44, 500, 12) == pytest.approx(0.2352, abs=2e-4)


def test_contrasts_are_weighted_as_their_names_say() -> None:
    t1, t2, pd = (mri.SIGNAL[name] for name in ("mri", "mri.t2", "mri.pd"))
    fat, muscle, fluid, blood = (INDEX[name] for name in ("fat", "muscle", "pleural effusion", "chamber"))
    assert t1[fat] > 2 * t1[fluid]
    assert t2[fluid] > 2 * t2[muscle]
    assert t2[fluid] > t2[fat]
    assert pd[fluid] / pd[muscle] < t2[fluid] / t2[muscle]
    assert pd[blood] > t1[blood]


def test_noise_is_rician() -> None:
    rng, sigma = np.random.default_rng(0), 0.05
    silent = mri.rician(np.zeros((400, 400), np.float32), sigma, rng)
    assert silent.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.01)
    assert silent.std() == pytest.approx(sigma * np.sqrt(2 - np.pi / 2), rel=0.01)
    strong = mri.rician(np.full((400, 400), 0.8, np.float32), sigma, rng)
    assert strong.mean() == pytest.approx(np.sqrt(0.8**2 + sigma**2), rel=1e-3)
    assert strong.std() == pytest.approx(sigma, rel=0.01)


def test_the_bias_field_is_smooth_and_near_one() -> None:
    field = mri.bias_field((96, 128), np.random.default_rng(3))
    assert field.shape == (96, 128)
    assert 0.75 < field.min() < field.max() < 1.26
    assert np.abs(np.diff(field, axis=0)).max() < 0.01


def test_table_noise_is_standard_normal() -> None:
    values = normal(np.random.default_rng(0), (1000, 1000)).ravel().astype(float)
    assert abs(values.mean()) < 4e-3
    assert values.var() == pytest.approx(1, abs=5e-3)
    assert (values**4).mean() == pytest.approx(3, abs=0.03)
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4e-3


def test_smooth_is_the_binomial_kernel_with_repeated_edges() -> None:
    image = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    padded = np.pad(image, 1, mode="edge")
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = [[(padded[r : r + 3, c : c + 3] * kernel).sum() for c in range(9)] for r in range(7)]
    np.testing.assert_allclose(smooth(image), expected, rtol=1e-5)


def test_the_film_is_bright_where_the_ray_meets_more() -> None:
    someone = draw_patient(np.random.default_rng(1), [])
    film = project(someone, film_grid(someone, (128, 128)))
    exposure = Exposure.of(film)
    depth = np.linspace(0, 9, 50, dtype=np.float32)
    tone = exposure.tone(exposure.log_signal(depth))
    assert (np.diff(tone) > 0).all()
    assert tone[0] < 0.1
    image = expose(film, exposure, np.random.default_rng(0))
    assert image.shape == (1, 128, 128)
    assert image.min() >= 0
    assert image.max() <= 1
    assert np.corrcoef(film.depth.ravel(), image.ravel())[0, 1] > 0.85


def test_film_noise_is_what_the_exposure_says() -> None:
    someone = draw_patient(np.random.default_rng(1), [Wanted("mass")])
    film = project(someone, film_grid(someone, (64, 64)))
    exposure = Exposure.of(film)
    images = np.stack([expose(film, exposure, np.random.default_rng(seed))[0] for seed in range(60)])
    log_signal = exposure.log_signal(film.depth)
    slope = (exposure.tone(log_signal + 0.01) - exposure.tone(log_signal)) / 0.01
    expected = slope * exposure.noise(film.depth)
    inner = (slice(20, 50), slice(15, 50))
    # The display's sharpening raises noise by up to its gain.
    ratio = images.std(axis=0)[inner] / expected[inner]
    assert 1.0 < np.median(ratio) < 2.2
