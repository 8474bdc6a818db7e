"""Proof d: the images of one joint sample belong together, more so with cross-guidance than without.

    python benchmarks/medm2g/joint_generation.py MODEL --data PHANTOM [--n 400] [--out DIR]

Organs: a segmenter trained on real CT slices and one on real MRI slices (heart, lungs, liver, bones …) mark the
generated CT and MRI of each sample; Dice between the two, and between the CT and another sample's MRI. Findings:
classifiers trained on real images score every generated image; agreement is minus the mean distance between the ranks,
among all samples, of the scores that two images of a sample get for one finding, against shuffled samples. All patients
have the same prompt (none), so that agreement does not come from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from judge_folder import CLASSIFIED, SEGMENTED, add_judges, from_arguments, organs
from judges import (
    interval,
    keep,
    organ_dice,
    rank_agreement,
    scores,
    sheet,
    shuffled,
)
from making import make_images

from synthmed import load_model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    add_judges(parser)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path("."))
    arguments = parser.parse_args()
    model, judges, names = load_model(arguments.model), from_arguments(arguments), organs()
    n = arguments.n
    markers = {name: judges.segmenter(name) for name in SEGMENTED}
    readers = {name: judges.classifier(name) for name in CLASSIFIED}
    results: dict[str, object] = {"n": n, "sampler": dict(model.sampler)}
    dice: dict[str, np.ndarray] = {}
    agreement: dict[str, np.ndarray] = {}
    order = shuffled(n)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for kind, cross in (("with", True), ("without", False)):
        made = make_images(model, ("report", "xray", "ct", "mri"), n, cross=cross)
        sheet(arguments.out / f"joint-{kind}-guidance.png", [made[name][:24] for name in made])
        masks = {name: scores(markers[name], made[name]).argmax(1) for name in markers}
        for pairing, other in (("same", np.arange(n)), ("shuffled", order)):
            dice[f"{kind}, {pairing}"] = organ_dice(masks["ct"], masks["mri"][other], names)
        found = {name: scores(reader, made[name]) for name, reader in readers.items()}
        for pairing, other in (("same", np.arange(n)), ("shuffled", order)):
            gaps = [rank_agreement(found["ct"], found[name][other]) for name in ("xray", "mri")]
            agreement[f"{kind}, {pairing}"] = np.mean(gaps, axis=0)
    for name, values in (("organ Dice of CT and MRI", dice), ("finding agreement (minus rank distance)", agreement)):
        results[name] = {key: float(np.nanmean(value)) for key, value in values.items()}
        for title, one, two in (
            ("same minus shuffled, with guidance", "with, same", "with, shuffled"),
            ("with minus without guidance", "with, same", "without, same"),
        ):
            gap = values[one] - values[two]
            results[f"{name}: {title}"] = interval(lambda chosen, gap=gap: float(np.nanmean(gap[chosen])), n)
    keep(arguments.out / "joint_generation.json", results)


if __name__ == "__main__":
    main()
