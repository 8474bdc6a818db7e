from __future__ import annotations

import numpy as np
from helpers.corpora import MemoryCorpus

from synthmed.evaluation.corpora.part import PartCorpus

RNG = np.random.default_rng(0)
WHOLE = MemoryCorpus(
    {name: RNG.random((6, 1, 4, 4), np.float32) for name in ("xray", "ct")},
    masks={"xray": RNG.integers(0, 3, (6, 4, 4)).astype(np.uint8)},
    absent={"ct": [1, 4]},
)


def test_its_rows_are_those_of_the_whole_in_its_own_order() -> None:
    part = PartCorpus(WHOLE, [5, 1, 2])
    assert len(part) == 3
    assert part.rows == {"xray": 3, "ct": 2}
    assert part.having("ct").tolist() == [0, 2]
    assert [facts.key for facts in part.facts([2, 0])] == ["2", "5"]
    assert np.array_equal(part.pixels("xray", [0, 1]), WHOLE.pixels("xray", [5, 1]))
    assert np.array_equal(part.masks("xray", range(3)), WHOLE.masks("xray", [5, 1, 2]))
    assert np.array_equal(part.pixels("ct", part.having("ct").tolist()), WHOLE.pixels("ct", [5, 2]))


def test_its_digest_tells_its_rows() -> None:
    digests = [PartCorpus(WHOLE, places).digest for places in ([1, 2], [2, 1], [1, 2, 3], [])]
    assert len({*digests, WHOLE.digest}) == 5
    assert PartCorpus(WHOLE, np.array([1, 2]), name="other").digest == digests[0]
