"""What a folder holds, and the words that name splits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synthmed.data.record import Problem
from synthmed.data.sources.paths import files_below, inside, split_named


@pytest.mark.parametrize(
    ("word", "split"),
    [("Train", "train"), ("training", "train"), (" dev ", "val"), ("valid", "val"), ("TEST", "test"), ("fold0", "")],
)
def test_splits_by_their_words(word: str, split: str) -> None:
    assert split_named(word) == split


def test_names_that_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "in").touch()
    os.symlink("../secret", root / "link")
    os.symlink("in", root / "good")
    assert inside(root, "in", "here") == root / "in"
    assert inside(root, "./good", "here") == root / "good"
    for name in ("../secret", str(tmp_path / "secret"), "link", "in/../../secret", "", "a\0b", "none"):
        found = inside(root, name, "here")
        assert isinstance(found, Problem)
        assert found.where == "here"


def test_a_root_that_is_a_link_is_no_escape(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "real" / "sub" / "a").touch()
    os.symlink("real", tmp_path / "root")
    assert list(files_below(tmp_path / "root")) == [tmp_path / "root" / "sub" / "a"]


def test_links_between_folders_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "c").mkdir()
    os.symlink("../c", tmp_path / "a" / "b")
    os.symlink("../a", tmp_path / "c" / "d")
    found = list(files_below(tmp_path))
    assert [str(item) for item in found] == [
        f"{tmp_path}/a/b/d: a link to a folder that it is in",
        f"{tmp_path}/c/d/b: a link to a folder that it is in",
    ]
