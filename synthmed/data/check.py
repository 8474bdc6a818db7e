"""``synthmed data check``: a source's rows, inspected and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from synthmed.data.check_report import sections
from synthmed.data.inspection import inspect
from synthmed.data.sources.options import make_source, parse_options
from synthmed.errors import UserError
from synthmed.report.html import Picture, page, text


def run_check(
    source: str,
    root: Path,
    options: Sequence[str] = (),
    out: Path | None = None,
    *,
    overwrite: bool = False,
    on_total: Callable[[int], None] = lambda total: None,
    on_record: Callable[[], None] = lambda: None,
) -> str:
    """Inspect a data set; gives the report's text.

    Args:
        options: the source's, each as ``name=value``.
        out: a folder for ``report.html`` and one PNG a contact sheet.
        on_total: told how many rows there are, before the first is read.

    Raises:
        UserError: no such source or option, the wrong folder, or a report that is there already.
    """
    reader = make_source(source, parse_options(source, options))
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    if out is not None and (out / "report.html").exists() and not overwrite:
        raise UserError(f"{out / 'report.html'} is there already; name another folder, or replace it with --overwrite")
    rows = list(reader.records(root))
    on_total(len(rows))
    parts = sections(inspect(rows, on_record))
    # The folder's own name says which data set; where it lies is this machine's affair.
    title = " ".join([f"{source}: {root.resolve().name}", *options])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(_printable(page(title, parts)), encoding="utf-8")
        for section in parts:
            for part in section.parts:
                if isinstance(part, Picture):
                    name = section.title.removeprefix("Images: ")
                    (out / f"{name}.png").write_bytes(part.png)
    return _printable(text(title, parts))


def _printable(words: str) -> str:
    """A file name that is not UTF-8 reaches Python as lone surrogates, which no stream takes."""
    return words.encode("utf-8", "backslashreplace").decode("utf-8")
