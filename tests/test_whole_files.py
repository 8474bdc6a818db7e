"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from synthmed.whole_files import json_bytes, whole_folder, write_bytes, write_json


def test_json_is_readable_and_comes_back(tmp_path: Path) -> None:
    value = {"größe": [1, 2.5, None], "name": "scan\udcff.png"}
    write_json(tmp_path / "a.json", value)
    data = (tmp_path / "a.json").read_bytes()
    assert json.loads(data) == value
    assert data.startswith('{\n "größe"'.encode())
    assert data.endswith(b"}\n")
    write_json(tmp_path / "a.json", 1)
    assert (tmp_path / "a.json").read_bytes() == b"1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(ValueError, match="JSON"):
        json_bytes(float("nan"), allow_nan=False)


def test_a_file_that_cannot_be_written_leaves_nothing_and_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="there"):
        write_bytes(tmp_path / "there", b"a")  # is a folder
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert (tmp_path / "a.json").read_bytes() == b"1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "there"]


def test_a_files_mode_is_what_the_user_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_folder_is_replaced_only_once_it_is_filled(tmp_path: Path) -> None:
    place = tmp_path / "runs" / "model"
    (tmp_path / "runs" / ".model.tmp").mkdir(parents=True)
    (tmp_path / "runs" / ".model.tmp" / "left").touch()  # by a run that was killed
    with whole_folder(place) as new:
        (new / "one").touch()
        assert not place.exists()
    assert [path.name for path in place.iterdir()] == ["one"]
    with pytest.raises(RuntimeError), whole_folder(place) as new:
        (new / "two").touch()
        raise RuntimeError
    assert [path.name for path in place.iterdir()] == ["one"]
    with whole_folder(place) as new:
        (new / "three").touch()
    assert [path.name for path in place.iterdir()] == ["three"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["model"]
