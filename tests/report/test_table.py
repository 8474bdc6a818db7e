from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from synthmed.report.table import Table


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    table = Table(["label", "n", "mean"], [["nodule", 5, 0.123456], ["mass", 1200, 2.0]])
    assert table.to_text().splitlines() == [
        "label      n    mean",
        "nodule     5  0.1235",
        "mass    1200       2",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert Table(["a", "b"], []).to_text() == "a  b"


class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


@given(st.lists(st.text("<>&\"'abc é\x00", max_size=10), min_size=1, max_size=4))
def test_whatever_a_cell_holds_is_text_in_html(row: list[str]) -> None:
    reader = Cells()
    reader.feed(Table([""] * len(row), [row]).to_html())
    assert reader.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert [cell.replace("�", "\x00") for cell in reader.cells] == row
