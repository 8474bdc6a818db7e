from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.modality import MODALITIES, canonical, image_name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("xray", ("xray", "", False)),
        ("mri.t1", ("mri", "", False)),
        ("mri.t1.mask", ("mri", "", True)),
        ("mri.t2.mask", ("mri", "t2", True)),
        ("us.doppler", ("us", "doppler", False)),
    ],
)
def test_names_are_read_into_their_parts(name: str, parts: tuple[str, str, bool]) -> None:
    read = image_name(name)
    assert (read.modality, read.contrast, read.mask) == parts
    assert image_name(str(read)) == read


def test_the_first_contrast_has_the_bare_name() -> None:
    assert canonical("mri.t1") == "mri"
    assert canonical("report") == "report"


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_refused_in_one_line(name: str) -> None:
    try:
        assert canonical(canonical(name)) == canonical(name)
    except UserError as error:
        assert "\n" not in str(error) or "\n" in name


def test_the_five_modalities_of_the_design() -> None:
    assert {"text", "xray", "ct", "mri", "photo"} <= set(MODALITIES.names())
    ct = MODALITIES.get("ct")
    assert (ct.low, ct.high, ct.unit, ct.bits) == (-1024, 3071, "HU", 16)
