"""Proof b: reports from X-rays say what the patient has, better than the commonest report and the nearest film's.

    python benchmarks/medm2g/report_generation.py MODEL --data PHANTOM [--n 600] [--guidance 4] [--out DIR]

Label F1 (micro) of the findings that `synthmed.phantom.parse` reads in a report: against those of the patient's that
the film shows, and against all the patient's; with the 95 % bootstrap interval of the difference to each baseline.
Baselines: the labels that, said of every film, have the best F1 in training ("majority"); the report of the commonest
label set; that of the training film nearest in its pixels; that of the one nearest in the features of a classifier that
was trained to find the findings in the same real rows.
BLEU and ROUGE-L by `synthmed.evaluation.overlap`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from judge_folder import add_judges, from_arguments
from judges import best_constant, guided, interval, keep, micro_f1, parsed, pixels, rows, truth

from synthmed import load_model
from synthmed.evaluation.overlap import bleu, rouge_l
from synthmed.generation.sugar import generate


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    add_judges(parser)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--split", default="test", help="val, to choose guidance by")
    parser.add_argument("--out", type=Path, default=Path("."))
    arguments = parser.parse_args()
    model = guided(load_model(arguments.model), arguments.guidance)
    judges = from_arguments(arguments)
    labels, train, test = judges.labels, judges.train, rows(arguments.data / arguments.split, arguments.n)
    made = generate(
        model, to=["report"], given=[{"xray": sample.images["xray"]} for sample in test], n=len(test), seed=1
    )
    films, known_films = pixels(test, "xray"), pixels(train, "xray")
    judge = judges.classifier("xray")
    with torch.no_grad():
        near, far = (
            torch.cat([judge.features(part).mean((2, 3)) for part in of.split(256)]) for of in (films, known_films)
        )
    neighbours = {
        "nearest film": torch.cdist(near, far).argmin(1).tolist(),
        "nearest film's pixels": torch.cdist(films.flatten(1), known_films.flatten(1)).argmin(1).tolist(),
    }
    commonest = Counter(tuple(sample.labels) for sample in train).most_common(1)[0][0]
    common = next(sample.report for sample in train if tuple(sample.labels) == commonest)
    reports = {
        "generated": [str(sample.report) for sample in made],
        "commonest": [str(common)] * len(test),
        **{name: [str(train[place].report) for place in places] for name, places in neighbours.items()},
        "another patient's": [str(test[(place + 1) % len(test)].report) for place in range(len(test))],
    }
    findings = {
        "what the film shows": truth(test, "xray", labels),
        "the patient's findings": np.array([[label in sample.labels for label in labels] for sample in test], int),
    }
    said = {name: parsed(texts, labels) for name, texts in reports.items()}
    usual = best_constant(np.array([[label in sample.labels for label in labels] for sample in train], int))
    said["majority"] = np.tile(usual, (len(test), 1))
    results: dict[str, object] = {"n": len(test), "sampler": dict(model.sampler)}
    originals = [str(sample.report) for sample in test]
    for name in said:
        entry: dict[str, object] = {}
        if texts := reports.get(name):
            entry["BLEU-1..4"] = [round(value, 4) for value in bleu(originals, texts)]
            entry["ROUGE-L"] = float(np.mean(rouge_l(originals, texts)))
            entry["distinct"] = len(set(texts))
        for what, truths in findings.items():
            entry[f"F1 of {what}"] = micro_f1(truths, said[name])
            if name != "generated":
                entry[f"generated minus this, {what}, interval"] = interval(
                    lambda chosen, name=name, truths=truths: (
                        micro_f1(truths[chosen], said["generated"][chosen])
                        - micro_f1(truths[chosen], said[name][chosen])
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
