"""Ten tampered sets of the phantom's films x all metrics: does each move what it should, and leave the rest?

    python benchmarks/evaluation/tampered.py --out WORK [--n 60] [--controls 6] [--judge-rows 400] [--judge-steps 600]
        [--space MODEL] [--metrics kid,psnr] [--table FILE.md]

``--controls`` untampered sets of n films and reports (64 px) are compared with other patients of the phantom: 2 n real
rows and 2 n training rows; PSNR, SSIM, BLEU and ROUGE with the same patients taken and worded again. The first one is
tampered with in ten ways (tampered_sets.py). Each figure's change is given in standard deviations of the controls; it
moves where it leaves the interval that holds a further control's with 99 %. Which must, tampered_expected.py says.
Exit code 1 where one does not do what it should. Shards, judges and finished metrics stay in WORK; the same command
goes on. ``--space`` is a MedM2G model of 64 px films, for retrieval.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import t
from tampered_expected import EXPECTED
from tampered_sets import IMAGE, SETS, Source, patients, retaken, written

from synthmed.downstream.fit import FitSettings
from synthmed.downstream.judges import Wanted, open_judges
from synthmed.evaluation.agreement.space import open_space
from synthmed.evaluation.copying.alterations import ALTERATIONS
from synthmed.evaluation.copying.rate import CopyRate
from synthmed.evaluation.corpora.open import open_corpus
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.extractor import choose_extractor
from synthmed.evaluation.kept import Kept, record
from synthmed.evaluation.metric import Context, Figure
from synthmed.evaluation.run import chosen, run_metrics
from synthmed.evaluation.texts.parsers import open_parser

PAIRED, OUTSIDE = ("psnr", "ssim", "bleu", "rouge_l"), ("agreement", "retrieval")
LEVEL, MOST = 0.99, 999.0
"""Of the interval; and the largest change that is printed: where controls are all alike any change is a huge one."""
QUICK = {"copy_rate": CopyRate(planted=1, alterations={"flip": ALTERATIONS["flip"]})}
"""How sensitive the detector is does not depend on the set: nothing is planted but what the metric must have."""
SHARES = ("duplicates", "text_duplicates", "copy_rate", "precision_recall", "density_coverage", "label_f1")
_OWN_CONTROLS = ("shuffled", "of majority", "sensitivity")
Values = Mapping[str, Figure]


@dataclass(frozen=True)
class Row:
    """A figure over the controls."""

    name: str
    mean: float
    spread: float
    first: float

    def change(self, value: float, fresh: bool) -> float:
        """In spreads: from the set that was tampered with, or for fresh rows from the mean of all controls."""
        return (value - (self.mean if fresh else self.first)) / self.spread


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--controls", type=int, default=6)
    parser.add_argument("--judge-rows", type=int, default=400)
    parser.add_argument("--judge-steps", type=int, default=600)
    parser.add_argument("--space", default="")
    parser.add_argument("--metrics", default="", help="by name, with commas between; all if not named")
    parser.add_argument("--table", type=Path, default=None, help="WORK/tampered.md if not named")
    asked = parser.parse_args()
    began = time.perf_counter()
    names = chosen([name for name in asked.metrics.split(",") if name])
    found = measured(asked.out, asked.n, asked.controls, common(asked, "agreement" in names), names)
    controls = [values for name, values in found.items() if name.startswith("control")]
    rows, untested = over(controls, asked.n)
    limit = float(t.ppf((1 + LEVEL) / 2, asked.controls - 1) * math.sqrt(1 + 1 / asked.controls))
    cells = {row.name: {name: cell(row, name, found[name], limit) for name in SETS} for row in rows}
    wrong = [
        f"{name}: {figure}: {text}" for figure, line in cells.items() for name, text in line.items() if "!" in text
    ]
    about = (
        f"n = {asked.n}, {asked.controls} controls, {2 * asked.n} real and {2 * asked.n} training rows; judges of "
        f"{asked.judge_rows} rows and {asked.judge_steps} steps; {'a' if asked.space else 'no'} space for retrieval. "
        f"Moves: by more than {limit:.1f} standard deviations of the controls ({LEVEL:.0%}). {len(wrong)} of "
        f"{sum(EXPECTED[name].of(row.name) != '' for row in rows for name in SETS)} expectations broken."
    )
    table = asked.table or asked.out / "tampered.md"
    table.write_text(markdown(about, rows, cells, found, untested, asked.controls))
    kept = {name: {key: asdict(figure) for key, figure in values.items()} for name, values in found.items()}
    (asked.out / "tampered.json").write_text(
        json.dumps({"about": about, "wrong": wrong, "sets": kept}, indent=1) + "\n"
    )
    print("\n".join([*wrong, about, f"{time.perf_counter() - began:.0f} s"]))
    return 1 if wrong else 0


def common(asked: argparse.Namespace, judged: bool) -> Context:
    """All but the synthetic rows: real and training rows, judges of further patients, the parser, the embedder."""

    def rows(name: str, many: int, seed: int) -> Corpus:
        return open_corpus(str(written(asked.out / "shards" / name, patients(many, seed, name=name))))

    real, train = rows("real", 2 * asked.n, 1), rows("train", 2 * asked.n, 2)
    extractor = choose_extractor("auto", ())
    print(f"extractor: {extractor.embedder.name if extractor.embedder else extractor.reason}", flush=True)
    context = Context(
        real,
        real,
        train,
        asked.out / "cache",
        extractor.embedder,
        space=open_space(asked.space) if asked.space else None,
        parser=open_parser("phantom"),
    )
    if not judged:
        return context
    others = replace(context, train=rows("judges", asked.judge_rows, 3), real=rows("judged", asked.judge_rows, 4))
    wanted = [Wanted(task, IMAGE) for task in ("classification", "segmentation", "detection")]
    judges = open_judges(wanted, others, FitSettings(steps=asked.judge_steps))
    print("judges, on real rows:", {task: judge.real for (task, _), judge in judges.items()}, flush=True)
    return replace(context, judges=judges)


def measured(out: Path, n: int, controls: int, context: Context, names: Sequence[str]) -> Mapping[str, Values]:
    """Figures by name of each control and each tampered set."""
    train = patients(2 * n, 2, name="train")
    found: dict[str, dict[str, Figure]] = {}
    for number in range(controls):
        seed, extra = 100 + number, n if number == 0 else 0
        made = patients(n + extra, seed)
        pairs = written(out / "shards" / f"pairs-{number}", retaken(patients(n + extra, seed, "b"), seed))
        sets = {f"control {number}": made[:n]}
        if number == 0:
            source = Source(made[:n], made[n:], train)
            sets |= {name: change(source) for name, change in SETS.items()}
        for name, samples in sets.items():
            folder = written(out / "shards" / name.replace(" ", "-"), samples)
            here = replace(context, synthetic=open_corpus(str(folder)))
            alone = replace(here, judges={}, space=None)
            again = replace(alone, real=open_corpus(str(pairs)), train=None)
            # Each in a folder of its own: other judges are another run of agreement alone.
            groups = (
                (alone, "", [*{*names} - {*PAIRED, *OUTSIDE}]),
                (again, "-pairs", PAIRED),
                (here, "-judged", OUTSIDE),
            )
            found[name] = {}
            for given, ending, those in groups:
                asked = [metric for metric in names if metric in those]
                found[name] |= figures(given, out / "figures" / f"{folder.name}{ending}", asked) if asked else {}
            print(f"{name}: {sum(figure.value is not None for figure in found[name].values())} figures", flush=True)
    return found


def figures(context: Context, folder: Path, names: Sequence[str]) -> dict[str, Figure]:
    """By ``metric.part@task``; those of one label are counted for the judges and else left out."""
    found: dict[str, Figure] = {}
    labels: dict[str, int] = {}
    for outcome in run_metrics(context, Kept(folder, record(context)), names, made=QUICK):
        for figure in outcome.figures:
            task = f"@{figure.scope['task']}" if "task" in figure.scope else ""
            if "label" in figure.scope:
                if figure.metric == "agreement" and figure.value is not None:
                    labels[task] = labels.get(task, 0) + 1
            elif not any(word in figure.part for word in _OWN_CONTROLS):
                part = f".{figure.part}" if figure.part else ""
                found[f"{figure.metric}{part}{task}"] = figure
    for task, many in labels.items():
        found[f"agreement.labels{task}"] = Figure("agreement", "labels", value=float(many), n=many)
    return found


def over(controls: Sequence[Values], n: int) -> tuple[list[Row], dict[str, str]]:
    """Figures that every control has, and why others have no value."""
    rows, missing = [], {}
    for name in dict.fromkeys(name for values in controls for name in values):
        each = [values[name] for values in controls if name in values and values[name].value is not None]
        if len(each) < len(controls):
            notes = [values[name].note for values in controls if name in values and values[name].value is None]
            missing[name] = (
                f"{len(each)} of {len(controls)} controls have a value; {notes[0] if notes else 'no figure'}"
            )
            continue
        values = np.array([figure.value for figure in each], np.float64)
        # A share of rows cannot be known to less than half a row, nor any figure to less than its rounding.
        least = 0.5 / n if name.split(".")[0] in SHARES else 1e-6 * max(1.0, abs(float(values.mean())))
        rows.append(Row(name, float(values.mean()), max(float(values.std(ddof=1)), least), float(values[0])))
    return rows, missing


def cell(row: Row, name: str, values: Values, limit: float) -> str:
    """What a set does to a figure; ``!`` marks what it should not, brackets what it may."""
    figure, wanted = values.get(row.name), EXPECTED[name].of(row.name)
    if figure is None or figure.value is None:
        moved, text = True, "gone"
    else:
        change = row.change(figure.value, fresh=name == "training copied")
        moved, text = abs(change) > limit, f"{max(-MOST, min(MOST, change)):+.1f}" if change else "0"
    if not wanted:
        return f"({text})"
    if moved == (wanted == "moves"):
        return f"**{text}**" if moved else text
    return f"{text} ! {'moves, should not' if moved else 'stays, should move'}"


def markdown(
    about: str,
    rows: Sequence[Row],
    cells: Mapping[str, Mapping[str, str]],
    found: Mapping[str, Values],
    untested: Mapping[str, str],
    controls: int,
) -> str:
    """The table of changes, the table of values, and what has none."""
    legend = (
        "A cell is the figure's change in standard deviations of the controls. **Bold**: it moves, as it should; "
        "plain: it stays, as it should; in brackets: it may do either; !: not as it should. The cast is of grey levels "
        "(gain and offset), as films have no colour."
    )
    heads = ["figure", f"control: mean of {controls} ± spread", *SETS]
    changes = [[row.name, f"{row.mean:.4g} ± {row.spread:.2g}", *cells[row.name].values()] for row in rows]
    values = [[row.name, *(interval(found[name].get(row.name)) for name in ("control 0", *SETS))] for row in rows]
    parts = ["# Ten tampered sets", about, legend, table(heads, changes)]
    parts += ["## Values, with their 95 % intervals", table(["figure", "control 0", *SETS], values)]
    if untested:
        parts += ["## Not tested", "\n".join(f"- `{name}`: {why}" for name, why in untested.items())]
    return "\n\n".join(parts) + "\n"


def interval(figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "gone"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4g}"
    return f"{figure.value:.4g} ({figure.low:.3g} to {figure.high:.3g})"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
