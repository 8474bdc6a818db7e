"""Which rows a comparison takes: as many synthetic ones as there are real ones on either side of the floor."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from synthmed.errors import UserError
from synthmed.evaluation.corpora.groups import Groups, Places, groups, halves
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.metric import Context, Figure
from synthmed.fields import ImageField

LEAST = 50
"""Rows of a label that each side must have for a figure of its own."""


def _none() -> Places:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Deal:
    """Three sets of n rows: the figure is of ``synthetic`` against ``reference``, its floor of ``other`` against it.

    Attributes:
        scope: the image, and the label where it is one's alone.
        synthetic, reference, other: places in ``corpus.having(image)``; the latter two are disjoint halves of the real
            rows, of different patients where these are known.
        note: what was cut, and how the halves were dealt.
        problem: why there is nothing to compare; ``""`` if there is.
    """

    scope: Mapping[str, str]
    synthetic: Places = field(default_factory=_none)
    reference: Places = field(default_factory=_none)
    other: Places = field(default_factory=_none)
    note: str = ""
    problem: str = ""

    @property
    def image(self) -> str:
        """Whose rows they are."""
        return self.scope["image"]

    @property
    def n(self) -> int:
        """Rows of each set."""
        return len(self.synthetic)

    def refused(self, metric: str, part: str = "", extractor: str = "") -> Figure:
        """The figure without a value, which says why."""
        return Figure(metric, part, self.scope, n=self.n, extractor=extractor, note=self.problem)


def real_of(context: Context, metric: str) -> Corpus:
    """The real rows.

    Raises:
        UserError: none were given.
    """
    if context.real is None:
        raise UserError(f"{metric} compares with real rows; give them with --real")
    return context.real


def deals(context: Context, metric: str, *, limit: int | None = None, by_label: bool = True) -> Iterator[Deal]:
    """One deal an image that both corpora have, and one a label that `LEAST` rows of each side show.

    Args:
        limit: rows of each set, at most.

    Raises:
        UserError: no real rows were given, or they share no image with the synthetic ones.
    """
    synthetic, real = context.synthetic, real_of(context, metric)
    images = [image for image in synthetic.images if image in real.images]
    if not images:
        raise UserError(
            f"{metric}: {synthetic.name} has {', '.join(synthetic.images) or 'no image'}, {real.name} has "
            f"{', '.join(real.images) or 'none'}; nothing is in both"
        )
    for image in images:
        problem = unlike(synthetic.images[image], real.images[image])
        if problem:
            yield Deal({"image": image}, problem=problem)
            continue
        made, seen = groups(synthetic, image), groups(real, image)
        everything = np.arange(synthetic.rows[image]), np.arange(real.rows[image])
        yield _deal({"image": image}, *everything, seen, context.seed, limit)
        if not by_label:
            continue
        for label in sorted(set(made.labels) & set(seen.labels)):
            own = made.labels[label], seen.labels[label]
            if min(map(len, own)) >= LEAST:
                yield _deal({"image": image, "label": label}, *own, seen, context.seed, limit)


def unlike(one: ImageField, other: ImageField) -> str:
    """Why values of the two fields cannot be compared; ``""`` if they can."""
    if (one.unit, one.window, one.channels) == (other.unit, other.window, other.channels):
        return ""
    return f"stored in other units: {_shown(one)} and {_shown(other)}; open both over one window"


def _shown(field: ImageField) -> str:
    window = f" over ({field.window[0]:g}, {field.window[1]:g}) HU" if field.window else ""
    return f"{field.channels} channel(s) in {field.unit!r}{window}"


def _deal(scope: Mapping[str, str], made: Places, seen: Places, theirs: Groups, seed: int, limit: int | None) -> Deal:
    rng = np.random.default_rng([seed, zlib.crc32("\0".join(scope.values()).encode())])
    one, other, by_patient = halves(theirs.patients, seen, rng)
    n = min(len(made), len(one), len(other))
    cut = f"n = {n} on each side"
    if limit is not None and n > limit:
        n = limit
        cut = f"n = {n} on each side, a random choice"
    elif n < len(made):
        cut += f", cut from {len(made)} since the floor needs two disjoint sets of the {len(seen)} real rows"
    how = "of different patients" if by_patient else "by row, since patients are not told apart"
    if n < 2:
        return Deal(scope, problem=f"{len(made)} synthetic and {len(seen)} real rows; at least 2 and 4 are needed")
    return Deal(scope, rng.permutation(made)[:n], one[:n], other[:n], f"{cut}; the floor's halves are {how}")
