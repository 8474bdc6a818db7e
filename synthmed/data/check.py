"""``synthmed data check``: a source's rows, inspected and reported."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pydantic

from synthmed.data.check_report import sections
from synthmed.data.inspection import inspect
from synthmed.data.sources import SOURCES, Source
from synthmed.errors import UserError
from synthmed.registry import nearest
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
    reader = make_source(source, options)
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


def make_source(name: str, options: Sequence[str] = ()) -> Source:
    """A source with its options, which are the fields of its dataclass, read as their types say; lists are JSON.

    Raises:
        UserError: no such source or option, or a value of the wrong type; with the nearest name.
    """
    kind = SOURCES.get(name)
    fields = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # sources are dataclasses
    values: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or key not in fields:
            raise UserError(f"{name}: no option {option!r}; write name=value{nearest(key, fields)}")
        values[key] = _parsed(value, f"{name}: option {key}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(values)
    except pydantic.ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        raise UserError(f"{name}: option {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None


def _parsed(value: str, what: str) -> Any:
    if not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise UserError(f"{what}: not JSON ({error})") from None
