"""The metric ``agreement``: judges trained on real rows look at the synthetic ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from synthmed.evaluation.agreement.judged import Judged
from synthmed.evaluation.agreement.protocol import Judge
from synthmed.evaluation.agreement.tasks import classified, detected, segmented
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.metric import Context, Figure, Need

_LOOK: Mapping[str, Callable[[Corpus, Judge, int, int], Judged | str]] = {
    "classification": classified,
    "segmentation": segmented,
    "detection": detected,
}


@dataclass(frozen=True)
class Agreement:
    """Does the image show what its labels, mask and boxes say, as far as a judge of real images can tell.

    ``score`` is the judge's macro AUROC, mean Dice or AP50 on synthetic rows, its floor the same on real ones;
    ``shuffled`` the score against other rows' facts; ``relative`` is (score - chance) / (real - chance): 0 for images
    that show nothing of what they should, 1 for real ones, above 1 for images that are easier than real ones.

    Args:
        draws: of each interval.
    """

    draws: int = 1000

    name: ClassVar[str] = "agreement"
    summary: ClassVar[str] = "judges trained on real rows see what the synthetic rows say"
    goal: ClassVar[Literal["low", "high", "real"]] = "high"
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    needs: ClassVar[frozenset[Need]] = frozenset({"judges"})
    source: ClassVar[str] = "GAN-test of Shmelkov, Schmid, Alahari (ECCV 2018), between chance and the real score"

    def __call__(self, context: Context) -> Iterator[Figure]:
        """Figures of each judge of `Context.judges`."""
        for (task, image), judge in sorted(context.judges.items()):
            scope = {"task": task, "image": image}
            judged: Judged | str = f"no synthetic row has {image}"
            if image in context.synthetic.images:
                judged = _LOOK[task](context.synthetic, judge, context.limit, context.seed)
            if isinstance(judged, str):
                yield Figure(self.name, "score", scope, note=judged)
            else:
                # Every draw of boxes walks through all rows.
                draws = self.draws // 5 if task == "detection" else self.draws
                yield from judged.figures(scope, judge.real, draws=draws, seed=context.seed)
