"""Labels to text and back to frequencies, for every model that has prompts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pydantic
import pytest
from scipy.stats import chisquare

from synthmed.errors import UserError
from synthmed.problem import problem
from synthmed.prompts import PromptConfig, drawn_labels, labels_of, prompt_of, worded
from synthmed.sample import NO_FINDING


@dataclass(frozen=True)
class Config:
    prompts: PromptConfig
    labels: tuple[str, ...] = ("mass", "nodule")


TEMPLATES = {"*": "A film with {labels}.", "mass|nodule": "Both.", NO_FINDING: "A clear film."}


def test_a_label_set_has_its_own_template_whatever_its_order() -> None:
    config = Config(PromptConfig(templates=TEMPLATES))
    assert worded(config, ["nodule", "mass"]) == worded(config, ["mass", "nodule"]) == "Both."
    assert worded(config, ["mass"]) == "A film with mass."
    assert worded(config, []) == "A clear film."
    assert worded(Config(PromptConfig(templates={})), ["nodule", "mass"]) == "mass and nodule"


def test_a_report_is_its_own_prompt_and_unknown_labels_are_refused() -> None:
    config = Config(PromptConfig(templates=TEMPLATES))
    assert prompt_of(config, {"report": "A mass.", "labels": ("mass",)}) == "A mass."
    assert prompt_of(config, {"labels": (NO_FINDING,)}) == "A clear film."
    assert prompt_of(config, {}) == ""
    with pytest.raises(UserError, match="label 'cyst': the model knows mass, nodule, no finding"):
        prompt_of(config, {"labels": ("cyst",)})


def test_labels_are_drawn_by_their_frequency_and_the_seed_alone() -> None:
    sets = ((("mass",), 5.0), ((), 3.0), (("mass", "nodule"), 2.0))
    config = Config(PromptConfig(sets=sets))
    drawn = Counter(drawn_labels(config, seed) for seed in range(5000))
    counts = [drawn[names] for names, _ in sets]
    assert chisquare(counts, [500 * weight for _, weight in sets]).pvalue > 1e-3
    assert drawn_labels(config, 7) == drawn_labels(config, 7)
    assert drawn_labels(Config(PromptConfig()), 7) is None


def test_labels_are_given_or_drawn_or_not_known() -> None:
    config = Config(PromptConfig(sets=((("mass",), 1.0),)))
    assert labels_of(config, {"labels": ("nodule", "no finding")}, 7) == ("nodule",)
    assert labels_of(config, {"labels": ("no finding",), "report": "Clear."}, 7) == ()
    assert labels_of(config, {}, 7) == ("mass",)
    assert labels_of(config, {"report": "A mass."}, 7) is None


def test_a_negative_frequency_is_refused_with_its_place() -> None:
    with pytest.raises(pydantic.ValidationError) as found:
        PromptConfig(sets=(((), -1.0),))
    assert problem(found.value) == "sets.0.1: Input should be greater than or equal to 0"
