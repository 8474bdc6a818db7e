"""Names that may leave the machine."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synthmed.data.identity import KEY_VARIABLE, key_file, pixel_id, pseudonym
from synthmed.errors import UserError


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_a_pseudonym_is_an_hmac_under_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    expected = hmac.new(b"secret", b"nih\x0042", hashlib.sha256).hexdigest()[:24]
    assert pseudonym("nih", "42") == expected
    assert pseudonym("nih", "") == ""


def test_source_patient_and_key_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for key in ("one", "two"):
        monkeypatch.setenv(KEY_VARIABLE, key)
        names |= {pseudonym(source, patient) for source in ("a", "b") for patient in ("1", "2")}
    assert len(names) == 8


def test_the_key_is_made_once_and_the_owners_alone() -> None:
    first = pseudonym("a", "1")
    path = key_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 64
    assert pseudonym("a", "1") == first
    assert os.listdir(path.parent) == [path.name]
    path.write_text("another")
    assert pseudonym("a", "1") != first


def test_processes_that_start_together_agree() -> None:
    code = "from synthmed.data.identity import pseudonym; print(pseudonym('a', '1'))"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=120)[0] for process in started}) == 1
    assert os.listdir(key_file().parent) == [key_file().name]


def test_a_key_that_cannot_be_made_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match=KEY_VARIABLE):
        pseudonym("a", "1")


def test_pixel_ids_are_of_values_shape_and_type() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    same = np.asfortranarray(pixels)
    assert pixel_id(pixels) == pixel_id(same) == pixel_id(pixels[..., ::-1][..., ::-1])
    others = [pixels.reshape(1, 4, 3), pixels.astype(np.uint16), pixels + 1, pixels.view(np.int8)]
    assert len({pixel_id(pixels), *map(pixel_id, others)}) == 5


def test_any_string_is_a_patient() -> None:
    assert len(pseudonym("x", "\ud800")) == 24
