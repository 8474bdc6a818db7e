from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from helpers.folders import flaky_model, shard_hashes
from synthmed_testplugin.flaky import Flaky
from synthmed_testplugin.network import TestNet

from synthmed.errors import SynthmedError, UserError
from synthmed.generation.engine import generate_dataset
from synthmed.generation.listener import Listener
from synthmed.generation.plan import Plan


class Recorder(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.shards: list[int] = []
        self.samples = 0

    def progress(self, samples: int) -> None:
        self.samples += samples

    def committed(self, shard: int, stats: Mapping[str, Any]) -> None:
        self.shards.append(shard)

    def note(self, text: str, detail: str = "") -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 samples of the test network in shards of 7, made in this process."""
    folder = tmp_path_factory.mktemp("reference")
    report = generate_dataset("testnet", folder, 23, seed=5, shard_size=7, workers=0)
    assert report.complete
    assert report.made == 4
    return folder


def test_bytes_do_not_depend_on_the_number_of_workers(reference: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=2, listener=recorder)
    assert shard_hashes(tmp_path) == shard_hashes(reference)
    assert sorted(recorder.shards) == [0, 1, 2, 3]
    assert recorder.samples == 23


@pytest.mark.parametrize("missing", ["stats.json", "tar", "parquet"])
def test_a_shard_without_all_its_files_is_made_again_and_no_other(
    reference: Path, tmp_path: Path, missing: str
) -> None:
    generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=0)
    (tmp_path / f"synthmed-000002.{missing}").unlink()
    untouched = (tmp_path / "synthmed-000001.tar").stat()
    recorder = Recorder()
    generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=0, listener=recorder)
    assert recorder.shards == [2]
    assert shard_hashes(tmp_path) == shard_hashes(reference)
    assert (tmp_path / "synthmed-000001.tar").stat().st_mtime_ns == untouched.st_mtime_ns


def test_a_cut_shard_is_made_again(reference: Path, tmp_path: Path) -> None:
    generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=0)
    tar = tmp_path / "synthmed-000001.tar"
    tar.write_bytes(tar.read_bytes()[:5000])
    assert generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=0).made == 1
    assert shard_hashes(tmp_path) == shard_hashes(reference)


def test_an_extended_set_equals_one_made_at_once(reference: Path, tmp_path: Path) -> None:
    generate_dataset("testnet", tmp_path, 10, seed=5, shard_size=7, workers=0)
    # The shard size is the folder's, though n = 23 alone would give another.
    report = generate_dataset("testnet", tmp_path, 23, seed=5, workers=0)
    assert report.made == 3
    assert shard_hashes(tmp_path) == shard_hashes(reference)


def test_several_processes_share_the_shards_and_the_last_writes_the_dataset_files(
    reference: Path, tmp_path: Path
) -> None:
    first = generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=0, shards=lambda n: range(2, n))
    assert (first.made, first.missing, first.complete) == (2, 2, False)
    assert not (tmp_path / "dataset.json").exists()
    last = generate_dataset("testnet", tmp_path, 23, seed=5, shard_size=7, workers=0, shards=lambda n: range(2))
    assert last.complete
    assert shard_hashes(tmp_path) == shard_hashes(reference)


def test_memory_lives_in_one_process(reference: Path, tmp_path: Path) -> None:
    from synthmed.generation.storage import Store

    url = f"memory://{tmp_path.name}"
    generate_dataset("testnet", url, 23, seed=5, shard_size=7)
    store = Store(url)
    assert store.names() == sorted(path.name for path in reference.iterdir())
    for name in shard_hashes(reference):
        assert store.read(name) == (reference / name).read_bytes()
    with pytest.raises(UserError, match="--workers 0"):
        generate_dataset("testnet", url, 23, seed=5, shard_size=7, workers=2)


def test_a_generator_object_runs_in_this_process(reference: Path, tmp_path: Path) -> None:
    generate_dataset(TestNet(), tmp_path, 23, seed=5, shard_size=7)
    assert shard_hashes(tmp_path) == shard_hashes(reference)


@pytest.mark.parametrize(
    ("fault", "note"), [("kill", "killed by SIGKILL (out of memory?"), ("raise", "a fault of two lines")]
)
def test_a_worker_that_dies_or_fails_is_replaced_and_its_shard_tried_again(
    tmp_path: Path, fault: str, note: str
) -> None:
    model = flaky_model(tmp_path / "model", fault, times=2)
    sound = flaky_model(tmp_path / "sound", "", times=0)
    recorder = Recorder()
    report = generate_dataset(model, tmp_path / "a", 40, shard_size=4, workers=2, listener=recorder)
    assert report.complete
    assert recorder.samples == 40
    assert sum(note in text for text in recorder.notes) == 2
    assert not list((tmp_path / "a").glob(".*"))
    generate_dataset(sound, tmp_path / "b", 40, shard_size=4, workers=0)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")


def _contents(folder: Path) -> list[str]:
    """Content hashes of all samples: their records name the model's folder, which differs."""
    return [
        value for path in sorted(folder.glob("*.parquet")) for value in pq.read_table(path)["content_hash"].to_pylist()
    ]


def test_a_shard_that_always_fails_is_given_up_and_the_rest_lands(tmp_path: Path) -> None:
    model = flaky_model(tmp_path / "model", "raise", times=1000)
    recorder = Recorder()
    report = generate_dataset(model, tmp_path / "a", 40, shard_size=4, workers=2, listener=recorder)
    assert sorted(report.failed) == [3, 4, 7, 8]
    assert report.missing == 4
    assert len(recorder.notes) == 3 * 4
    assert len(list((tmp_path / "a").glob("*.tar"))) == 6
    assert not (tmp_path / "a" / "dataset.json").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_stops_the_run_and_says_so(tmp_path: Path, workers: int) -> None:
    model = flaky_model(tmp_path / "model", "full", times=2)
    with pytest.raises(SynthmedError, match="No space left on device") as caught:
        generate_dataset(model, tmp_path / "a", 40, shard_size=4, workers=workers)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "a").glob(".*"))
    (tmp_path / "model" / "fault-again").touch()
    assert generate_dataset(model, tmp_path / "a", 40, shard_size=4, workers=0).complete


def test_a_model_that_changed_under_the_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate_dataset("flaky", tmp_path, 4, workers=0)
    monkeypatch.setattr(Flaky, "__init__", _renamed(Flaky.__init__))
    with pytest.raises(UserError, match="model_fingerprint"):
        generate_dataset("flaky", tmp_path, 8, workers=0)


def _renamed(init: Any) -> Any:
    def changed(self: Flaky, *arguments: Any) -> None:
        init(self, *arguments)
        self.fingerprint = "e" * 64

    return changed


def test_rejected_samples_are_drawn_again_from_the_next_seed(tmp_path: Path) -> None:
    from synthmed.generation.seeds import sample_seed

    model = flaky_model(tmp_path / "model", "flat")
    report = generate_dataset(model, tmp_path / "a", 60, shard_size=60, workers=0)
    import tarfile

    with tarfile.open(tmp_path / "a" / "synthmed-000000.tar") as tar:
        records = [json.loads(tar.extractfile(m).read()) for m in tar if m.name.endswith(".json")]  # type: ignore[union-attr]
    for record in records:
        seeds = [sample_seed(0, record["index"], attempt) for attempt in range(3)]
        attempt = next((attempt for attempt, seed in enumerate(seeds) if seed % 3), 2)
        assert (record["attempt"], record["seed"]) == (attempt, seeds[attempt])
        assert record["quality"] == (
            {"accepted": True, "problems": ""} if seeds[attempt] % 3 else {"accepted": False, "problems": "flat:xray"}
        )
    assert {record["attempt"] for record in records} == {0, 1, 2}
    rejected = sum(not record["quality"]["accepted"] for record in records)
    dataset = json.loads((tmp_path / "a" / "dataset.json").read_text())
    assert dataset["accepted"] == 60 - rejected < 60
    assert report.complete


def test_an_accepted_environment_is_recorded_with_the_shard(tmp_path: Path) -> None:
    generate_dataset("flaky", tmp_path, 8, shard_size=4, workers=0)
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["environment"]["versions"]["numpy"] = "0.1"
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "synthmed-000001.stats.json").unlink()
    with pytest.raises(UserError, match="--accept-environment"):
        generate_dataset("flaky", tmp_path, 8, shard_size=4, workers=0)
    generate_dataset("flaky", tmp_path, 8, shard_size=4, workers=0, accept_environment=True)
    stats = [json.loads((tmp_path / f"synthmed-00000{shard}.stats.json").read_text()) for shard in (0, 1)]
    assert stats[0]["environment_differs"] == {}
    assert stats[1]["environment_differs"]["versions.numpy"][0] == "0.1"


def test_the_listener_hears_the_plan(tmp_path: Path) -> None:
    heard: list[tuple[int, int, int]] = []

    class Start(Listener):
        def started(self, plan: Plan, out: str, shards: range, done: int, workers: int) -> None:
            heard.append((plan.n, done, workers))

    for _ in range(2):
        generate_dataset("flaky", tmp_path, 8, shard_size=4, workers=0, listener=Start())
    assert heard == [(8, 0, 0), (8, 2, 0)]
