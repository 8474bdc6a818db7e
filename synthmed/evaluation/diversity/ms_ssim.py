"""How alike two images of a set are: at random, and where the prompt or the labels are the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from synthmed.evaluation.corpora.batches import BATCH
from synthmed.evaluation.corpora.groups import Places, groups
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.diversity.similarity import LEAST, ms_ssim, pairs_within, random_pairs, scales
from synthmed.evaluation.fidelity.deals import Deal
from synthmed.evaluation.fidelity.estimate import Estimate, figure
from synthmed.evaluation.intervals import bootstrap
from synthmed.evaluation.metric import Context, Figure, Need
from synthmed.evaluation.scale import unit

_NONE = Estimate(float("nan"))


@dataclass(frozen=True)
class MSSSIM:
    """Mean similarity over pairs of a set's own images: far above that of a real set is collapse, far below is noise.

    Attributes:
        pairs: that are compared, at most.
    """

    name: ClassVar[str] = "ms_ssim"
    summary: ClassVar[str] = "similarity within the set, over random pairs and within prompt or labels"
    goal: ClassVar[Literal["low", "high", "real"]] = "real"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    needs: ClassVar[frozenset[Need]] = frozenset()
    source: ClassVar[str] = "Wang et al., 2003, by MONAI; pairs as in Odena et al., ICML 2017"

    pairs: int = 500

    def __call__(self, context: Context) -> Iterator[Figure]:
        """``random`` and ``prompt`` (or ``labels``, where no row has a prompt) of each image."""
        for image in context.synthetic.images:
            rows, side = context.synthetic.rows[image], _side(context.synthetic, image)
            scope, places = {"image": image}, np.arange(rows)
            count = scales(side)
            if not count or rows < 2:
                problem = f"n/a: {side} pixels, and MS-SSIM needs {LEAST}" if rows > 1 else f"n/a: {rows} image(s)"
                yield Deal(scope, places, problem=problem).refused(self.name, "random")
                continue
            real, note = _comparable(context, image, count)
            told = [f"{count} of 5 scales"] if count < 5 else []
            deal = Deal(scope, places, note="; ".join(told + note))
            by = "prompt" if (groups(context.synthetic, image).prompts >= 0).any() else "labels"
            for part in ("random", by):
                found, pairs = self._mean(context.synthetic, image, part, context.seed)
                if not pairs:
                    yield Deal(scope, places, problem=f"n/a: no two images share their {by}").refused(self.name, part)
                    continue
                floor, compared = self._mean(real, image, part, context.seed) if real is not None else (_NONE, 0)
                counts = f"{pairs} pairs, {compared} real ones" + (" of equal labels" if part != "random" else "")
                yield figure(self.name, deal, found, floor, part=part, note=counts)

    def _mean(self, corpus: Corpus, image: str, part: str, seed: int) -> tuple[Estimate, int]:
        rng = np.random.default_rng(seed)
        own = groups(corpus, image)
        if part == "random":
            pairs = random_pairs(corpus.rows[image], self.pairs, rng)
        else:
            codes = own.prompts if part == "prompt" and (own.prompts >= 0).any() else own.label_sets
            pairs = pairs_within(codes, self.pairs, rng)
        if not len(pairs):
            return _NONE, 0
        values = similarities(corpus, image, pairs)
        ends = bootstrap(lambda rows: float(values[rows].mean()), len(values), draws=500, seed=seed)
        return Estimate(float(values.mean()), *ends), len(pairs)


def similarities(corpus: Corpus, image: str, pairs: Places) -> npt.NDArray[np.float64]:
    """(n,) of pairs (n, 2) of places in ``corpus.having(image)``, read a few at a time."""
    having, field = corpus.having(image), corpus.images[image]
    found = []
    for start in range(0, len(pairs), BATCH):
        part = having[pairs[start : start + BATCH]]
        one, other = (unit(field, corpus.pixels(image, part[:, side].tolist())) for side in (0, 1))
        found.append(ms_ssim(one, other))
    return np.concatenate(found)


def _side(corpus: Corpus, image: str) -> int:
    return min(corpus.pixels(image, corpus.having(image)[:1].tolist()).shape[2:]) if corpus.rows[image] else 0


def _comparable(context: Context, image: str, count: int) -> tuple[Corpus | None, list[str]]:
    """The real rows if their images take as many scales, and what to say if not."""
    real = context.real
    if real is None or not real.rows.get(image, 0):
        return None, ["no real rows to compare with"]
    if scales(_side(real, image)) != count:
        return None, ["real images are of another size and take other scales; open both with one size"]
    return real, []
