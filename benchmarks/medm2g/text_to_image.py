"""Proof a: a prompted, visible finding is found in the generated image, by a judge trained on real rows alone.

    python benchmarks/medm2g/text_to_image.py MODEL --data PHANTOM [--n 600] [--out DIR]

PHANTOM holds train/ and test/ as `synthmed generate --model phantom` writes them. The prompts are the test patients'
reports; what counts as visible in each image is the phantom's truth. Score: macro AUROC; the figure is
(generated - 0.5) / (real - 0.5) with a 95 % bootstrap interval over prompts; shuffled: the same images, other prompts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from judge_folder import add_judges, from_arguments
from judges import interval, keep, macro_auroc, pixels, rows, scores, sheet, shuffled, truth

from synthmed import load_model
from synthmed.generation.sugar import generate
from synthmed.medm2g.config import SamplerConfig


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    add_judges(parser)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--out", type=Path, default=Path("."))
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    if arguments.guidance is not None:
        sampler = SamplerConfig(**{**model.config.sampler.model_dump(), "guidance": arguments.guidance})
        model.config = model.config.model_copy(update={"sampler": sampler})
    judges, test = from_arguments(arguments), rows(arguments.data / "test", arguments.n)
    train, labels = judges.train, judges.labels
    names = [flow.fields[0] for flow in model.config.images()]
    made = generate(model, to=names, given=[{"report": sample.report} for sample in test], n=len(test), seed=1)
    results: dict[str, object] = {"n": len(test), "sampler": dict(model.sampler)}
    for name in names:
        judge = judges.classifier(name)
        known = truth(test, name, labels)
        real, fake = scores(judge, pixels(test, name)), scores(judge, pixels(made, name))
        order = shuffled(len(test))
        base = macro_auroc(known, real)

        def ratio(
            chosen: np.ndarray, known: np.ndarray = known, fake: np.ndarray = fake, real: np.ndarray = real
        ) -> float:
            return (macro_auroc(known[chosen], fake[chosen]) - 0.5) / (macro_auroc(known[chosen], real[chosen]) - 0.5)

        results[name] = {
            "real": base,
            "generated": macro_auroc(known, fake),
            "shuffled prompts": macro_auroc(known[order], fake),
            "ratio": ratio(np.arange(len(test))),
            "interval": interval(ratio, len(test), 300),
            "real in the judge's training": macro_auroc(truth(train, name, labels), scores(judge, pixels(train, name))),
        }
        arguments.out.mkdir(parents=True, exist_ok=True)
        sheet(
            arguments.out / f"text-to-{name}.png",
            [torch.as_tensor(pixels(test[k:48:4], name)) for k in (0, 1)]
            + [torch.as_tensor(pixels(made[k:48:4], name)) for k in (0, 1)],
        )
    keep(arguments.out / "text_to_image.json", results)


if __name__ == "__main__":
    main()
