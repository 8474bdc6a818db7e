"""The command line that the proofs share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from arms import Common

from synthmed.errors import SynthmedError


def run(proof: Callable[[argparse.Namespace, Common], None], parser: argparse.ArgumentParser) -> None:
    """Read the arguments and do the proof; the same command goes on where it stopped."""
    parser.add_argument("--data", type=Path, required=True, help="shared/data")
    parser.add_argument("--base", type=Path, required=True, help="the model of recipes/medart/base")
    parser.add_argument("--captions", type=Path, required=True, help="the table of colour_isic")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps-scale", type=float, default=1.0, help="of all steps, 0.01 to see it run")
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value", help="overrides of the recipe")
    arguments = parser.parse_args()
    common = Common(arguments.data, arguments.base, arguments.captions, arguments.steps_scale, tuple(arguments.set))
    try:
        proof(arguments, common)
    except SynthmedError as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print(f"stopped; what is done stays in {arguments.out}, and the same command goes on", file=sys.stderr)
        raise SystemExit(130) from None


def share_runs(parser: argparse.ArgumentParser) -> None:
    """The options of proofs that train: proofs a and b have two arms in common, which one folder lets them share."""
    parser.add_argument("--runs", type=Path, help="where trainings are kept; OUT/runs by default")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread; 0 is this one")
