from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.corpora import MemoryCorpus

from synthmed.downstream.fit import FitSettings
from synthmed.downstream.judge import RECORD, WEIGHTS, TrainedJudge, trained_judge
from synthmed.downstream.tasks.classification import Classification
from synthmed.downstream.tasks.detection import Detection
from synthmed.downstream.tasks.segmentation import Segmentation
from synthmed.downstream.tasks.task import Task
from synthmed.errors import UserError
from synthmed.evaluation.corpus import Facts
from synthmed.sample import Box

SETTINGS = FitSettings(steps=10, batch_size=4)
TASKS: dict[str, Task] = {
    "classification": Classification("ct", ("mass", "fluid")),
    "segmentation": Segmentation("ct", ("background", "1")),
    "detection": Detection("ct", ("mass",), width=8),
}


def corpus(seed: int, n: int = 24) -> MemoryCorpus:
    """CT in HU; every other row has a bright square."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(-500, 100, (n, 1, 32, 32)).astype(np.float32)
    masks, facts = np.zeros((n, 32, 32), np.uint8), []
    for place in range(n):
        if place % 2:
            pixels[place, :, 8:18, 10:22] = 300
            masks[place, 8:18, 10:22] = 1
        box = (Box("ct", "mass", 10, 8, 12, 10),) if place % 2 else ()
        labels = ("mass",) if place % 2 else ("fluid",)
        facts.append(Facts(f"{seed}-{place}", f"p{seed}-{place}", labels=labels, boxes=box))
    return MemoryCorpus({"ct": pixels}, masks={"ct": masks}, facts=facts)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, TrainedJudge]]:
    found = {}
    for kind, task in TASKS.items():
        folder = tmp_path_factory.mktemp("judges") / kind
        found[kind] = (folder, trained_judge(folder, task, corpus(0), corpus(1), SETTINGS))
    return found


def test_a_judge_says_what_it_sees_of_pixels_in_hu(made: dict[str, tuple[Path, TrainedJudge]]) -> None:
    pixels = corpus(2).pixels("ct", range(3))
    scores = made["classification"][1](pixels)
    assert scores.shape == (3, 2)
    maps = made["segmentation"][1](pixels)
    assert maps.shape == (3, 32, 32)
    boxes = made["detection"][1](pixels)
    assert len(boxes) == 3
    assert all(isinstance(box, Box) and 0 <= score <= 1 for row in boxes for box, score in row)
    for kind, (_, judge) in made.items():
        assert (judge.task, judge.image, judge.names) == (kind, "ct", TASKS[kind].names)
        assert judge.real is not None
        assert 0 <= judge.real <= 1


@pytest.mark.parametrize("kind", list(TASKS))
def test_a_kept_judge_is_the_same_and_not_trained_again(kind: str, made: dict[str, tuple[Path, TrainedJudge]]) -> None:
    folder, first = made[kind]
    written = (folder / WEIGHTS).stat().st_mtime_ns
    again = trained_judge(folder, TASKS[kind], corpus(0), corpus(1), SETTINGS)
    assert (folder / WEIGHTS).stat().st_mtime_ns == written
    assert again.real == first.real
    assert again.digest == first.digest
    assert len(first.digest) == 64
    pixels = corpus(2).pixels("ct", range(4))
    one, other = first(pixels), again(pixels)
    assert one == other if kind == "detection" else np.array_equal(one, other)


def test_other_judges_have_other_digests(made: dict[str, tuple[Path, TrainedJudge]], tmp_path: Path) -> None:
    steps = list[int]()
    task = TASKS["classification"]
    other = trained_judge(tmp_path, task, corpus(0), corpus(1), SETTINGS, seed=1, on_step=steps.append)
    assert steps == list(range(1, 11))
    assert len({judge.digest for _, judge in made.values()} | {other.digest}) == 4


def test_a_judge_of_other_rows_or_settings_is_refused(made: dict[str, tuple[Path, TrainedJudge]]) -> None:
    folder, task = made["classification"][0], TASKS["classification"]
    with pytest.raises(UserError, match="is of other train; name another folder"):
        trained_judge(folder, task, corpus(3), corpus(1), SETTINGS)
    with pytest.raises(UserError, match="is of other settings, seed;"):
        trained_judge(folder, task, corpus(0), corpus(1), FitSettings(steps=11, batch_size=4), seed=1)
    with pytest.raises(UserError, match="is of other task"):
        trained_judge(folder, Classification("ct", ("mass",)), corpus(0), corpus(1), SETTINGS)


def test_damaged_files_are_named(made: dict[str, tuple[Path, TrainedJudge]]) -> None:
    folder, task = made["segmentation"][0], TASKS["segmentation"]
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:-8] + b"\0" * 8)
    with pytest.raises(UserError, match=WEIGHTS):
        trained_judge(folder, task, corpus(0), corpus(1), SETTINGS)
    (folder / WEIGHTS).write_bytes(whole)
    (folder / RECORD).write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        trained_judge(folder, task, corpus(0), corpus(1), SETTINGS)
