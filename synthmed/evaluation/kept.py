"""A report's folder: what run it is of, and the figures that need not be computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.evaluation.metric import Context
from synthmed.evaluation.results import Outcome, read_json, write_json

RUN = "run.json"
FIGURES = "figures"
FORMAT = 1
_ADDED = ("judges", "space", "parser")
"""May come to a report later: the figures that do not need them stay."""
_PACKAGES = ("synthmed", "numpy", "scipy", "scikit-learn", "torch", "monai")


def record(context: Context) -> dict[str, Any]:
    """What a run is of, as JSON: corpora and networks by the digest of what they hold, and the draws."""
    corpora = {"synthetic": context.synthetic, "real": context.real, "train": context.train}
    found: dict[str, Any] = {role: corpus.digest if corpus else None for role, corpus in corpora.items()}
    embedder, space = context.embedder, context.space
    return {
        "format": FORMAT,
        **found,
        "embedder": None if embedder is None else [embedder.name, embedder.digest],
        "judges": sorted([task, image, judge.digest] for (task, image), judge in context.judges.items()),
        "space": None if space is None else [space.name, space.digest],
        "parser": parameters(context.parser),
        "seed": context.seed,
        "limit": context.limit,
    }


class Kept:
    """The folder of a report, ``run.json`` and ``figures/<metric>.json`` in it.

    Args:
        out: made if need be.
        about: see `record`.
        overwrite: drop the figures that are there, of whatever run.

    Raises:
        UserError: it holds another run, or files that are no report; or it cannot be written.
    """

    def __init__(self, out: Path, about: Mapping[str, Any], *, overwrite: bool = False) -> None:
        self.out, self._about = out, dict(about)
        if overwrite:
            for path in (out / FIGURES).glob("*.json"):
                path.unlink()
        else:
            refuse_others(out, self._about)
        write_json(out / RUN, self._about)

    def load(self, name: str, metric: Any) -> Outcome | None:
        """The outcome of a metric that has ended, by the same parameters and versions; else None."""
        data = read_json(self._path(name))
        try:
            if data["fingerprint"] == self.fingerprint(metric):
                return Outcome.from_json(data["outcome"])
        except (KeyError, TypeError, ValueError):
            pass
        return None

    def save(self, metric: Any, outcome: Outcome) -> None:
        """Keep the outcome of a metric that has ended."""
        content = {"fingerprint": self.fingerprint(metric), "outcome": outcome.to_json()}
        write_json(self._path(outcome.metric), content)

    def names(self) -> set[str]:
        """Metrics of which there is a file."""
        return {path.stem for path in (self.out / FIGURES).glob("*.json")}

    def fingerprint(self, metric: Any) -> str:
        """Of what the metric sees of the run, its parameters and the versions that compute it."""
        kind = type(metric)
        seen = {key: entry for key, entry in self._about.items() if key not in _ADDED or key in metric.needs}
        about = [seen, f"{kind.__module__}:{kind.__qualname__}", parameters(metric), self._versions]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _versions(self) -> dict[str, str]:
        return {package: version(package) for package in _PACKAGES}

    def _path(self, name: str) -> Path:
        return self.out / FIGURES / f"{name}.json"


def refuse_others(out: Path, about: Mapping[str, Any], but: Collection[str] = ()) -> None:
    """Refuse a folder that is not of this run, nor empty. Judges, a space and a parser may be added to what is there.

    Args:
        but: keys that may differ, for what is not known yet.

    Raises:
        UserError: it holds another run, or files that are no report.
    """
    before, end = read_json(out / RUN), "name another --out, or replace it with --overwrite"
    if isinstance(before, dict):
        told = {*before, *about} - {*but}
        changed = sorted(key for key in told if not _goes_on(key, before.get(key), about.get(key)))
        if changed:
            raise UserError(f"{out}: holds another run (other {', '.join(changed)}); {end}")
    elif out.exists() and not out.is_dir():
        raise UserError(f"{out}: is no folder; name another --out")
    elif out.exists() and any(path.name != "cache" for path in out.iterdir()):
        raise UserError(f"{out}: holds files that are no report; {end}")


def _goes_on(key: str, before: Any, now: Any) -> bool:
    added = key in _ADDED and (not before or (key == "judges" and all(judge in now for judge in before)))
    return added or bool(before == now)


def parameters(value: Any) -> Any:
    """A metric's fields as JSON, functions by their names; what has no better name goes by ``repr``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: parameters(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): parameters(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [parameters(entry) for entry in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    name = getattr(value, "__qualname__", None)
    # A method of a built-in type has no module.
    return f"{getattr(value, '__module__', '')}:{name}" if name else repr(value)
