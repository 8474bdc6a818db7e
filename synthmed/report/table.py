"""A small table, as text for a terminal and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

Cell: TypeAlias = str | int | float


@dataclass(frozen=True)
class Table:
    """Rows of cells under column heads. Numbers stand to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def to_text(self) -> str:
        """Aligned columns, two spaces apart, without a rule."""
        cells = [list(self.columns), *([_text(value) for value in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        right = self._numeric()
        return "\n".join(
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        )

    def to_html(self) -> str:
        """A ``<table>``, every cell escaped."""
        right = self._numeric()

        def line(values: Sequence[str], tag: str) -> str:
            cells = (
                f'<{tag} class="number">{escape(value)}</{tag}>' if number else f"<{tag}>{escape(value)}</{tag}>"
                for value, number in zip(values, right, strict=True)
            )
            return f"<tr>{''.join(cells)}</tr>"

        body = "".join(line([_text(value) for value in row], "td") for row in self.rows)
        return f"<table><thead>{line(list(self.columns), 'th')}</thead><tbody>{body}</tbody></table>"

    def _numeric(self) -> list[bool]:
        return [
            bool(self.rows) and all(not isinstance(row[column], str) for row in self.rows)
            for column in range(len(self.columns))
        ]


def _text(value: Cell) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
