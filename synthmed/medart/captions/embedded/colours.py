"""The names of the colours that a region has, most of it first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import yaml
from PIL import ImageColor
from scipy.spatial import KDTree

from synthmed.medart.captions.embedded.lab import Array, to_lab

_CLUSTERS = 6
_SAMPLE = 2048
_SHOWN = 0.12
_CHROMA = 4.0
_GREYS = ((12, "black"), (38, "dark grey"), (62, "grey"), (86, "light grey"), (101, "white"))
"""L* up to which a colourless pixel is called so."""


@dataclass(frozen=True)
class Shade:
    """A colour's name and its share of the region in [0, 1]."""

    name: str
    share: float


def palette(lab: Array, *, seed: int = 0) -> tuple[Shade, ...]:
    """The colours of (n, 3) CIELAB pixels: k-means' centres by their names, those of at least 12 % of the pixels.

    The first is the largest; there is always one.

    Raises:
        ValueError: there is no pixel.
    """
    from sklearn.cluster import KMeans

    if not len(lab):
        raise ValueError("a palette needs a pixel")
    rng = np.random.default_rng(seed)
    points = lab if len(lab) <= _SAMPLE else lab[rng.choice(len(lab), _SAMPLE, replace=False)]
    kinds = min(_CLUSTERS, len(np.unique(points.round(3), axis=0)))
    means = KMeans(kinds, n_init=1, random_state=seed).fit(points)
    shares: dict[str, float] = {}
    counts = np.bincount(means.labels_, minlength=kinds) / len(points)
    for name, share in zip(names_of(means.cluster_centers_), counts, strict=True):
        shares[name] = shares.get(name, 0.0) + float(share)
    shades = sorted((Shade(name, share) for name, share in shares.items()), key=lambda shade: -shade.share)
    return tuple(shade for place, shade in enumerate(shades) if place == 0 or shade.share >= _SHOWN)


def names_of(lab: Array) -> list[str]:
    """The colour word of each of (n, 3) CIELAB colours: the nearest in ``colours.yaml``, or a grey by its lightness."""
    tree, words = _table()
    _, nearest = tree.query(lab)
    return [
        _grey(colour[0]) if np.hypot(*colour[1:]) < _CHROMA else words[place]
        for colour, place in zip(lab, nearest, strict=True)
    ]


def _grey(lightness: float) -> str:
    return next((name for limit, name in _GREYS if lightness < limit), "white")


@cache
def _table() -> tuple[KDTree, tuple[str, ...]]:
    text = (files("synthmed.medart.captions.embedded") / "colours.yaml").read_text(encoding="utf-8")
    rows = [(word, ImageColor.getrgb(colour)[:3]) for word, all_of in yaml.safe_load(text).items() for colour in all_of]
    levels: npt.NDArray[np.uint8] = np.array([levels for _, levels in rows], np.uint8)
    return KDTree(to_lab(levels)), tuple(word for word, _ in rows)
