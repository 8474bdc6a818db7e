"""Which findings an image really shows: enough pixels, and enough contrast for its noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthmed.phantom import ct, mri
from synthmed.phantom.axial import Cut, Map
from synthmed.phantom.labelmap import drop_specks
from synthmed.phantom.patient import Patient
from synthmed.phantom.projection import Film, Shadow
from synthmed.phantom.solids import Array, Bool, Window
from synthmed.phantom.tissue import INDEX, MASK_NAMES
from synthmed.phantom.xray import Exposure

PIXELS = 5
"""The least pixels of a visible finding."""
ROSE = 5.0
"""The least mean contrast × sqrt(pixels) / noise: Rose's criterion (J Opt Soc Am 38:196, 1948)."""
FILM_CONTRAST = 0.03
"""The least mean grey difference on a film, where ribs and vessels hide what noise does not."""
FILM_EDGE = (0.02, 0.3)
"""A film's pixel is the finding's from this grey difference, and from this part of the finding's greatest one."""
HEART = MASK_NAMES.index("heart")


@dataclass(frozen=True)
class Seen:
    """What one mask shows.

    Attributes:
        mask: (H, W) uint8 mask values of the organs and of the visible findings.
        kinds: the visible findings of every image that the mask belongs to, by the image's name.
    """

    mask: Map
    kinds: dict[str, list[str]]


def seen_on_film(patient: Patient, film: Film, exposure: Exposure) -> Seen:
    """The film's mask and visible findings; where findings overlap, the one with fewer pixels is on top."""
    found: list[tuple[str, Window, Bool]] = []
    for lesion, shadow in zip(patient.lesions, film.shadows, strict=True):
        contrast, noise = _film_contrast(film, shadow, exposure)
        edge = max(FILM_EDGE[0], FILM_EDGE[1] * float(contrast.max(initial=0)))
        pixels = drop_specks(contrast >= edge, PIXELS)
        if not _visible(contrast[pixels], noise[pixels], FILM_CONTRAST):
            continue
        window = shadow.window
        if lesion.finding.kind == "cardiomegaly":
            window, pixels = (slice(None), slice(None)), film.organs == HEART
        found.append((lesion.finding.kind, window, pixels))
    mask = film.organs.copy()
    for kind, window, pixels in sorted(found, key=lambda one: -int(one[2].sum())):
        mask[window][pixels] = MASK_NAMES.index(kind)
    # A finding that others cover altogether has no pixel of its own to point at.
    shown = [kind for kind, _, _ in found if (mask == MASK_NAMES.index(kind)).any()]
    return Seen(mask, {"xray": shown})


def seen_in_slice(patient: Patient, cut: Cut) -> tuple[Seen, Seen]:
    """The CT's and the MRI's masks and visible findings.

    The MRI's mask, which its three contrasts share, has the findings that at least one of them shows.
    """
    tables: dict[str, tuple[Array, float]] = {"ct": (ct.HU, ct.NOISE)}
    tables.update({name: (mri.magnitude(signal), mri.NOISE) for name, signal in mri.SIGNAL.items()})
    masks = {"ct": cut.organs.copy(), "mri": cut.organs.copy()}
    shown: dict[str, list[str]] = {name: [] for name in tables}
    for lesion, (pixels, before) in zip(patient.lesions, cut.replaced, strict=True):
        kind = lesion.finding.kind
        if len(before) < PIXELS:
            continue
        for name, (table, noise) in tables.items():
            # The structure differs from what it replaces in every pixel, so the contrast needs no rendering.
            contrast = np.abs(table[INDEX[kind]] - table[before])
            if _visible(contrast, np.full_like(contrast, noise), 2 * noise):
                shown[name].append(kind)
        for image, names in (("ct", ["ct"]), ("mri", list(mri.SIGNAL))):
            if any(kind in shown[name] for name in names):
                heart = (cut.organs == HEART) if kind == "cardiomegaly" else pixels
                masks[image][heart] = MASK_NAMES.index(kind)
    seen_ct = Seen(masks["ct"], {"ct": shown.pop("ct")})
    return seen_ct, Seen(masks["mri"], shown)


def _film_contrast(film: Film, shadow: Shadow, exposure: Exposure) -> tuple[Array, Array]:
    """The grey difference that the finding makes, in size, and the grey noise, pixel by pixel in its window."""
    depth = film.depth[shadow.window]
    log_signal = exposure.log_signal(depth)
    grey = exposure.tone(log_signal)
    contrast = np.abs(grey - exposure.tone(exposure.log_signal(depth - shadow.depth)))
    noise = exposure.noise(depth)
    slope = (exposure.tone(log_signal + noise) - grey).clip(1e-4)
    return contrast, slope


def _visible(contrast: Array, noise: Array, least: float) -> bool:
    if len(contrast) < PIXELS:
        return False
    mean = float(contrast.mean())
    return mean >= least and mean * float(np.sqrt(len(contrast))) / float(noise.mean()) >= ROSE
