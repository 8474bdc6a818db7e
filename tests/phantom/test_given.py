"""What a request may fix, and what is refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthmed.errors import UserError
from synthmed.phantom import Phantom
from synthmed.phantom.given import checked_labels, checked_mask, wanted_findings
from synthmed.phantom.kinds import KINDS
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (("nodul",), "did you mean 'nodule'"),
        ((3,), "no label 3"),
        ("nodule", "is not a list"),
        (None, "is not a list"),
        ((), "is empty"),
        (("mass", "mass"), "twice"),
        (("mass", NO_FINDING), "beside findings"),
    ],
)
def test_bad_labels(labels: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        checked_labels(labels)
    assert "\n" not in str(error.value)
    assert "given labels" in str(error.value)


@pytest.mark.parametrize("report", ["", "   ", None, 7, b"a nodule"])
def test_bad_reports(report: Any) -> None:
    with pytest.raises(UserError, match="given report"):
        wanted_findings({"report": report})


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((1, 64, 64), np.uint8), "background only"),
        (np.full((1, 64, 64), 99, np.uint8), "value 99"),
        (np.ones((64, 64), np.uint8), r"give uint8 of shape \(1, 64, 64\)"),
        (np.ones((1, 64, 32), np.uint8), "shape"),
        (np.ones((1, 64, 64), np.float32), "float32"),
        ("mask", "str"),
    ],
)
def test_bad_masks(mask: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        checked_mask("ct.mask", mask, (64, 64))
    assert "ct.mask" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", list(KINDS))
def test_given_labels_are_the_patients(kind: str) -> None:
    samples = Phantom((64, 64)).render([Request(("labels",), {"labels": (kind,)})] * 3, range(3))
    assert [sample.labels for sample in samples] == [[kind]] * 3


def test_all_labels_together_and_none() -> None:
    phantom = Phantom((64, 64))
    everything = phantom.render([Request(phantom.default_to, {"labels": tuple(KINDS)})], [1])[0]
    assert everything.labels == list(KINDS)
    nothing = phantom.render([Request(phantom.default_to, {"labels": (NO_FINDING,)})], [1])[0]
    assert nothing.labels == [NO_FINDING]
    assert not nothing.boxes


def test_a_given_report_conditions_the_patient_and_is_kept() -> None:
    text = "There is a 31 mm effusion on the left. A nodule of 1.2 cm is seen in the right upper lobe. No pneumothorax."
    phantom = Phantom((64, 64))
    sample = phantom.render([Request(phantom.default_to, {"report": text}, text)], [5])[0]
    assert sample.report == text
    assert sample.prompt == text
    assert sample.labels == ["pleural effusion", "nodule"]
    assert '"side": "left", "place": "pleural space", "size_mm": 31' in str(sample.attributes["findings"])
    assert '"side": "right", "place": "upper lobe", "size_mm": 12' in str(sample.attributes["findings"])


def test_a_report_without_findings_makes_a_normal_patient() -> None:
    sample = Phantom((64, 64)).render([Request(("labels",), {"report": "Normal chest."})], [5])[0]
    assert sample.labels == [NO_FINDING]
