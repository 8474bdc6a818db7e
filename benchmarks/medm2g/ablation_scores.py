"""What a row of the ablation is measured by: judges that were trained on real rows alone, and its figures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from judge_folder import JudgeFolder, organs
from judges import (
    auroc_ratio,
    organ_dice,
    pixels,
    rank_agreement,
    rows,
    scores,
    sheet,
    shuffled,
    truth,
)
from making import make_images
from translation import psnr, ssim

from synthmed import load_model
from synthmed.medm2g.model import MedM2G
from synthmed.sample import Sample
from synthmed.whole_files import write_json

IMAGES = ("ct", "mri")
JUDGES = [(kind, name) for kind in ("classifier", "segmenter") for name in IMAGES]
FIGURES = {
    "text→CT": "up",
    "text→MRI": "up",
    "joint Dice": "up",
    "joint findings": "up",
    "CT→MRI SSIM": "up",
    "CT→MRI PSNR": "up",
    "val. loss CT": "down",
    "val. loss MRI": "down",
}
"""The figures of a row, and which way is better."""


def train_judge(judges: JudgeFolder, kind: str, name: str) -> None:
    """Train one, unless it is there."""
    getattr(judges, kind)(name)


def score_row(cell: Path, judges: JudgeFolder, out: Path, n: int, lcag: bool) -> None:
    """Write a row's figures, unless they are there.

    Args:
        cell: a trained cell's folder.
        lcag: with the round's parts; without, the flows are as they were before it, and follow prompts alone.
    """
    if out.exists():
        return
    facts = json.loads((cell / "cell.json").read_text())
    side = "with" if lcag else "without"
    figures = made_figures(
        load_model(cell / "model"), rows(judges.data / "test", n), judges, lcag, out.with_suffix(".png")
    )
    figures |= {f"val. loss {name.upper()}": facts["validation"][name] for name in IMAGES}
    kept = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    write_json(out, {"n": n, "figures": kept, "parameters": facts["parameters"][side], "beside": facts["beside"]})


def made_figures(model: MedM2G, test: list[Sample], judges: JudgeFolder, lcag: bool, picture: Path) -> dict[str, float]:
    """The figures of what a model makes for these patients; `FIGURES` but for the losses.

    ``text→``: CT and MRI are made together from the report; the share of the findings' visibility
    (`judges.auroc_ratio`). ``joint``: both without a prompt; organ Dice, and agreement of the findings' ranks, of the
    two images of a sample minus those of two samples. ``CT→MRI``: the true CT is prompt and, with LCAG, guide.
    """
    n, labels, names = len(test), judges.labels, organs()
    readers = {name: judges.classifier(name) for name in IMAGES}
    markers = {name: judges.segmenter(name) for name in IMAGES}
    figures: dict[str, float] = {}

    told = make_images(model, IMAGES, n, prompts=[str(sample.report) for sample in test], cross=lcag)
    for name in IMAGES:
        known, real = truth(test, name, labels), scores(readers[name], pixels(test, name))
        figures[f"text→{name.upper()}"] = auroc_ratio(known, scores(readers[name], told[name]), real)

    joint, other = make_images(model, IMAGES, n, cross=lcag), shuffled(n)
    masks = {name: scores(markers[name], joint[name]).argmax(1) for name in IMAGES}
    found = {name: scores(readers[name], joint[name]) for name in IMAGES}
    same_and_not = [organ_dice(masks["ct"], masks["mri"][order], names) for order in (slice(None), other)]
    figures["joint Dice"] = float(np.nanmean(same_and_not[0]) - np.nanmean(same_and_not[1]))
    ranks = [rank_agreement(found["ct"], found["mri"][order]).mean() for order in (slice(None), other)]
    figures["joint findings"] = float(ranks[0] - ranks[1])

    given = {"ct": [sample.images["ct"] for sample in test]}
    translated = make_images(model, ("mri",), n, given=given, cross=lcag)["mri"]
    unit, real = (translated + 1) / 2, (pixels(test, "mri") + 1) / 2
    figures["CT→MRI SSIM"], figures["CT→MRI PSNR"] = float(ssim(unit, real).mean()), float(psnr(unit, real).mean())
    columns = [pixels(test, "ct"), told["ct"], pixels(test, "mri"), told["mri"], joint["ct"], joint["mri"], translated]
    sheet(picture, [column[:8] for column in columns])
    return figures
