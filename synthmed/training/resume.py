"""Going on with a run: only with what it was begun with."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic
import torch

from synthmed.errors import UserError
from synthmed.training.checkpoint import Record, load_checkpoint, save_checkpoint
from synthmed.training.settings import Settings
from synthmed.training.state import TrainingState, environment

_LOG = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one run, ``folder/checkpoints``."""

    def __init__(
        self,
        folder: Path,
        state: TrainingState,
        settings: Settings,
        fingerprint: Mapping[str, Any],
        device: torch.device,
        upgrade: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self._upgrade = upgrade
        self._folder = folder / "checkpoints"
        self._state = state
        self._settings = settings
        self._fingerprint = json.loads(json.dumps(fingerprint, sort_keys=True))
        self._environment = environment(device)
        self.newest: Path | None = None
        self.step = 0

    def resume(self) -> int:
        """Load the newest checkpoint, if there is one; gives the steps done.

        Raises:
            UserError: it is of other settings, another fingerprint or other networks, or of more steps than these; or
                all are damaged.
        """
        found = load_checkpoint(self._folder)
        if found is None:
            return 0
        place, record, files = found
        changes = [
            *differences("settings", upgraded(record.settings), self._settings.decisive()),
            *differences("fingerprint", self._upgrade(record.fingerprint), self._fingerprint),
        ]
        if changes:
            raise UserError(f"{place} is of another run: {'; '.join(changes)}; put them back, or name another folder")
        if record.step > self._settings.steps:
            raise UserError(f"{place}: is beyond steps {self._settings.steps}; raise it, or name another folder")
        for change in differences("environment", record.environment, self._environment):
            _LOG.warning("%s: %s; weights may differ in their last bits from an uninterrupted run's", place, change)
        self._state.load(files, record.scalars, str(place))
        self.newest, self.step = place, record.step
        return record.step

    def save(self, step: int) -> None:
        """Write the checkpoint of this step, unless it is there."""
        if self.newest is not None and self.step == step:
            return
        record = Record(
            step=step,
            settings=self._settings.decisive(),
            fingerprint=self._fingerprint,
            scalars=self._state.scalars(),
            environment=self._environment,
        )
        self.newest = save_checkpoint(self._folder, record, self._state.tensors(), self._settings.keep_checkpoints)
        self.step = step


def upgraded(settings: dict[str, Any]) -> dict[str, Any]:
    """Decisive settings as an older release wrote them, with those that came since at their defaults."""
    try:
        return Settings.model_validate({"steps": 1, **settings}).decisive()
    except pydantic.ValidationError:
        return settings


def differences(what: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """``what.key was …, is …`` for each key whose values differ, at any depth."""
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(f"{what}.{key}", old, new)
        elif old != new:
            found.append(f"{what}.{key} was {json.dumps(old)}, is {json.dumps(new)}")
    return found
