"""Sharpness, noise and grain: what a blur, a noise or an upsampling changes and a histogram does not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.stats

from synthmed.evaluation.corpora.batches import batches
from synthmed.evaluation.corpora.groups import Places
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.fidelity.deals import deals, real_of
from synthmed.evaluation.fidelity.estimate import Estimate, figure, jackknife
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.scale import unit

Values = npt.NDArray[np.float64]
WINDOW = 7
_FAINT = 1e-10
"""Power below which a spectrum is nothing but the rounding of 8-bit levels."""


@dataclass(frozen=True)
class Texture:
    """Distances of power spectra, of local variation and of edges, of images in [0, 1], colours averaged."""

    name: ClassVar[str] = "texture"
    summary: ClassVar[str] = "distances of power spectra (dB), local variation and edges"
    goal: ClassVar[Literal["low", "high", "real"]] = "low"
    range: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    needs: ClassVar[frozenset[Need]] = frozenset({"real"})
    source: ClassVar[str] = "radial power spectra as in Durall et al., CVPR 2020; Wasserstein-1 of scipy.stats"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """``spectrum``, ``variation`` and ``edges`` of each image, on at most ``context.limit`` rows of each side."""
        real = real_of(context, self.name)
        for deal in deals(context, self.name, limit=context.limit, by_label=False):
            if deal.problem:
                yield from (deal.refused(self.name, part) for part in ("spectrum", "variation", "edges"))
                continue
            made = textures(context.synthetic, deal.image, deal.synthetic)
            other, reference = (textures(real, deal.image, places) for places in (deal.other, deal.reference))
            if made.spectra.shape[1] != reference.spectra.shape[1]:
                note = "the two sets' images are of other sizes, so their frequencies differ; open both with one size"
                yield Figure(self.name, "spectrum", deal.scope, n=deal.n, note=note)
            else:
                found, floor = (_between(spectral, x.spectra, reference.spectra) for x in (made, other))
                note = "root mean square of the mean spectra's differences, in dB"
                yield figure(self.name, deal, found, floor, part="spectrum", note=note)
            for part in ("variation", "edges"):
                own = [getattr(each, part) for each in (made, other, reference)]
                found, floor = (_between(scipy.stats.wasserstein_distance, x, own[2]) for x in own[:2])
                yield figure(self.name, deal, found, floor, part=part)


@dataclass(frozen=True)
class Textures:
    """Of n images.

    Attributes:
        spectra: (n, rings) radially averaged power in dB, from low to high frequency, without the mean.
        variation: (n,) mean standard deviation in 7 x 7 windows.
        edges: (n,) mean length of the gradient (Sobel, a step an edge pixel wide counts its height).
    """

    spectra: Values
    variation: Values
    edges: Values


def textures(corpus: Corpus, image: str, places: Places) -> Textures:
    """Of the rows at ``places`` in ``corpus.having(image)``, read a few at a time."""
    having, field = corpus.having(image), corpus.images[image]
    spectra, variation, edges = [], [], []
    for _, pixels in batches(corpus, image, having[places]):
        for plane in unit(field, pixels).mean(axis=1, dtype=np.float64):
            spectra.append(spectrum(plane))
            variation.append(_variation(plane))
            edges.append(_edges(plane))
    return Textures(np.array(spectra), np.array(variation), np.array(edges))


def spectrum(plane: Values) -> Values:
    """(rings,) mean of |FFT|² in dB over rings one frequency step wide, up to Nyquist, behind a Hann window.

    Ring i = 1 … holds frequencies of i / s cycles a pixel, rounded, s being the shorter side.
    """
    rows, columns = plane.shape
    window = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    power = np.abs(np.fft.fft2((plane - plane.mean()) * window)) ** 2 / (window**2).sum()
    step = min(rows, columns)
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None]) * step
    ring = np.rint(radius).astype(np.int64).ravel()
    mean = np.bincount(ring, power.ravel()) / np.maximum(np.bincount(ring), 1)
    decibel: Values = 10 * np.log10(np.maximum(mean[1 : step // 2 + 1], _FAINT))
    return decibel


def spectral(one: Values, other: Values) -> float:
    """Root mean square over frequencies of the difference between the mean spectra, dB."""
    return float(np.sqrt(((one.mean(0) - other.mean(0)) ** 2).mean()))


def _variation(plane: Values) -> float:
    mean = scipy.ndimage.uniform_filter(plane, WINDOW, mode="reflect")
    square = scipy.ndimage.uniform_filter(plane**2, WINDOW, mode="reflect")
    return float(np.sqrt(np.clip(square - mean**2, 0, None)).mean())


def _edges(plane: Values) -> float:
    across, down = (scipy.ndimage.sobel(plane, axis, mode="reflect") / 8 for axis in (0, 1))
    return float(np.hypot(across, down).mean())


def _between(distance: Callable[[Values, Values], float], one: Values, other: Values) -> Estimate:
    def without(left: Places) -> float:
        return float(distance(np.delete(one, left, 0), np.delete(other, left, 0)))

    return jackknife(float(distance(one, other)), without, len(one), least=0.0)
