"""Drawn lesions of known colour, form and extent: what is measured, and what is said."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from helpers.lesions import COLOURS, EXTENTS, FORMS, Drawn, draw

from synthmed.medart.captions.domain import load_domain
from synthmed.medart.captions.embedded.foreground import segment
from synthmed.medart.captions.embedded.measure import Measures, measure
from synthmed.medart.captions.embedded.words import caption


@pytest.fixture(scope="module")
def lesions() -> list[tuple[Drawn, Measures]]:
    """210 lesions: each colour, form and extent at least twice, on different skins."""
    rng = np.random.default_rng(20)
    kinds = list(itertools.product(COLOURS, FORMS, EXTENTS)) * 3
    drawn = [draw(rng, *kind, side=96) for kind in kinds[:210]]
    return [(one, measure(one.pixels, "lesion")) for one in drawn]


def test_colour_form_and_extent_are_said_rightly(lesions: list[tuple[Drawn, Measures]]) -> None:
    domain = load_domain("dermoscopy")
    right = {"colour": 0, "form": 0, "size": 0}
    for seed, (drawn, measures) in enumerate(lesions):
        text = caption(measures, domain, "", seed)
        told = text.removeprefix(domain.sentence(""))
        right["colour"] += _main_colour(told) == drawn.colour
        right["form"] += _words_of(told, FORMS, but=("contour", "border", "edge")) == {drawn.form}
        right["size"] += _words_of(told, ("small", "medium-sized", "large")) == {
            {"medium": "medium-sized"}.get(drawn.size, drawn.size)
        }
    assert len(lesions) >= 200
    assert {name: count / len(lesions) >= 0.95 for name, count in right.items()} == dict.fromkeys(right, True), right


def test_the_measured_extent_is_the_drawn_one(lesions: list[tuple[Drawn, Measures]]) -> None:
    errors = [abs(measures.extent - drawn.share) for drawn, measures in lesions]
    assert np.quantile(errors, 0.95) < 0.02


def test_the_found_region_overlaps_the_drawn_one() -> None:
    rng = np.random.default_rng(3)
    for form in FORMS:
        drawn = draw(rng, "brown", form, "medium", side=160)
        found = segment(drawn.pixels, "lesion").foreground
        dice = 2 * (found & drawn.region).sum() / (found.sum() + drawn.region.sum())
        assert dice > 0.95


def test_borders_and_symmetry_follow_the_form(lesions: list[tuple[Drawn, Measures]]) -> None:
    def of(form: str) -> list[Measures]:
        return [measures for drawn, measures in lesions if drawn.form == form]

    def median(form: str, symmetry: bool) -> float:
        outlines = [measures.outline for measures in of(form) if measures.outline]
        return float(np.median([min(each.symmetry) if symmetry else each.roughness for each in outlines]))

    assert median("round", False) < 1.03 < 1.1 < median("irregular", False)
    assert median("irregular", True) < 0.8 < 0.93 < median("oval", True)


def test_a_softer_edge_measures_softer() -> None:
    edges = [
        measure(draw(np.random.default_rng(5), "brown", "oval", "medium", side=160, blur=blur).pixels, "lesion").edge
        for blur in (0.5, 1.5, 3, 6)
    ]
    assert all(edge is not None for edge in edges)
    assert edges == sorted(edges, reverse=True)  # type: ignore[type-var]  # none is None
    assert edges[0] > 0.5 > 0.26 > edges[-1]  # type: ignore[operator]


def test_a_sticker_and_a_black_rim_are_not_the_lesion() -> None:
    drawn = draw(np.random.default_rng(6), "brown", "round", "medium", side=160)
    pixels = drawn.pixels.copy()
    rows, columns = np.indices(drawn.region.shape)
    pixels[(rows - 6) ** 2 + (columns - 150) ** 2 < 20**2] = (240, 210, 20)
    pixels[(rows - 80) ** 2 + (columns - 80) ** 2 > 95**2] = (2, 2, 2)
    measures = measure(pixels, "lesion")
    assert measures.colours[0].name == "brown"
    assert measures.extent == pytest.approx(drawn.share, abs=0.03)
    assert measures.rim == pytest.approx(float(((rows - 80) ** 2 + (columns - 80) ** 2 > 95**2).mean()), abs=0.07)


def _main_colour(text: str) -> str:
    """The colour that the sentence on the lesion's colour names first."""
    names = ("reddish brown", "dark grey", "light grey", *COLOURS)
    for sentence in text.split(". "):
        if not any(word in sentence for word in ("colour", "is mainly", "is mostly", "throughout", "lesion is")):
            continue
        if "surrounding" in sentence and "lesion" not in sentence:
            continue
        found = [match for name in names if (match := re.search(rf"\b{name}\b", sentence))]
        if found:
            return min(found, key=lambda match: (match.start(), -len(match.group()))).group()
    return ""


def _words_of(text: str, words: tuple[str, ...], but: tuple[str, ...] = ()) -> set[str]:
    """Which of the words stand in sentences without ``but``."""
    sentences = [part for part in text.split(". ") if not any(word in part for word in but)]
    return {word for word in words for part in sentences if word in part.replace(".", "").replace(",", "").split()}
