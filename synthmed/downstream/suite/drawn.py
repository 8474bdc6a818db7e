"""A training recipe turned to the rows that one cell draws: what ``trained`` generators learn from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from synthmed.data.record import Problem, Record
from synthmed.data.sources import SOURCES
from synthmed.data.sources.options import make_source
from synthmed.downstream.suite.data import source_of
from synthmed.downstream.suite.schema import GeneratorSpec, Suite
from synthmed.errors import UserError
from synthmed.recipe import find_recipe, read_recipe
from synthmed.registry import Entry

NAME = "drawn"


@dataclass(frozen=True)
class Drawn:
    """Some rows of another source, by their ids, as training rows.

    Attributes:
        source, options: the other source's.
        keys: the rows' ids.
    """

    summary: ClassVar[str] = "the rows of another source that a benchmark's cell draws"

    source: str = "shards"
    keys: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """Those rows, in the other source's order."""
        wanted = frozenset(self.keys)
        for row in make_source(self.source, self.options).records(root):
            if isinstance(row, Record) and row.id in wanted:
                yield row


def recipe_overrides(spec: GeneratorSpec, suite: Suite, keys: Sequence[str]) -> list[str]:
    """Overrides that give a recipe those training rows and no others, through the pipeline of its first part.

    The generator's own overrides come last and win.

    Raises:
        UserError: the recipe has no data part.
    """
    if NAME not in SOURCES:
        SOURCES.add(Entry(NAME, Drawn.summary, f"{__name__}:Drawn"))
    recipe = str(spec.trained)
    source, root, options = source_of(suite.train, suite)
    try:
        first = dict(read_recipe(recipe)["data"]["parts"][0])
    except (KeyError, IndexError, TypeError, ValueError):
        raise UserError(f"{find_recipe(recipe)}: has no data.parts, whose first one tells how rows are read") from None
    kept = {name: value for name, value in first.items() if name in ("images", "window", "pipeline")}
    part = {
        **kept,
        "source": NAME,
        "split": "train",
        "options": {"source": source, "options": options, "keys": list(keys)},
    }
    # JSON is YAML, which overrides are.
    return [f"data.root={json.dumps(str(root.resolve()))}", f"data.parts={json.dumps([part])}", *spec.overrides]
