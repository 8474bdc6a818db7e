from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from synthmed.errors import UserError
from synthmed.generation.storage import Store, _host


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    store = Store(tmp_path / "set" if request.param == "local" else f"memory://{tmp_path.name}")
    store.prepare()
    return store


def test_a_file_is_there_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(RuntimeError, match="mid"), store.writing("a.tar") as file:
        file.write(b"half")
        raise RuntimeError("mid-way")
    assert store.names() == []
    assert store.read("a.tar") is None
    assert store.size("a.tar") is None
    with store.writing("a.tar") as file:
        file.write(b"whole")
        assert store.read("a.tar") is None
    assert store.names() == ["a.tar"]
    assert store.read("a.tar") == b"whole"
    assert store.size("a.tar") == 5


def test_writing_again_replaces(store: Store) -> None:
    for text in ("one", "two", "two"):
        store.write("a.json", text)
        assert store.read("a.json") == text.encode()


def test_large_files_are_not_read(store: Store) -> None:
    store.write("a.json", "x" * 100)
    with pytest.raises(UserError, match="100 bytes; at most 99"):
        store.read("a.json", limit=99)


def test_only_dead_processes_temporary_files_are_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    script = "import sys, os; from synthmed.generation.storage import Store\n"
    script += "with Store(sys.argv[1]).writing('a.tar'): os._exit(1)"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    (tmp_path / ".b.tar.another-host.1.tmp").touch()
    with store.writing("c.tar"):
        assert len(list(tmp_path.iterdir())) == 3
        assert store.drop_abandoned() == ["a.tar"]
        assert len(list(tmp_path.iterdir())) == 2


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    assert psutil.pid_exists(process.pid)
    (tmp_path / f".a.tar.{_host()}.{process.pid}-1.tmp").touch()
    assert Store(tmp_path).drop_abandoned() == ["a.tar"]
    process.wait()


@pytest.mark.parametrize("url", ["nosuch://bucket/a", "pipe:touch x"])
def test_an_unknown_protocol_is_one_line(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        Store(url).prepare()
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write there"):
        Store(tmp_path / "file").prepare()
    with pytest.raises(UserError, match="cannot write there"):
        Store(Path(os.devnull) / "set").prepare()
