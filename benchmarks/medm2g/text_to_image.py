"""Proof a: a prompted, visible finding is found in the generated image, by a judge trained on real rows alone.

    python benchmarks/medm2g/text_to_image.py MODEL --data PHANTOM [--n 600] [--guidance 4] [--out DIR]

PHANTOM holds train/ and test/ as `synthmed generate --model phantom` writes them. Two kinds of prompt: ``labels``, the
findings that can be seen in the test patient's own image, by the phantom's truth; and ``report``, the patient's report,
which does not say at which level the slice lies, so that what it names may be out of sight: ``the report's own labels``
is what its words alone would score. Score: macro AUROC against what the test image shows; the figure is
(generated - 0.5) / (real - 0.5) with a 95 % bootstrap interval over prompts; shuffled: the same images, other prompts.
Each image is made alone, without the others' guidance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from judge_folder import add_judges, from_arguments
from judges import auroc_ratio, guided, interval, keep, macro_auroc, pixels, rows, scores, sheet, shuffled, truth

from synthmed import load_model
from synthmed.generation.sugar import generate


def figures(known: np.ndarray, real: np.ndarray, made: np.ndarray) -> dict[str, object]:
    """Of generated images' scores (n, labels) beside those of real ones."""

    def ratio(chosen: np.ndarray) -> float:
        return auroc_ratio(known[chosen], made[chosen], real[chosen])

    others = known[shuffled(len(known))]
    return {
        "generated": macro_auroc(known, made),
        "shuffled prompts": macro_auroc(others, made),
        "shuffled prompts, interval": interval(
            lambda chosen: macro_auroc(others[chosen], made[chosen]), len(known), 300
        ),
        "ratio": ratio(np.arange(len(known))),
        "interval": interval(ratio, len(known), 300),
    }


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
    judges, test = from_arguments(arguments), rows(arguments.data / arguments.split, arguments.n)
    names = [flow.fields[0] for flow in model.config.images()]
    results: dict[str, object] = {"n": len(test), "sampler": dict(model.sampler)}
    reported = np.array([[label in sample.labels for label in judges.labels] for sample in test], float)
    of_reports = [{"report": sample.report} for sample in test]
    for name in names:
        of_labels = [{"labels": sample.labels_by_image[name]} for sample in test]
        by_labels, by_reports = (
            generate(model, to=[name], given=given, n=len(test), seed=1) for given in (of_labels, of_reports)
        )
        judge, known = judges.classifier(name), truth(test, name, judges.labels)
        real = scores(judge, pixels(test, name))
        seen = scores(judge, pixels(judges.train, name))
        results[name] = {
            "real": macro_auroc(known, real),
            "real in the judge's training": macro_auroc(truth(judges.train, name, judges.labels), seen),
            "the report's own labels": macro_auroc(known, reported),
            "labels": figures(known, real, scores(judge, pixels(by_labels, name))),
            "report": figures(known, real, scores(judge, pixels(by_reports, name))),
        }
        arguments.out.mkdir(parents=True, exist_ok=True)
        sheet(
            arguments.out / f"text-to-{name}.png",
            [torch.as_tensor(pixels(made[k:48:4], name)) for made in (test, by_labels) for k in (0, 1)],
        )
    keep(arguments.out / "text_to_image.json", results)


if __name__ == "__main__":
    main()
