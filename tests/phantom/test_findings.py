"""Which findings patients get."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from synthmed.phantom.findings import Wanted, draw_findings, draw_wanted
from synthmed.phantom.frame import Frame
from synthmed.phantom.kinds import KINDS, LOBES
from synthmed.phantom.patient import draw_patient


def test_a_quarter_is_normal_and_none_has_more_than_three() -> None:
    counts = Counter(len(draw_wanted(np.random.default_rng(seed))) for seed in range(3000))
    assert counts[0] / 3000 == pytest.approx(0.25, abs=0.03)
    assert set(counts) == {0, 1, 2, 3}
    assert counts[1] > counts[2] > counts[3] > 100


def test_every_kind_occurs_with_every_side_and_place() -> None:
    seen = Counter()
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        frame = Frame.draw(rng)
        for finding in draw_findings(rng, frame, draw_wanted(rng)):
            low, high = KINDS[finding.kind].size
            assert low <= finding.size_mm <= high or finding.kind == "cardiomegaly"
            assert finding.severity in ("mild", "moderate", "severe")
            seen[finding.kind, finding.side, finding.place] += 1
    assert set(seen) == {
        (name, side, place) for name, kind in KINDS.items() for side, places in kind.places.items() for place in places
    }


@pytest.mark.parametrize("seed", range(20))
def test_all_kinds_at_once_keep_out_of_each_others_way(seed: int) -> None:
    rng = np.random.default_rng(seed)
    findings = draw_findings(rng, Frame.draw(rng), [Wanted(kind) for kind in KINDS])
    assert [finding.kind for finding in findings] == list(KINDS)
    lobes = [(f.side, f.place) for f in findings if KINDS[f.kind].places is LOBES]
    assert len(set(lobes)) == len(lobes)
    sides = {f.kind: f.side for f in findings}
    assert sides["pleural effusion"] != sides["pneumothorax"]


def test_what_is_wanted_is_kept() -> None:
    rng = np.random.default_rng(0)
    wanted = [Wanted("nodule", "left", "lingula", 17), Wanted("rib lesion", "right", "7th rib")]
    nodule, rib = draw_findings(rng, Frame.draw(rng), wanted)
    assert (nodule.side, nodule.place, nodule.size_mm, nodule.severity) == ("left", "lingula", 17, "moderate")
    assert (rib.side, rib.place) == ("right", "7th rib")


def test_an_enlarged_heart_is_wider_than_half_the_thorax_and_a_normal_one_is_not() -> None:
    for seed in range(30):
        big = draw_patient(np.random.default_rng(seed), [Wanted("cardiomegaly")])
        assert big.findings[0].size_mm > 0.53 * big.frame.thoracic_width
        usual = draw_patient(np.random.default_rng(seed), [])
        widths = []
        for someone in (big, usual):
            heart = someone.anatomy.organs[someone.anatomy.named("heart", "right atrium")]
            ends = heart.centre[:, 0] + heart.extent[:, 0], heart.centre[:, 0] - heart.extent[:, 0]
            widths.append(float(ends[0].max() - ends[1].min()) / someone.frame.thoracic_width)
        assert widths[1] < 0.53 < widths[0]
