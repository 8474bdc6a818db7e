"""The reports: varied, true to the patient, and worded by what each image shows."""

from __future__ import annotations

import numpy as np
import pytest

from synthmed.phantom import Phantom, wording
from synthmed.phantom.findings import Wanted
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.parse import parse_labels, parse_report
from synthmed.phantom.patient import draw_patient
from synthmed.phantom.report import write_report
from synthmed.protocols import Request

IMAGES = ("xray", "ct", "mri", "mri.t2", "mri.pd")


def written(count: int, wordings: str = "all") -> tuple[list[str], list[list[str]]]:
    samples = Phantom((32, 32), wordings).render([Request(("report",))] * count, range(count))
    return [str(sample.report) for sample in samples], [sample.labels for sample in samples]


def report(seed: int, seen: dict[str, list[str]], *wanted: Wanted, group: str = "all") -> str:
    someone = draw_patient(np.random.default_rng(seed), wanted)
    full = {name: seen.get(name, []) for name in IMAGES}
    return write_report(np.random.default_rng(seed), someone, full, group)


def test_reports_differ_and_the_labels_can_be_read_back() -> None:
    texts, labels = written(400)
    assert len(set(texts)) >= 0.97 * len(texts)
    for text, truth in zip(texts, labels, strict=True):
        assert sorted(parse_labels(text)) == sorted(truth), text


@pytest.mark.slow
def test_ten_thousand_reports() -> None:
    texts, labels = written(10_000)
    assert len(set(texts)) >= 5000
    assert sum(set(parse_labels(text)) != set(truth) for text, truth in zip(texts, labels, strict=True)) == 0


@pytest.mark.parametrize("group", ["all", "a", "b"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_side_place_and_size_can_be_read_back(kind: str, group: str) -> None:
    for seed in range(12):
        someone = draw_patient(np.random.default_rng(seed), [Wanted(kind)])
        finding = someone.findings[0]
        text = report(seed, {"xray": [kind], "ct": [kind]}, Wanted(kind), group=group)
        (parsed,) = parse_report(text)
        assert parsed.kind == kind
        assert (parsed.side or "") == finding.side, text
        assert parsed.size_mm == finding.size_mm, text
        if len(KINDS[kind].places.get("right", ())) > 1:
            assert parsed.place == finding.place, text


def test_it_says_what_the_film_and_the_slice_do_not_show() -> None:
    nodule = Wanted("nodule")
    for seed in range(20):
        occult = report(seed, {"ct": ["nodule"], "mri": ["nodule"]}, nodule)
        assert any(phrase in occult for phrase in wording.NOT_ON_FILM)
        elsewhere = report(seed, {"xray": ["nodule"]}, nodule)
        assert any(phrase in elsewhere for phrase in wording.NOT_IN_SLICE)
        nowhere = report(seed, {}, nodule)
        assert any(phrase in nowhere for phrase in wording.NOWHERE)
        dark = report(seed, {"xray": ["nodule"], "ct": ["nodule"]}, nodule)
        assert any(phrase in dark for phrase in wording.NOT_ON_MRI)
        for text in (occult, elsewhere, nowhere, dark):
            assert parse_labels(text) == ["nodule"], text


def test_the_wording_groups_share_no_entry_of_a_slot() -> None:
    slots = [value for value in vars(wording).values() if isinstance(value, tuple) and value is not wording.GROUPS]
    for table in (wording.TERMS, wording.SEVERITY, wording.ABSENT, wording.PERSON):
        slots += list(table.values())
    assert len(slots) > 30
    for slot in slots:
        first, second = set(wording.choices(slot, "a")), set(wording.choices(slot, "b"))
        assert first
        assert second
        assert not first & second
        assert first | second == set(wording.choices(slot, "all"))


def test_reports_of_one_group_use_its_words_only() -> None:
    texts, _ = written(100, "a")
    others = {phrase for slot in wording.ABSENT.values() for phrase in slot[1::2]}
    own = {phrase for slot in wording.ABSENT.values() for phrase in slot[0::2]}
    assert not any(phrase in text for phrase in others - own for text in texts if phrase[:-1] not in "".join(own))
    assert not set(texts) & set(written(100, "b")[0])


def test_a_linear_probe_generalises_to_held_out_wordings() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    metrics = pytest.importorskip("sklearn.metrics")
    train, test = written(700, "a"), written(700, "b")
    words = text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    known, unknown = words.fit_transform(train[0]), words.transform(test[0])
    scores = []
    for kind in KINDS:
        model = linear.LogisticRegression(C=30, max_iter=1000, class_weight="balanced")
        model.fit(known, [kind in labels for labels in train[1]])
        truth = [kind in labels for labels in test[1]]
        scores.append(metrics.roc_auc_score(truth, model.decision_function(unknown)))
    assert np.mean(scores) > 0.8
