"""Judges as a user asks for them: who teaches, who scores, what is told apart, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus

from synthmed.downstream.fit import FitSettings
from synthmed.downstream.judge_rows import sides
from synthmed.downstream.judges import Wanted, open_judges, parse_judge, question
from synthmed.downstream.tasks.classification import Classification
from synthmed.downstream.tasks.detection import Detection
from synthmed.downstream.tasks.segmentation import Segmentation
from synthmed.errors import UserError
from synthmed.evaluation.agreement.agreement import Agreement
from synthmed.evaluation.corpus import Corpus, Facts
from synthmed.evaluation.metric import Context
from synthmed.sample import Box

SHORT = FitSettings(steps=10, batch_size=4)


def rows(seed: int, n: int = 24, side: int = 32, patients: Sequence[str] | None = None) -> MemoryCorpus:
    """Films; every other row has a bright square with mask and box; of the other rows half state no label."""
    rng = np.random.default_rng(seed)
    pixels = (0.2 * rng.random((n, 1, side, side))).astype(np.float32)
    masks, facts = np.zeros((n, side, side), np.uint8), []
    for place in range(n):
        shown = place % 2 == 1
        if shown:
            pixels[place, :, 8:18, 10:22] += 0.7
            masks[place, 8:18, 10:22] = 1
        boxes = (Box("xray", "mass", 10, 8, 12, 10),) if shown else ()
        labels = ("mass",) if shown else ("no finding",) if place % 4 == 0 else ("not stated",)
        patient = patients[place] if patients else ""
        facts.append(Facts(f"{seed}-{place}", patient, labels=labels, boxes=boxes))
    return MemoryCorpus({"xray": pixels}, masks={"xray": masks}, facts=facts, name=f"rows {seed}")


def keys(corpus: Corpus) -> set[str]:
    return {facts.key for facts in corpus.facts(range(len(corpus)))}


def test_what_is_asked_for() -> None:
    assert parse_judge("segmentation") == Wanted("segmentation")
    assert parse_judge("detection:mri.t1") == Wanted("detection", "mri")
    for wrong in ("segment", "segmentation:", "", "xray:segmentation"):
        with pytest.raises(UserError, match=f"--judge {wrong!r}: write TASK"):
            parse_judge(wrong)
    with pytest.raises(UserError):
        parse_judge("detection:sonogram")


def test_training_rows_teach_and_real_ones_of_other_patients_score() -> None:
    train = rows(0, patients=[f"p{place // 2}" for place in range(24)])
    real = rows(1, patients=["p3", "p4", *["q"] * 22])
    learn, test = sides(Context(rows(2), real, train))
    assert keys(learn) == keys(train)
    assert keys(test) == keys(real) - {"1-0", "1-1"}
    with pytest.raises(UserError, match="no real row is left"):
        sides(Context(rows(2), rows(1, patients=["p3"] * 24), train))


@pytest.mark.parametrize("alone", ["real", "train", "the same twice"])
def test_one_set_is_dealt_by_patient(alone: str) -> None:
    whole = rows(0, 60, patients=[f"p{place // 3}" for place in range(60)])
    given = {"real": (whole, None), "train": (None, whole), "the same twice": (whole, whole)}[alone]
    learn, test = sides(Context(rows(2), *given))
    assert keys(learn) | keys(test) == keys(whole)
    taught, scored = ({facts.patient for facts in part.facts(range(len(part)))} for part in (learn, test))
    assert not taught & scored
    assert len(scored) == 4
    with pytest.raises(UserError, match="no real row is left"):
        sides(Context(rows(2), rows(1, patients=["one"] * 24)))
    with pytest.raises(UserError, match="give --real, --train or both"):
        sides(Context(rows(2)))


def test_what_the_rows_tell_apart_is_the_question() -> None:
    learn = rows(0)
    assert question("classification", "xray", learn) == Classification("xray", ("mass",))
    assert question("segmentation", "xray", learn) == Segmentation("xray", ("background", "1"))
    assert question("detection", "xray", learn) == Detection("xray", ("mass",))
    few = rows(0, 8)
    assert question("classification", "xray", few) == "rows 0: no label is on 5 rows with xray and off 5"
    assert question("detection", "xray", few) == "rows 0: no 5 rows have boxes of a kind in xray"
    plain = MemoryCorpus({"xray": np.zeros((3, 1, 8, 8), np.float32)})
    assert question("segmentation", "xray", plain) == "memory: xray has no masks"
    assert isinstance(question("classification", "xray", plain), str)


def test_judges_are_trained_once_and_kept_by_what_they_are_of(tmp_path: Path) -> None:
    context, told = Context(rows(2), rows(1), rows(0), cache=tmp_path), list[tuple[str, int, int]]()
    wanted = [Wanted("classification"), Wanted("segmentation", "xray")]
    first = open_judges(wanted, context, SHORT, lambda *said: told.append(said))
    assert list(first) == [("classification", "xray"), ("segmentation", "xray")]
    assert told[0] == ("training: classification of xray", 0, 10)
    assert told[-1] == ("training: segmentation of xray", 10, 10)
    weights = {path: path.stat().st_mtime_ns for path in (tmp_path / "judges").rglob("*.safetensors")}
    again = open_judges(wanted, context, SHORT)
    assert {path: path.stat().st_mtime_ns for path in weights} == weights
    assert [judge.digest for judge in again.values()] == [judge.digest for judge in first.values()]
    other = open_judges(wanted[:1], replace(context, seed=1), SHORT)
    assert other["classification", "xray"].digest != first["classification", "xray"].digest
    figures = [f for f in Agreement(20)(replace(context, judges=first)) if f.part == "score" and "label" not in f.scope]
    assert [figure.scope["task"] for figure in figures] == ["classification", "segmentation"]
    assert all(
        figure.value is not None and figure.floor == first[t, "xray"].real
        for figure in figures
        for t in [figure.scope["task"]]
    )


@pytest.mark.parametrize(
    ("synthetic", "wanted", "said"),
    [
        (rows(2), Wanted("detection", "ct"), "--judge detection:ct: rows 2 has no ct"),
        (rows(2, side=16), Wanted("segmentation"), r"xray: synthetic images are \(16, 16\), real ones \(32, 32\)"),
    ],
)
def test_what_cannot_be_judged_is_refused(synthetic: MemoryCorpus, wanted: Wanted, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        open_judges([wanted], Context(synthetic, rows(1), rows(0), cache=tmp_path), SHORT)
    assert list(tmp_path.iterdir()) == []
