"""The configuration's file and fingerprint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthmed.errors import UserError
from synthmed.phantom import Phantom
from synthmed.phantom.config import Config


def test_round_trip(tmp_path: Path) -> None:
    Phantom((96, 128), "b").save_pretrained(tmp_path / "model")
    again = Phantom.from_pretrained(tmp_path / "model")
    assert again.config == Config((96, 128), "b")
    assert again.fingerprint == Phantom((96, 128), "b").fingerprint
    assert again.source == str(tmp_path / "model")


def test_the_fingerprint_tells_configurations_apart() -> None:
    prints = {Phantom(size, wordings).fingerprint for size in ((64, 64), (64, 96)) for wordings in ("all", "a", "b")}
    assert len(prints) == 6
    assert all(len(value) == 64 for value in prints)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"model_type": "phantom", "sise": [64, 64]}', "unknown key 'sise'; did you mean 'size'"),
        ('{"model_type": "phantom", "size": [64]}', "size is"),
        ('{"model_type": "phantom", "size": [64, 64.5]}', "size is"),
        ('{"model_type": "phantom", "size": [64, true]}', "size is"),
        ('{"model_type": "phantom", "size": [64, 8]}', "8 columns"),
        ('{"model_type": "phantom", "wordings": "c"}', "no wordings 'c'"),
        ('{"model_type": "phantom", "wordings": 3}', "wordings is 3"),
        ('{"model_type": "medart"}', "model_type"),
        ("[]", "model_type"),
        ("{", "not JSON"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=says) as error:
        Phantom.from_pretrained(tmp_path)
    assert str(tmp_path / "config.json") in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        Phantom.from_pretrained(tmp_path)


def test_defaults_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "phantom"}))
    assert Phantom.from_pretrained(tmp_path).config == Config()


@pytest.mark.parametrize("size", [(16, 128), (128, 4096)])
def test_bad_sizes(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="phantom: size"):
        Phantom(size)
