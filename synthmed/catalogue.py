"""Everything that ``synthmed ls`` lists, gathered from the rooms' registries."""

from __future__ import annotations

from synthmed.data.sources import SOURCES
from synthmed.errors import UserError
from synthmed.evaluation import METRICS
from synthmed.load import MODELS
from synthmed.medart.captions.protocol import DESCRIBERS
from synthmed.modality import MODALITIES
from synthmed.recipe import recipes
from synthmed.registry import Registry, nearest

_REGISTRIES: dict[str, Registry] = {
    registry.kind: registry for registry in (MODALITIES, SOURCES, MODELS, METRICS, DESCRIBERS)
}
_KINDS = (*_REGISTRIES, "recipes", "suites")


def catalogue(kind: str) -> list[tuple[str, str]]:
    """(name, summary) of every entry of a kind, sorted by name.

    Raises:
        UserError: there is no such kind.
    """
    if kind in _REGISTRIES:
        return [(entry.name, entry.summary) for entry in _REGISTRIES[kind]]
    if kind not in _KINDS:
        raise UserError(f"nothing is called {kind!r}{nearest(kind, _KINDS)}")
    suites = kind == "suites"
    return [(name, summary) for name, summary in recipes() if name.startswith("benchmark/") == suites]
