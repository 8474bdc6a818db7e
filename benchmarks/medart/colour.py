"""Proof a: is LoRA alone over-saturated, and does HLDF mend it? Real skin images, nano, three seeds.

    python benchmarks/medart/colour.py --data shared/data --base MODEL --captions colour_isic.csv --out DIR

MODEL is that of recipes/medart/base; the table is `synthmed caption`'s of colour_isic. Arms, each from MODEL by
recipes/medart/isic: ``lora`` without colour steps; ``hldf`` with them; ``lora, equal time``: the first, gone on with
until its steps have taken as long as those of hldf. Each draws one image for each caption of the val and test rows,
which nothing was trained on, at guidance 4.5. Then, against those rows: the errors of the channels' average means and
deviations, saturation (HSV) and chroma (CIELAB) as generated minus real, KID and FD by a judge that taught nothing;
real against real is as many training rows. The first line says whether LoRA alone is over-saturated; an interval that
holds 0 is "not shown". DIR gets results.json, table.md and a picture: rows of real, lora, hldf and equal time, a seed
each. The same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import Arm, Common, Real, arm_recipe, begin, drawn, real_rows, seconds
from at_once import Drawing, Training, do_all
from judge_features import NAME, features, load_judge
from proofs import run, share_runs
from scores import COLOURS, channel_errors, colours, difference, fd, kid, spread

from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.whole_files import write_json

LORA, HLDF = Arm("lora", {"stages.0.colour.every": 0}), Arm("hldf")
TIME = "lora-equal-time"
GUIDANCE = 4.5
SHOWN = 10


def colour(arguments: argparse.Namespace, common: Common) -> None:
    out: Path = arguments.out
    begin(out, {"n": arguments.n, "steps_scale": common.scale, "set": list(common.overrides)})
    seeds, runs = arguments.seeds, arguments.runs or out / "runs"
    folders = {name: [runs / f"{name}-seed{seed}" for seed in seeds] for name in (LORA.name, HLDF.name, TIME)}
    trainings = [
        Training(folder.name, arm_recipe(common, arm, seed), folder)
        for arm in (HLDF, LORA)  # the longer ones first
        for seed, folder in zip(seeds, folders[arm.name], strict=True)
    ]
    do_all("trainings", trainings, arguments.workers)
    times, longer = [], []
    for place, seed in enumerate(seeds):
        spec, took = equal_time(common, {name: of_arm[place] for name, of_arm in folders.items()}, seed)
        times.append(took)
        longer.append(Training(folders[TIME][place].name, spec, folders[TIME][place]))
    do_all("trainings of equal time", longer, arguments.workers)
    real = held_out(common, arguments.n)
    train = real_rows(common, "train")
    drawings = {
        name: [
            Drawing(folder.name, folder / "model", real.captions, out / f"{folder.name}.npy", GUIDANCE)
            for folder in of_arm
        ]
        for name, of_arm in folders.items()
    }
    do_all("images", [job for jobs in drawings.values() for job in jobs], arguments.workers)
    made = {
        name: [drawn(job.model, job.prompts, job.keep, job.guidance) for job in jobs] for name, jobs in drawings.items()
    }
    results = measure(made, real, train.images)
    write_json(out / "results.json", {"n": len(real.images), "guidance": GUIDANCE, "seconds": times, **results})
    text = table(results, len(real.images), len(arguments.seeds))
    (out / "table.md").write_text(text)
    for place, seed in enumerate(arguments.seeds):
        rows = [real.images, *(found[place] for found in made.values())]
        chosen = np.linspace(0, len(real.images) - 1, SHOWN).astype(int)
        pictures = [grey_levels(images[int(at)].numpy(), 0.0, 1.0) for images in rows for at in chosen]
        (out / f"grid-seed{seed}.png").write_bytes(contact_sheet(pictures, columns=SHOWN))
    print(text)


def equal_time(common: Common, folders: dict[str, Path], seed: int) -> tuple[dict[str, Any], dict[str, float]]:
    """LoRA alone, to go on with from its last step for the time that the colour steps took: its recipe, and the times.

    Args:
        folders: of the finished runs; the one of equal time is begun as a copy.
    """
    took = {arm.name: seconds(folders[arm.name]) for arm in (LORA, HLDF)}
    spec = arm_recipe(common, LORA, seed)
    if not folders[TIME].is_dir():
        temporary = folders[TIME].with_name(f".{folders[TIME].name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(folders[LORA.name], temporary)
        temporary.rename(folders[TIME])
    settings = spec["stages"][0]["training"]
    settings["steps"] = max(settings["steps"], round(settings["steps"] * took[HLDF.name] / took[LORA.name]))
    return spec, {**took, "equal-time steps": float(settings["steps"])}


def held_out(common: Common, n: int) -> Real:
    parts = [real_rows(common, split) for split in ("val", "test")]
    images = torch.cat([part.images for part in parts])
    captions = [text for part in parts for text in part.captions]
    labels = [names for part in parts for names in part.labels]
    return Real(images[:n], tuple(captions[:n]), tuple(labels[:n]))


def measure(made: dict[str, list[torch.Tensor]], real: Real, train: torch.Tensor) -> dict[str, object]:
    """By arm, and of as many real training rows: colours, their errors with spread over seeds, KID, FD."""
    judge = load_judge()
    known, told = features(judge, real.images), colours(real.images)
    order = np.random.default_rng(0).permutation(len(train))[: len(real.images)]
    sets = {"real training rows": [train[torch.from_numpy(order)]], **made}
    arms = {}
    for name, images in sets.items():
        own, seen = [colours(one) for one in images], [features(judge, one) for one in images]
        errors = [channel_errors(one, told) for one in own]
        arms[name] = {
            "mean error": [error[0] for error in errors],
            "deviation error": [error[1] for error in errors],
            "kid": [kid(one, known) for one in seen],
            "fd": [fd(one, known) for one in seen],
            "minus real": {column: difference(own, told, place) for place, column in enumerate(COLOURS)},
        }
    return {"judge": NAME, "arms": arms}


def table(results: dict, n: int, seeds: int) -> str:
    arms = results["arms"]
    value, low, high = arms[LORA.name]["minus real"]["saturation"]
    chroma = arms[LORA.name]["minus real"]["chroma"]
    verdict = (
        "is over-saturated" if low > 0 else "is under-saturated" if high < 0 else "is not shown to be over-saturated"
    )
    lines = [
        f"LoRA alone {verdict} at guidance {GUIDANCE}: saturation minus real {value:+.4f} ({low:+.4f} to {high:+.4f}), "
        f"chroma {chroma[0]:+.2f} ({chroma[1]:+.2f} to {chroma[2]:+.2f}); n = {n}, {seeds} seeds, 95 % bootstrap.",
        "",
        f"KID and FD by {results['judge']}; mean ± deviation over seeds; n = {n} on both sides.",
        "",
        "| arm | mean error | deviation error | saturation - real | chroma - real | KID | FD |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in arms.items():
        cells = [spread(found[key], digits) for key, digits in (("mean error", 4), ("deviation error", 4))]
        cells += ["{:+.4f} ({:+.4f} to {:+.4f})".format(*found["minus real"][key]) for key in ("saturation", "chroma")]
        cells += [spread(found["kid"], 5), spread(found["fd"], 2)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    own = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    own.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    own.add_argument("--n", type=int, default=295, help="real rows at most, and images of each arm and seed")
    share_runs(own)
    run(colour, own)
