"""Proof e: what central alignment (CA), the visual invariant (VI) and cross-guidance (LCAG) each add, in eight rows.

    python benchmarks/medm2g/ablation.py --data PHANTOM --out DIR [--base MODEL] [--seeds 0 1 2] [--workers 2]

PHANTOM holds train/, val/ and test/ as recipes/medm2g/phantom.yaml's header makes them. The image autoencoder of
recipes/medm2g/ablation is trained once, or taken from MODEL, a finished model of that recipe or of medm2g/phantom. Each
of CA × VI × seed is then one training of the recipe in a worker process of one thread: CT and MRI flows, then their
round. LCAG off is the same model without the round's
parts (V, f_B, cross-attention). CA off: no alignment, the diffusion loss alone trains the prompt encoders. VI off: no
projector, no second view. The flows' steps are equal in all cells; alignment and invariant cost time on top, which
`ablation_timing.py` measures in the end, beside nothing else. `ablation_scores.py` says what is measured, by judges
trained once on real rows; `effects.py`, how effects are taken: one whose 95 % interval over seeds holds 0 is "not
shown". The same command goes on where it stopped.
DIR gets table.md, results.json, and a picture a row.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from threading import Thread
from typing import Any

from ablation_cells import all_cells, base_recipe, cell_recipe, cell_steps, train_cell, train_whole
from ablation_scores import JUDGES, score_row, train_judge
from ablation_tables import row_file, write_tables
from ablation_timing import time_cells
from judge_folder import JudgeFolder
from rich.progress import Progress, TaskID

from synthmed.cli.bars import counting
from synthmed.errors import UserError
from synthmed.training.records import read_done
from synthmed.whole_files import write_json

Job = tuple[Callable[..., None], tuple[Any, ...]]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path, help="a model whose autoencoder is taken; trained by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--n", type=int, default=400, help="test patients")
    parser.add_argument("--judge-steps", type=int, default=1000)
    parser.add_argument("--steps-scale", type=float, default=1.0, help="of all steps, 0.01 to see it run")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="overrides of the recipe")
    arguments = parser.parse_args()
    try:
        ablate(arguments)
    except UserError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print(f"stopped; what is done stays in {arguments.out}, and the same command goes on", file=sys.stderr)
        raise SystemExit(130) from None


def ablate(arguments: argparse.Namespace) -> None:
    """Judges and trainings, then the rows, then the tables; what is there already is kept."""
    out: Path = arguments.out
    settings = {"n": arguments.n, "judge_steps": arguments.judge_steps, "steps_scale": arguments.steps_scale}
    _begin(out, {**settings, "set": arguments.set})
    cells = all_cells(arguments.seeds)
    common = (arguments.steps_scale, arguments.set)
    base = arguments.base or out / "base" / "model"
    first = {} if arguments.base else {"base": base_recipe(arguments.data, *common)}
    specs = [cell_recipe(cell, arguments.data, base, *common) for cell in cells]
    steps = sum(sum(cell_steps(spec).values()) for spec in [*first.values(), *specs])
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # the workers', which load torch anew
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(arguments.workers, context) as pool, counting(600) as bars:
        told, stop = manager.Queue(), manager.Event()
        listener = Thread(target=_listen, args=(told, bars, bars.add_task("training steps", total=steps)))
        listener.start()
        folder = JudgeFolder(arguments.data, out / "judges", arguments.judge_steps)
        bases: list[Job] = [(_train, (train_whole, spec, out / name, name, told, stop)) for name, spec in first.items()]
        judges: list[Job] = [(train_judge, (folder, kind, name)) for kind, name in JUDGES]
        trainings: list[Job] = [
            (_train, (train_cell, spec, out / "cells" / cell.name, cell.name, told, stop))
            for cell, spec in zip(cells, specs, strict=True)
        ]
        rows: list[Job] = [
            (score_row, (out / "cells" / cell.name, folder, file, arguments.n, lcag))
            for cell in cells
            for lcag, file in ((lcag, row_file(out, cell, lcag)) for lcag in (False, True))
        ]
        try:
            _work(pool, [*bases, *judges], bars, "autoencoder and judges" if bases else "judges")
            _work(pool, trainings, bars, "trainings")
            _work(pool, rows, bars, "rows")
            timed = {
                cell.name: spec for cell, spec in zip(cells, specs, strict=True) if cell.seed == min(arguments.seeds)
            }
            _work(pool, [(time_cells, (timed, out / "timing"))], bars, "timing")
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            told.put(None)
            listener.join()
    print(write_tables(out, cells))


def _begin(out: Path, settings: dict[str, Any]) -> None:
    """Keep what the folder is of, or refuse another one's."""
    (out / "rows").mkdir(parents=True, exist_ok=True)
    before = read_done(out, "settings.json", keys=())
    if before is not None and before != settings:
        changed = [key for key in settings if before.get(key) != settings[key]]
        raise UserError(f"{out}: is of other {', '.join(changed)}; put them back, or name another --out")
    write_json(out / "settings.json", settings)


def _train(train: Callable[..., None], spec: dict[str, Any], folder: Path, name: str, told: Any, stop: Any) -> None:
    train(spec, folder, lambda done: told.put((name, done)), stop.is_set)


def _work(pool: ProcessPoolExecutor, jobs: list[Job], bars: Progress, what: str) -> None:
    """Do all; the first error ends it."""
    futures = [pool.submit(work, *arguments) for work, arguments in jobs]
    bar = bars.add_task(what, total=len(jobs))
    for future in as_completed(futures):
        future.result()
        bars.advance(bar)


def _listen(told: Any, bars: Progress, bar: TaskID) -> None:
    done: dict[str, int] = {}
    while (one := told.get()) is not None:
        done[one[0]] = one[1]
        bars.update(bar, completed=sum(done.values()))


if __name__ == "__main__":
    main()
