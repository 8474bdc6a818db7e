"""Proof b: reports from X-rays say what the patient has, better than the commonest report and the nearest film's.

    python benchmarks/medm2g/report_generation.py MODEL --data PHANTOM [--n 600] [--out DIR]

Label F1 (micro, of the findings that `synthmed.phantom.parse` reads in a report against the patient's that the film
shows) with the 95 % bootstrap interval of the difference to each baseline. Baselines: the label set that is commonest
in training; the report of the training film nearest in the features of a classifier trained on the same real rows.
BLEU and ROUGE-L by `synthmed.evaluation.overlap`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from judge_folder import add_judges, from_arguments
from judges import interval, keep, pixels, rows, truth

from synthmed import load_model
from synthmed.evaluation.overlap import bleu, rouge_l
from synthmed.generation.sugar import generate
from synthmed.phantom.parse import parse_labels


def marks(reports: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    return np.array([[label in parse_labels(report) for label in labels] for report in reports], int)


def f1(known: np.ndarray, said: np.ndarray) -> float:
    hits = int((known & said).sum())
    return 2 * hits / max(int(known.sum() + said.sum()), 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    add_judges(parser)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("."))
    arguments = parser.parse_args()
    model, judges = load_model(arguments.model), from_arguments(arguments)
    labels, train, test = judges.labels, judges.train, rows(arguments.data / "test", arguments.n)
    made = generate(
        model, to=["report"], given=[{"xray": sample.images["xray"]} for sample in test], n=len(test), seed=1
    )
    judge = judges.classifier("xray")
    with torch.no_grad():
        near, far = (
            torch.cat([judge.features(part).mean((2, 3)) for part in pixels(data, "xray").split(256)])
            for data in (test, train)
        )
        neighbours = torch.cdist(near, far).argmin(1).tolist()
    commonest = Counter(tuple(sample.labels) for sample in train).most_common(1)[0][0]
    common = next(sample.report for sample in train if tuple(sample.labels) == commonest)
    reports = {
        "generated": [str(sample.report) for sample in made],
        "commonest": [str(common)] * len(test),
        "nearest film": [str(train[place].report) for place in neighbours],
        "another patient's": [str(test[(place + 1) % len(test)].report) for place in range(len(test))],
    }
    known = truth(test, "xray", labels)
    patients = np.array([[label in sample.labels for label in labels] for sample in test], int)
    said = {name: marks(texts, labels) for name, texts in reports.items()}
    results: dict[str, object] = {"n": len(test), "sampler": dict(model.sampler)}
    originals = [str(sample.report) for sample in test]
    for name, texts in reports.items():
        entry: dict[str, object] = {
            "F1 of what the film shows": f1(known, said[name]),
            "F1 of the patient's findings": f1(patients, said[name]),
            "BLEU-1..4": [round(value, 4) for value in bleu(originals, texts)],
            "ROUGE-L": float(np.mean(rouge_l(originals, texts))),
            "distinct": len(set(texts)),
        }
        if name != "generated":
            entry["generated minus this, interval"] = interval(
                lambda chosen, name=name: (
                    f1(known[chosen], said["generated"][chosen]) - f1(known[chosen], said[name][chosen])
                ),
                len(test),
            )
        results[name] = entry
    results["examples"] = [
        [original, text] for original, text in zip(originals[:6], reports["generated"], strict=False)
    ]
    keep(arguments.out / "report_generation.json", results)


if __name__ == "__main__":
    main()
