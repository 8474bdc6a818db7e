"""Proof b: the paper's ablation on real skin images, nano: captions, HLDF, LoRA on T5, DoRA.

    python benchmarks/medart/ablation.py --data shared/data --base MODEL --captions colour_isic.csv --out DIR

Rows as in the paper's table (Kvasir there): empty caption, simple caption (the class sentence), without HLDF, without
LoRA on T5, with DoRA, full; each a training of recipes/medart/isic from MODEL a seed. Images are drawn for the val and
test rows' captions in the row's own mode, at guidance 4.5. KID and FD by a judge that taught nothing, saturation minus
real; "- full" is the row minus full over the same seeds with its 95 % t interval, and an interval that holds 0 is "not
shown". DIR gets table.md, results.json and a picture. The same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from arms import Arm, Common, arm_recipe, begin, drawn, real_rows
from at_once import Drawing, Training, do_all
from colour import GUIDANCE, HLDF, LORA, SHOWN, held_out
from judge_features import NAME, features, load_judge
from proofs import run, share_runs
from scores import colours, fd, kid, paired, spread

from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.whole_files import write_json

DORA = {"rank": 8, "dora": True}
ARMS = (
    Arm("empty caption", captions="empty"),
    Arm("simple caption", captions="simple"),
    Arm("without HLDF", LORA.changes),
    Arm("without LoRA on T5", {"model.lora.text_encoder": None}),
    Arm("with DoRA", {"model.lora.transformer": DORA, "model.lora.text_encoder": DORA}),
    Arm("full"),
)


def ablate(arguments: argparse.Namespace, common: Common) -> None:
    out: Path = arguments.out
    begin(out, {"n": arguments.n, "steps_scale": common.scale, "set": list(common.overrides)})
    real, judge = held_out(common, arguments.n), load_judge()
    known, told = features(judge, real.images), colours(real.images)
    n = len(real.images)
    runs = arguments.runs or out / "runs"
    shared = {"without HLDF": LORA.name, "full": HLDF.name}  # the same trainings as in colour.py
    trainings, drawings = [], {}
    for arm in ARMS:
        captions = [text for split in ("val", "test") for text in real_rows(common, split, arm.captions).captions][:n]
        drawings[arm.name] = []
        for seed in arguments.seeds:
            folder = runs / f"{shared.get(arm.name, arm.name.replace(' ', '-').lower())}-seed{seed}"
            trainings.append(Training(folder.name, arm_recipe(common, arm, seed), folder))
            keep = out / f"{folder.name}.npy"
            drawings[arm.name].append(Drawing(folder.name, folder / "model", tuple(captions), keep, GUIDANCE))
    do_all("trainings", trainings, arguments.workers)
    do_all("images", [job for jobs in drawings.values() for job in jobs], arguments.workers)
    found: dict[str, dict[str, list[float]]] = {}
    pictures = [real.images]
    for name, jobs in drawings.items():
        scores: dict[str, list[float]] = {"kid": [], "fd": [], "saturation": []}
        for place, job in enumerate(jobs):
            images = drawn(job.model, job.prompts, job.keep, job.guidance)
            seen = features(judge, images)
            scores["kid"].append(kid(seen, known))
            scores["fd"].append(fd(seen, known))
            scores["saturation"].append(float(colours(images)[:, 6].mean() - told[:, 6].mean()))
            if not place:
                pictures.append(images)
        found[name] = scores
    write_json(out / "results.json", {"n": n, "judge": NAME, "seeds": arguments.seeds, "rows": found})
    chosen = np.linspace(0, n - 1, SHOWN).astype(int)
    cells = [grey_levels(images[int(at)].numpy(), 0.0, 1.0) for images in pictures for at in chosen]
    (out / "grid.png").write_bytes(contact_sheet(cells, columns=SHOWN))
    text = table(found, n, len(arguments.seeds))
    (out / "table.md").write_text(text)
    print(text)


def table(found: dict[str, dict[str, list[float]]], n: int, seeds: int) -> str:
    lines = [
        f"KID and FD by {NAME}; n = {n} on both sides; mean ± deviation over {seeds} seeds. The grid's rows: real, "
        f"then {', '.join(found)}.",
        "",
        "| row | KID | KID - full | FD | FD - full | saturation - real |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, scores in found.items():
        against = [paired(scores[key], found["full"][key], digits) for key, digits in (("kid", 5), ("fd", 2))]
        cells = [spread(scores["kid"], 5), against[0], spread(scores["fd"], 2), against[1]]
        lines.append(f"| {name} | {' | '.join([*cells, spread(scores['saturation'], 4)])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    own = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    own.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    own.add_argument("--n", type=int, default=295, help="real rows at most, and images of each row and seed")
    share_runs(own)
    run(ablate, own)
