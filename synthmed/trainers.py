"""Who trains a recipe, by its ``model.family``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from synthmed.errors import UserError
from synthmed.registry import Entry, Registry


class Ended(Protocol):
    """How a run ended.

    Attributes:
        finished: the model's folder is written.
        reason: why it ended; the same call goes on.
        model: the model's folder.
    """

    @property
    def finished(self) -> bool: ...  # noqa: D102

    @property
    def reason(self) -> str: ...  # noqa: D102

    @property
    def model(self) -> Path: ...  # noqa: D102


class Trainer(Protocol):
    """From a recipe's keys and values to a model folder."""

    def __call__(
        self,
        data: Mapping[str, Any],
        where: str,
        out: Path,
        *,
        dry_run: bool,
        trust: bool,
        allow_leak: bool,
        init: Path | None,
        on_step: Callable[[str, int, int, Mapping[str, float]], None],
        on_note: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> Ended:
        """Train, going on from what ``out`` holds of the same recipe; the model is then in ``out/model``.

        Args:
            where: the recipe's file, for error messages.
            dry_run: only say by ``on_note`` what would be trained.
            trust: let the recipe name any importable transform.
            allow_leak: go on with splits that share patients or pictures, and record them.
            init: a model folder to start from.
            on_step: stage, steps done, steps in all, losses.
            on_note: a line between the stages.
            stop: asked after each step; a checkpoint is then written, and the run ends.
        """
        ...


TRAINERS: Registry[Trainer] = Registry(
    "trainers",
    [
        Entry("medart", "Med-Art: autoencoder, base, adapters with HLDF", "synthmed.medart.training.run:train_medart"),
        Entry(
            "medm2g", "MedM2G: alignment, flows, rounds of cross-guidance", "synthmed.medm2g.training.run:train_medm2g"
        ),
    ],
)


def trainer_of(recipe: Mapping[str, Any], where: str) -> Trainer:
    """The trainer of a recipe's ``model.family``.

    Raises:
        UserError: there is no such key or family.
    """
    model = recipe.get("model")
    family = model.get("family") if isinstance(model, Mapping) else None
    if not isinstance(family, str):
        raise UserError(f"{where}: model.family is missing; there are: {', '.join(TRAINERS.names())}")
    return TRAINERS.get(family)
