from __future__ import annotations

import pytest

from synthmed.errors import UserError
from synthmed.evaluation.texts.parsers import PARSERS, open_parser
from synthmed.phantom.parse import parse_labels


def test_a_parser_by_name_and_by_import() -> None:
    assert PARSERS.names() == ["phantom"]
    assert open_parser("phantom") is parse_labels
    assert open_parser("synthmed.phantom.parse:parse_labels") is parse_labels


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("phantm", "parsers: there is no 'phantm'; did you mean 'phantom'"),
        ("no.such:thing", "parser 'no.such:thing': No module"),
        ("synthmed.phantom.parse:nothing", "has no attribute"),
        ("synthmed.sample:NO_FINDING", "cannot be called"),
        (":parse", "parser ':parse'"),
    ],
)
def test_what_is_no_parser_is_one_line(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        open_parser(name)
