"""What the reports are worth: how many differ, whether the parser reads them, whether words generalise.

    python benchmarks/phantom/reports.py [--patients 10000]

Distinct reports and parser errors are counted over all patients. The probe (TF-IDF of words and word pairs, one
logistic regression a label) is trained on the reports of wording group a and tested on other patients' reports of
group b, which shares no template with it. The same probe tested on group a, and on shuffled labels, bounds it from both
sides. F1 calls as many reports positive as the label has among the training patients: new words shift every score.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from synthmed.phantom import Phantom
from synthmed.phantom.parse import parse_labels
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING


def reports(wordings: str, seeds: range, size: int = 64) -> tuple[list[str], list[list[str]]]:
    samples = Phantom((size, size), wordings).render([Request(("report", "labels"))] * len(seeds), seeds)
    findings = [[label for label in sample.labels if label != NO_FINDING] for sample in samples]
    return [str(sample.report) for sample in samples], findings


def probe(train: tuple[list[str], list[list[str]]], test: tuple[list[str], list[list[str]]], shuffle: bool) -> str:
    binary = MultiLabelBinarizer(classes=Phantom().labels)
    known, truth = binary.fit_transform(train[1]), binary.fit_transform(test[1])
    if shuffle:
        known = np.random.default_rng(0).permutation(known)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[a-z][a-z-]+")
    model = OneVsRestClassifier(LogisticRegression(C=30, max_iter=1000, class_weight="balanced"))
    model.fit(words.fit_transform(train[0]), known)
    score = model.predict_proba(words.transform(test[0]))
    auroc = roc_auc_score(truth, score, average="macro")
    threshold = [np.quantile(column, 1 - part) for column, part in zip(score.T, known.mean(axis=0), strict=True)]
    return f"macro AUROC {auroc:.3f}, macro F1 {f1_score(truth, score > threshold, average='macro'):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=10_000)
    n = parser.parse_args().patients
    texts, labels = reports("all", range(n), 128)
    wrong = sum(
        set(parse_labels(text)) != set(truth or [NO_FINDING]) for text, truth in zip(texts, labels, strict=True)
    )
    print(f"n = {n}: {len(set(texts))} distinct reports; {wrong} whose parsed labels differ from the patient's")
    part = max(n // 5, 100)
    a, a_test = reports("a", range(n, n + part)), reports("a", range(n + part, n + 2 * part))
    b_test = reports("b", range(n + 2 * part, n + 3 * part))
    print(f"probe, train on wordings a, n = {part}, test n = {part}")
    print("  on held-out wordings b:", probe(a, b_test, shuffle=False))
    print("  on wordings a:         ", probe(a, a_test, shuffle=False))
    print("  b, labels shuffled:    ", probe(a, b_test, shuffle=True))


if __name__ == "__main__":
    main()
