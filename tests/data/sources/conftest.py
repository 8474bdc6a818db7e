"""A miniature of a release in a temporary folder, and what a source reads there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synthmed.data.record import Problem, Record
from synthmed.data.sources import Source


@pytest.fixture(autouse=True)
def _patient_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHMED_PATIENT_KEY", "0" * 64)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Write a file below the temporary folder; empty by default, as no source opens pixels."""

    def write(name: str, content: str | bytes = b"") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[Record], list[str]]]:
    """The records and the problems of a source, without the temporary folder's name."""

    def rows(source: Source, root: Path = tmp_path) -> tuple[list[Record], list[str]]:
        assert isinstance(source, Source)
        found = list(source.records(root))
        problems = [str(item).replace(f"{tmp_path}/", "") for item in found if isinstance(item, Problem)]
        return [item for item in found if isinstance(item, Record)], problems

    return rows
