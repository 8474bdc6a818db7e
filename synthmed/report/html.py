"""One self-contained HTML page: no script, nothing fetched, every text escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from synthmed.report.table import Table

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; margin: .5rem 0 } th, td { text-align: left; padding: .15rem .8rem .15rem 0 }
th { border-bottom: 1px solid #999 } .number { text-align: right; font-variant-numeric: tabular-nums }
img { max-width: 100%; background: #000 } pre { white-space: pre-wrap } figcaption { color: #555 }
"""


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption."""

    png: bytes
    caption: str


@dataclass(frozen=True)
class Drawing:
    """An SVG with its caption. It is shown as an image, in which no browser runs scripts or fetches anything."""

    svg: str
    caption: str


Part = str | Table | Picture | Drawing


@dataclass(frozen=True)
class Section:
    """A headed part of a page: paragraphs, tables and pictures in their order."""

    title: str
    parts: Sequence[Part]


def page(title: str, sections: Sequence[Section]) -> str:
    """The page's HTML."""
    body = "".join(
        f"<section><h2>{escape(section.title)}</h2>{''.join(map(_part, section.parts))}</section>"
        for section in sections
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def text(title: str, sections: Sequence[Section]) -> str:
    """The same for a terminal; a picture or drawing is its caption."""
    lines = [title]
    for section in sections:
        lines += ["", section.title.upper()]
        for part in section.parts:
            lines.append(part.to_text() if isinstance(part, Table) else part if isinstance(part, str) else part.caption)
    return "\n".join(lines)


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return part.to_html()
    if isinstance(part, str):
        return f"<p>{escape(part)}</p>"
    kind, content = ("png", part.png) if isinstance(part, Picture) else ("svg+xml", part.svg.encode())
    data = base64.b64encode(content).decode("ascii")
    caption = escape(part.caption)
    image = f'<img src="data:image/{kind};base64,{data}" alt="{caption}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
