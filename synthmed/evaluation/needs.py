"""What a metric needs and does not find, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from synthmed.evaluation.metric import Context, Need

_BATCH = 1024
_ROWS: tuple[Need, ...] = ("report", "labels", "boxes", "prompt")


class Found:
    """What a context has of all that metrics may need.

    Args:
        reasons: why one is not there, where more can be said than that.
    """

    def __init__(self, context: Context, reasons: Mapping[str, str] | None = None) -> None:
        self._context, self._reasons = context, dict(reasons or {})

    def missing(self, needs: Iterable[Need]) -> str:
        """Why a metric with these needs cannot run; ``""`` if it can."""
        return "; ".join(self._reasons.get(need) or _WHY[need] for need in sorted(needs) if not self._there(need))

    def _there(self, need: Need) -> bool:
        context = self._context
        if need in _ROWS:
            return need in self._stated
        return {
            "real": context.real is not None,
            "train": context.train is not None,
            "embedder": context.embedder is not None,
            "judges": bool(context.judges),
            "space": context.space is not None,
            "parser": context.parser is not None,
            "mask": any(field.mask for field in context.synthetic.images.values()),
        }[need]

    @cached_property
    def _stated(self) -> set[Need]:
        """What some synthetic row states; rows are read until all of it was seen."""
        corpus, found = self._context.synthetic, set[Need]()
        for start in range(0, len(corpus), _BATCH):
            for facts in corpus.facts(range(start, min(start + _BATCH, len(corpus)))):
                there = (facts.report, facts.labels or any(facts.labels_by_image.values()), facts.boxes, facts.prompt)
                found.update(need for need, value in zip(_ROWS, there, strict=True) if value)
            if len(found) == len(_ROWS):
                break
        return found


_WHY: Mapping[Need, str] = {
    "real": "no real rows were given (--real)",
    "train": "the generator's training rows were not given (--train)",
    "report": "no synthetic row has a report",
    "labels": "no synthetic row has labels",
    "mask": "no synthetic image has a mask",
    "boxes": "no synthetic row has boxes",
    "prompt": "no synthetic row has a prompt",
    "embedder": "no embedder was given (--embedder)",
    "judges": "no judges trained on real rows were given (--judge)",
    "space": "no aligned space of texts and images was given (--space)",
    "parser": "no parser that finds labels in a text was given (--parser)",
}
