"""What a stranger's config may not say."""

from __future__ import annotations

import pytest

from synthmed.errors import UserError
from synthmed.models.entries import no_fetched_code, plain_entries


def test_an_implementation_is_no_entry() -> None:
    assert plain_entries({"d_model": 8}) == {"d_model": 8}
    with pytest.raises(ValueError, match="attn_implementation"):
        plain_entries({"d_model": 8, "attn_implementation": "sdpa"})


def test_code_on_the_hub_is_refused_at_any_depth() -> None:
    no_fetched_code({"attn_implementation": "sdpa", "text_config": {"_attn_implementation": "eager"}}, "config.json")
    for entries in (
        {"_attn_implementation": "someone/kernel"},
        {"text_config": {"experts_implementation": "someone/kernel"}},
        {"parts": [{"_attn_implementation_internal": "someone/kernel"}]},
    ):
        with pytest.raises(UserError, match=r"config.json: .* is code to be fetched"):
            no_fetched_code(entries, "config.json")
