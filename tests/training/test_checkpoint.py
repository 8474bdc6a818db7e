"""Checkpoints that were cut, changed, or never finished."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training.toy import contents, run

from synthmed.errors import UserError
from synthmed.training.checkpoint import Record, load_checkpoint, save_checkpoint


def record(step: int) -> Record:
    return Record(step=step, settings={"seed": 0}, fingerprint={}, scalars={}, environment={})


def save(folder: Path, step: int, keep: int = 3) -> Path:
    return save_checkpoint(folder, record(step), {"weights.safetensors": {"w": torch.full((3,), float(step))}}, keep)


@pytest.mark.parametrize(
    "damage",
    ["cut", "flipped", "gone", "no state", "empty state", "other state", "emptied"],
)
def test_a_damaged_newest_one_gives_way_to_the_one_before(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1)
    place = save(tmp_path, 2)
    weights, state = place / "weights.safetensors", place / "state.json"
    data = weights.read_bytes()
    if damage == "cut":
        weights.write_bytes(data[:-5])
    elif damage == "flipped":
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "gone":
        weights.unlink()
    elif damage == "no state":
        state.unlink()
    elif damage == "empty state":
        state.write_text("")
    elif damage == "other state":
        state.write_text(json.dumps({**json.loads(state.read_text()), "step": "soon"}))
    else:
        weights.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        found = load_checkpoint(tmp_path)
    assert found is not None
    assert (found[1].step, found[2]["weights.safetensors"]["w"].tolist()) == (1, [1.0] * 3)
    [message] = [entry.getMessage() for entry in caplog.records]
    assert "step-00000002 is damaged" in message
    assert "\n" not in message
    assert sorted(place.name for place in tmp_path.iterdir()) == ["step-00000001", "step-00000002.damaged"]
    save(tmp_path, 2, keep=1)
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[1].step == 2


def test_all_damaged_is_an_error_and_stays_one(tmp_path: Path) -> None:
    (save(tmp_path, 1) / "state.json").unlink()
    for _ in range(2):
        with pytest.raises(UserError, match="every checkpoint is damaged"):
            load_checkpoint(tmp_path)


def test_a_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    place = save(tmp_path / "a", 1)
    state = json.loads((place / "state.json").read_text())
    state["files"] = {"../../b.safetensors": next(iter(state["files"].values()))}
    (tmp_path / "b.safetensors").write_bytes((place / "weights.safetensors").read_bytes())
    (place / "state.json").write_text(json.dumps(state))
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(tmp_path / "a")


def test_nothing_yet(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "none") is None
    (tmp_path / ".step-00000003.tmp").mkdir()
    assert load_checkpoint(tmp_path) is None
    assert not list(tmp_path.iterdir())


@given(st.binary(max_size=200))
def test_any_state_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("state")
    (save(folder, 1) / "state.json").write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(folder)


def test_memory_that_safetensors_does_not_take(tmp_path: Path) -> None:
    """Shared, expanded, channels-last and scalar tensors."""
    base = torch.arange(24.0)
    tensors = {
        "a": base,
        "b": base[:6],
        "c": torch.ones(1).expand(4),
        "d": base.view(1, 2, 3, 4).to(memory_format=torch.channels_last),
        "e": torch.tensor(3),
    }
    save_checkpoint(tmp_path, record(1), {"weights.safetensors": tensors}, 1)
    found = load_checkpoint(tmp_path)
    assert found is not None
    for name, tensor in found[2]["weights.safetensors"].items():
        assert torch.equal(tensor, tensors[name])


def test_a_run_goes_on_from_the_one_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "a")
    weights = tmp_path / "a" / "checkpoints" / "step-00000012" / "weights.safetensors"
    expected = contents(tmp_path / "a")
    weights.write_bytes(weights.read_bytes()[:100])
    outcome = run(tmp_path / "a", checkpoint_every=7)
    assert (outcome.step, outcome.finished) == (12, True)
    assert contents(tmp_path / "a") == expected
    assert "going back" in caplog.text
