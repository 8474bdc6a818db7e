"""One image of a corpus looked for among training rows: scores, nearest rows, threshold, and what it would find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from synthmed.evaluation.copying.alterations import Alteration
from synthmed.evaluation.copying.correlation import CorrelationDetector
from synthmed.evaluation.copying.embedding import EmbeddingDetector
from synthmed.evaluation.copying.matches import Detector, Matches
from synthmed.evaluation.copying.plant import Pictures, Planted, self_test
from synthmed.evaluation.copying.split import Halves, Places, drawn, halves
from synthmed.evaluation.copying.threshold import Rate, threshold
from synthmed.evaluation.copying.thumbnails import SIDE, thumbnails
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.features import features
from synthmed.evaluation.metric import Context
from synthmed.evaluation.scale import unit

_BLOCK = 256


@dataclass(frozen=True)
class Search:
    """What a detector says of an image's rows.

    Attributes:
        detector: its gallery is ``train``.
        synthetic, train: places of the rows that were looked for, and of those they were looked for among.
        holdout: hold-out rows; the first half set ``limit``.
        limit: the threshold.
        found: of the synthetic rows, positions in ``train``.
        beside: of the synthetic rows, positions in the first half of ``holdout``.
        alarms: how many of the second half of the hold-out rows pass the threshold.
        nearer: how many of that half are nearer to a training row than to one of the first half.
    """

    detector: Detector
    synthetic: Places
    train: Places
    holdout: Halves
    limit: float
    found: Matches
    beside: Matches
    alarms: Rate
    nearer: Rate

    @property
    def copies(self) -> Rate:
        """How many synthetic rows pass the threshold."""
        return Rate.above(self.found.scores, self.limit)

    @property
    def drawn_to_training(self) -> Rate:
        """How many synthetic rows are nearer to a training row than to a hold-out row; to judge by ``nearer``."""
        return Rate.above(self.found.scores - self.beside.scores, 0.0)


def searches(context: Context, image: str) -> Iterator[Search]:
    """By correlation, and by the context's embedder where it has one.

    Raises:
        UserError: no hold-out row is of another patient than the training rows.
        ValueError: the context has no real or no training rows.
    """
    if context.real is None or context.train is None:
        raise ValueError("a search needs hold-out and training rows")
    rng = np.random.default_rng(context.seed)
    wanted = drawn(context.synthetic.having(image), context.limit, rng)
    train = context.train.having(image)
    split = halves(context.real, context.train, image, limit=context.limit, seed=context.seed)
    asked = ((context.real, split.first), (context.real, split.second), (context.synthetic, wanted))
    detector = CorrelationDetector(_thumbnails(context.train, image, train))
    # All of a corpus's thumbnails at once: the gallery's windows are made anew at each call.
    shown = [_thumbnails(corpus, image, rows).numpy() for corpus, rows in asked]
    held = CorrelationDetector(torch.from_numpy(shown[0]))
    yield _search(detector, detector, held, shown, wanted, train, split)
    if (network := context.embedder) is not None:
        by_network = EmbeddingDetector(features(context.train, image, network, context.cache), network)
        felt = [features(corpus, image, network, context.cache, rows.tolist()) for corpus, rows in asked]
        among = EmbeddingDetector(felt[0], network).nearest
        yield _search(by_network, by_network.nearest, among, felt, wanted, train, split)


def _search(
    detector: Detector,
    among_train: Callable[[npt.NDArray[np.float32]], Matches],
    among_holdout: Callable[[npt.NDArray[np.float32]], Matches],
    rows: list[npt.NDArray[np.float32]],
    synthetic: Places,
    train: Places,
    split: Halves,
) -> Search:
    """Of the rows as they are compared: the first half of the hold-out, the second, the synthetic."""
    first, second, made = rows
    limit = threshold(among_train(first).scores)
    other, found, beside = among_train(second), among_train(made), among_holdout(made)
    nearer = Rate.above(other.scores - among_holdout(second).scores, 0.0)
    return Search(detector, synthetic, train, split, limit, found, beside, Rate.above(other.scores, limit), nearer)


def sensitivities(
    search: Search, corpus: Corpus, image: str, alterations: Mapping[str, Alteration], *, planted: int, seed: int
) -> list[Planted]:
    """Plant altered copies of the training corpus's rows, and look for them as the search did."""
    pictures = pictures_of(corpus, image)
    return self_test(
        search.detector, pictures, search.train.tolist(), search.limit, alterations, planted=planted, seed=seed
    )


def pictures_of(corpus: Corpus, image: str) -> Pictures:
    """Rows by their places, in [0, 1]."""
    return lambda places: unit(corpus.images[image], corpus.pixels(image, places))


def _thumbnails(corpus: Corpus, image: str, places: Places) -> torch.Tensor:
    pictures = pictures_of(corpus, image)
    blocks = [places[start : start + _BLOCK].tolist() for start in range(0, len(places), _BLOCK)]
    empty = torch.zeros(0, 1, SIDE, SIDE)
    return torch.cat([empty, *(thumbnails(torch.from_numpy(pictures(block))) for block in blocks)])
