"""The report parser on sentences that the phantom did not write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.phantom.parse import parse_labels, parse_report
from synthmed.sample import NO_FINDING


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", [NO_FINDING]),
        ("Normal chest.", [NO_FINDING]),
        ("There is a nodule.", ["nodule"]),
        ("No nodule. There is a mass.", ["mass"]),
        ("No pleural effusion, pneumothorax or consolidation.", [NO_FINDING]),
        ("Neither an effusion nor a pneumothorax.", [NO_FINDING]),
        ("No pneumothorax but a small effusion.", ["pleural effusion"]),
        ("Pneumothorax has resolved.", [NO_FINDING]),
        ("Lungs free of nodules; small left effusion.", ["pleural effusion"]),
        ("It is not seen on the radiograph; CT shows a nodule.", ["nodule"]),
        ("The radiograph shows no nodule, but CT shows a 7 mm nodule.", ["nodule"]),
        ("The heart is not enlarged.", [NO_FINDING]),
        ("The heart is enlarged.", ["cardiomegaly"]),
        ("The cardiac silhouette is mildly enlarged.", ["cardiomegaly"]),
        ("Widened mediastinum. No hilar lymphadenopathy.", ["mediastinal enlargement"]),
        ("Right hilar adenopathy without mediastinal widening.", ["hilar enlargement"]),
        ("CONSOLIDATION AND ATELECTASIS IN THE LEFT LOWER LOBE.", ["consolidation", "atelectasis"]),
        ("No mass effect.", [NO_FINDING]),
        ("Pericardial effusion.", [NO_FINDING]),
    ],
)
def test_labels(text: str, labels: list[str]) -> None:
    assert parse_labels(text) == labels


def test_details() -> None:
    nodule, rib = parse_report(
        "A 1.4 cm nodule in the left upper lobe.\nSclerotic lesion of the right sixth rib: rib lesion."
    )
    assert (nodule.side, nodule.place, nodule.size_mm) == ("left", "upper lobe", 14)
    assert rib.kind == "rib lesion"
    assert parse_report("Nodule in the lingula.")[0].side == "left"
    assert parse_report("Cardiomegaly, more on the left, 15.5 cm.")[0].side is None
    (merged,) = parse_report("There is an effusion. The effusion on the right measures 3 cm.")
    assert (merged.side, merged.size_mm) == ("right", 30)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_labels(text: str) -> None:
    assert parse_labels(text)
