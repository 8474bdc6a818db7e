"""Random subsets of conditions and of given groups."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from medm2g.objectives.tiny import generator

from synthmed.medm2g.objectives.subsets import draw_given, random_subset

N = 12_000


def shares(subsets: torch.Tensor) -> dict[tuple[bool, ...], float]:
    return {key: count / len(subsets) for key, count in Counter(map(tuple, subsets.tolist())).items()}


def test_every_non_empty_subset_of_what_exists_is_equally_likely() -> None:
    exists = torch.tensor([True, False, True, True]).expand(N, -1)
    found = shares(random_subset(exists, generator()))
    assert len(found) == 7
    assert all(not key[1] and any(key) for key in found)
    # Six standard deviations of a share of 1/7 in N draws.
    assert all(abs(share - 1 / 7) < 6 * (6 / 49 / N) ** 0.5 for share in found.values())


def test_two_conditions_are_medcodi_ms_choice() -> None:
    found = shares(random_subset(torch.ones(N, 2, dtype=torch.bool), generator()))
    assert found == {key: pytest.approx(1 / 3, abs=0.026) for key in [(True, False), (False, True), (True, True)]}


def test_proper_subsets_leave_one_out() -> None:
    exists = torch.tensor([[True] * 3, [True, False, False], [False] * 3, [True, False, True]]).repeat(N // 4, 1)
    subset = random_subset(exists, generator(), proper=True)
    assert not (subset & ~exists).any()
    size = subset.sum(1).reshape(-1, 4)
    assert set(size[:, 0].tolist()) == {1, 2}
    assert not size[:, 1:3].any()
    assert set(size[:, 3].tolist()) == {1}
    assert len(shares(subset.reshape(-1, 4, 3)[:, 0])) == 6


def test_given_groups_at_their_rate_and_never_all() -> None:
    present = torch.ones(N, 3, dtype=torch.bool)
    given = draw_given(present, 0.3, generator())
    assert float(given.any(1).float().mean()) == pytest.approx(0.3, abs=0.026)
    assert not given.all(1).any()
    assert not draw_given(present, 0.0, generator()).any()
    assert draw_given(present, 1.0, generator()).any(1).all()


def test_each_group_at_its_own_rate() -> None:
    present = torch.ones(N, 2, dtype=torch.bool)
    assert draw_given(present, [0.0, 0.4], generator()).float().mean(0).tolist() == pytest.approx([0, 0.4], abs=0.028)
    both = draw_given(present, [1.0, 1.0], generator())
    assert both.sum(1).eq(1).all()
    assert both.float().mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.028)
    alone = torch.tensor([[True, False], [False, False]])
    assert not draw_given(alone, [1.0, 1.0], generator()).any()
    with pytest.raises(ValueError, match="3 probabilities for 2"):
        draw_given(present, [0.1] * 3, generator())


def test_the_generators_later_numbers_do_not_hang_on_what_is_present() -> None:
    for probability in (0.5, [0.5, 0.5]):
        after = []
        for present in (torch.ones(4, 2, dtype=torch.bool), torch.zeros(4, 2, dtype=torch.bool)):
            source = generator()
            draw_given(present, probability, source)
            after.append(torch.rand(1, generator=source))
        assert torch.equal(*after)
