"""One stage of a run: trained, taken where it is finished, refused where it is another's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from training.toy import Quiet

from synthmed.errors import UserError
from synthmed.runs.prepared import NO_STEP, Prepared, make_validation
from synthmed.runs.stage import StageJob, train_stage, train_stages
from synthmed.runs.told import stages_card, steps_done
from synthmed.training.records import DONE
from synthmed.training.settings import Settings
from synthmed.training.tensor_table import TensorTable, as_it_is
from synthmed.whole_files import write_json

SETTINGS = Settings(steps=4, batch_size=2, log_every=1, validate_every=2, sample_every=0, checkpoint_every=1)


class Objective(Quiet):
    """A table's ``x`` in place of a tensor; it writes down at which steps it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []

    def begin_step(self, step: int) -> None:
        self.begun.append(step)

    def forward(self, batch: Any, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
        return super().forward(batch["x"], generator)


class Bench:
    """A run of one stage, and what was asked of it."""

    def __init__(self, folder: Path, **changed: Any) -> None:
        self.objective = Objective()
        self.asked: list[str] = []
        rows = torch.randn(6, 5, generator=torch.Generator().manual_seed(1))
        table = TensorTable({"x": rows}, 6)
        self.ready = Prepared(self.objective, {"train": table, "val": table}, as_it_is, networks=("teacher",))
        told_to: dict[str, Any] = {"settings": SETTINGS, "fingerprint": {"data": "d"}, **changed}
        self.job = StageJob(
            folder / "01-toy", prepare=self.prepare, save=self.save, take=self.take, settle=self.settle, **told_to
        )

    def prepare(self) -> Prepared:
        self.asked.append("prepare")
        return self.ready

    def settle(self, ready: Prepared) -> Mapping[str, Any]:
        self.asked.append("settle")
        return {"scaling": 2.0}

    def save(self, ready: Prepared, record: Mapping[str, Any]) -> None:
        self.asked.append("save")
        save_file(ready.objective.state_dict(), self.job.folder / "weights.safetensors")
        write_json(self.job.folder / DONE, record)

    def take(self, done: Mapping[str, Any]) -> None:
        self.asked.append(f"take {done['scaling']}")
        self.objective.load_state_dict(load_file(self.job.folder / "weights.safetensors"))

    def train(self, stop_after: int = 99) -> str | None:
        steps: list[int] = []
        return train_stage(
            self.job, lambda stage, step, *_: steps.append(step), self.asked.append, lambda: len(steps) >= stop_after
        )


def test_a_stage_is_trained_once_and_then_taken(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    assert first.train() is None
    assert first.asked == ["stage 01-toy", "prepare", "settle", "save", "take 2.0"]
    card = stages_card([first.job.folder])
    assert [(stage["name"], stage["steps"]) for stage in card["stages"]] == [("01-toy", 4)]
    assert card["stages"][0]["validation"]["loss"] > 0
    assert card["networks"] == ["teacher"]
    again = Bench(tmp_path)
    assert again.train() is None
    assert again.asked == ["take 2.0"]
    for name, value in first.objective.state_dict().items():
        assert torch.equal(value, again.objective.state_dict()[name])
    assert Bench(tmp_path, settings=SETTINGS.model_copy(update={"steps": 6})).train() is None
    assert stages_card([first.job.folder])["stages"][0]["steps"] == 6


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fingerprint": {"data": "e"}}, 'fingerprint.data was "d", is "e"'),
        ({"settings": SETTINGS.model_copy(update={"seed": 1})}, "settings.seed was 0, is 1"),
    ],
)
def test_another_runs_stage_is_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    Bench(tmp_path).train()
    with pytest.raises(UserError, match=message):
        Bench(tmp_path, **changed).train()


def test_an_older_fingerprint_is_upgraded(tmp_path: Path) -> None:
    Bench(tmp_path).train()
    new = Bench(tmp_path, fingerprint={"data": "d", "new": 0}, upgrade=lambda before: {"new": 0, **before})
    assert new.train() is None
    assert new.asked == ["take 2.0"]


def test_a_stop_on_the_way_and_one_in_the_last_step(tmp_path: Path) -> None:
    stopped = Bench(tmp_path)
    assert steps_done(stopped.job.folder) == ""
    assert stopped.train(stop_after=2) == "stop"
    assert steps_done(stopped.job.folder) == "2 steps"
    assert stopped.asked == ["stage 01-toy", "prepare"]
    assert not (stopped.job.folder / DONE).exists()
    last = Bench(tmp_path)
    assert last.train(stop_after=2) == "stop"  # the last of the four: the stage is finished, the run ends
    assert last.asked[-1] == "take 2.0"
    assert steps_done(last.job.folder) == "all 4"
    assert Bench(tmp_path).train() is None


def test_stages_follow_one_another_until_one_ends_the_run(tmp_path: Path) -> None:
    one, other = Bench(tmp_path / "one"), Bench(tmp_path / "other")
    steps: list[int] = []

    def train(stop_after: int) -> str | None:
        return train_stages(
            [lambda: one.job, lambda: other.job],
            lambda stage, step, *_: steps.append(step),
            lambda text: None,
            lambda: len(steps) >= stop_after,
        )

    assert train(2) == "stop"
    assert train(4) == "stop"
    assert (one.asked[-1], other.asked) == ("take 2.0", [])
    # Asked for between two stages, it ends the run before the next one.
    assert train(4) == "stop"
    assert other.asked == []
    assert train(99) is None
    assert other.asked[-1] == "take 2.0"
    assert len(steps) == 8


def test_validation_is_at_no_step_with_the_same_noise_each_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    validate = make_validation(bench.ready, SETTINGS)
    assert validate is not None
    with torch.no_grad():
        values = dict(validate())
        assert values == dict(validate())
        whole = bench.ready.datasets["val"].__getitems__(range(6))
        assert values["loss"] == pytest.approx(float(bench.objective(whole, torch.Generator())["loss"]), rel=1e-5)
    assert set(bench.objective.begun) == {NO_STEP}
    train_only = Prepared(bench.objective, {"train": bench.ready.datasets["train"]}, as_it_is)
    assert make_validation(train_only, SETTINGS) is None


def test_a_loss_between_rows_sees_whole_batches_alone() -> None:
    rows = TensorTable({"x": torch.zeros(7, 5)}, 7)
    sizes: list[int] = []

    class Sizes(Objective):
        def forward(self, batch: Any, generator: torch.Generator) -> Mapping[str, torch.Tensor]:
            sizes.append(len(batch["x"]))
            return {"loss": torch.zeros(())}

    for alone in (False, True):
        validate = make_validation(Prepared(Sizes(), {"val": rows}, as_it_is, alone=alone), SETTINGS)
        assert validate is not None
        validate()
    assert sizes == [2, 2, 2, 1, 2, 2, 2]
