"""Ids of the Hugging Face hub, against a server on this machine and a cache that was filled before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.folders import flaky_model
from helpers.hub import COMMIT, Hub, cached, served
from huggingface_hub import constants

from synthmed import load_model
from synthmed.errors import UserError
from synthmed.hub import HubId, hub_id, located
from synthmed.medm2g.training.recipe import ModelSpec


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's; without a connection unless a test has one."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A model with what a stranger may have put beside it."""
    folder = flaky_model(tmp_path / "repository", "none")
    for name in ("README.md", "pytorch_model.bin", "model.py", "part/weights.safetensors", "part/weights.pt"):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    return folder


@pytest.fixture
def hub(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with served(Hub(repository)) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield hub


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lab/tiny", HubId("lab/tiny")),
        ("lab/tiny-1.5_x@main", HubId("lab/tiny-1.5_x", "main")),
        ("lab/tiny@refs/pr/3", HubId("lab/tiny", "refs/pr/3")),
        (Path("lab/tiny"), HubId("lab/tiny")),
        *((name, None) for name in ("tiny", "a/b/c", "./tiny", "../tiny", "/tmp/x", "~/tiny", "lab/", "lab/tiny@", "")),
        *(
            (name, None)
            for name in ("s3://lab/tiny", "lab\\tiny", "lab/ti ny", "lab/tiny\n", "lab/tiny@../x", "lab/tiny@a/../x")
        ),
    ],
)
def test_what_looks_like_an_id(name: str | Path, expected: HubId | None) -> None:
    assert hub_id(name) == expected


def test_a_folder_comes_before_the_hub(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "lab").mkdir()
    repository.rename(tmp_path / "lab" / "tiny")
    assert located("lab/tiny") == Path("lab/tiny")
    assert load_model("lab/tiny").source == "lab/tiny"
    assert located("a/b/c") == Path("a/b/c"), "no id: the caller says what is wrong with the path"


@pytest.mark.parametrize(
    "name", ["lab/tiny", Path("lab/tiny"), "lab/tiny@main", "./lab/tiny", "lab/tiny/model", "~/tiny"]
)
def test_what_is_mistyped_in_a_folder_here_never_reaches_the_hub(hub: Hub, tmp_path: Path, name: str | Path) -> None:
    """The hub has a model of that name."""
    (tmp_path / "lab").mkdir()
    assert located(name) == Path(name).expanduser()
    with pytest.raises(UserError, match="neither a model folder nor a model's name"):
        load_model(name)
    assert hub.asked == []


def test_a_run_finds_its_model_again_though_it_makes_a_folder_of_the_owners_name(hub: Hub, tmp_path: Path) -> None:
    source = load_model("lab/tiny").source
    (tmp_path / "lab").mkdir()
    assert load_model(source).source == source
    with pytest.raises(UserError, match="the hub is not asked, as lab is a folder here"):
        load_model("lab/tiny")


def test_a_path_of_a_recipe_stays_a_path(hub: Hub) -> None:
    made = ModelSpec(size="debug", fields=("xray",), init="./lab/tiny", pretrained={"flow_xray": "./lab/tiny"})
    for place in (made.init, made.pretrained["flow_xray"]):
        assert place is not None
        assert located(place) == Path("lab/tiny")
    assert made.model_dump(mode="json")["init"] == "lab/tiny", "as older releases wrote it"
    assert hub.asked == []


def test_a_model_comes_from_the_cache_without_a_connection(cache: Path, repository: Path) -> None:
    snapshot = cached(repository, cache)
    assert located(Path("lab/tiny")) == snapshot
    model = load_model("lab/tiny")
    assert model.source == f"lab/tiny@{COMMIT}"
    assert load_model(model.source).fingerprint == model.fingerprint == load_model(repository).fingerprint


def test_only_what_a_model_may_hold_is_fetched_and_only_once(hub: Hub, cache: Path) -> None:
    load_model("lab/tiny")
    assert sorted(hub.fetched) == ["README.md", "config.json", "part/weights.safetensors"]
    snapshot = located("lab/tiny@main")
    assert sorted(file.name for file in snapshot.rglob("*") if file.is_file()) == sorted(
        ["README.md", "config.json", "weights.safetensors"]
    )
    load_model(f"lab/tiny@{COMMIT}")
    assert len(hub.fetched) == 3


def test_of_what_is_no_model_of_ours_the_config_alone_is_fetched(hub: Hub, repository: Path) -> None:
    (repository / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(UserError, match="there is no 'llama'"):
        load_model("lab/tiny")
    (repository / "config.json").write_text("{}")
    assert hub.fetched == ["config.json"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lab/none", "lab/none: no such folder here, and no such repository at http"),
        ("closed/model", "closed/model: its owner asks for consent: agree at http"),
        ("lab/tiny@v9", "lab/tiny@v9: the repository has no revision 'v9'"),
    ],
)
def test_what_the_hub_does_not_give_is_one_line(hub: Hub, name: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        load_model(name)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_repository_without_the_files_is_told(hub: Hub, repository: Path) -> None:
    (repository / "config.json").unlink()
    with pytest.raises(UserError, match=r"lab/tiny.*config\.json"):
        load_model("lab/tiny")


def test_without_a_connection_and_a_cache_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"lab/tiny: no such folder here, .* HF_HUB_OFFLINE is set; go online once"):
        load_model("lab/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        load_model("lab/tiny")


def test_the_command_makes_shards_of_a_hub_model(tmp_path: Path, cache: Path, repository: Path) -> None:
    cached(repository, cache)
    done = subprocess.run(
        [sys.executable, "-m", "synthmed", *"generate --model lab/tiny --n 4 --shard-size 2 --workers 1".split()],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "synthmed-tiny-n4-s0" / "dataset.json").exists()
    assert f'"tiny@{COMMIT}"' in (tmp_path / "synthmed-tiny-n4-s0" / "plan.json").read_text()
