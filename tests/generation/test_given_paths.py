"""``NAME=PATH``: which files make which rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthmed.errors import UserError
from synthmed.generation.given import GivenFile, content_hash_of_rows
from synthmed.generation.given_paths import parse_given, rows_of_paths


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name in enumerate(("t1/a.png", "t1/b.png", "t2/b.jpg", "t2/a.png", "t2/.hidden.png", "film.png")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((2, 3), 10 * place, np.uint8)).save(path)
    (tmp_path / "t1/readme.txt").write_text("not an image")
    (tmp_path / "notes").mkdir()
    for name, text in (("a.txt", " One.\n"), ("b.txt", "Two.")):
        (tmp_path / "notes" / name).write_text(text)
    (tmp_path / "k=v.csv").write_text("report\nx\n")
    monkeypatch.chdir(tmp_path)


def test_the_command_lines_words() -> None:
    assert parse_given(["rows.csv"]) == Path("rows.csv")
    assert parse_given(["k=v.csv"]) == Path("k=v.csv")
    assert parse_given(["mri=t1", "mri.t2=t2/a=b.png"]) == {"mri": Path("t1"), "mri.t2": Path("t2/a=b.png")}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a.csv", "b.csv"], r"a\.csv: give one CSV or JSONL file, or NAME=PATH"),
        (["mri=t1", "a.csv"], r"a\.csv: give one CSV"),
        (["=t1"], "=t1: give one CSV"),
        (["mri="], "mri=: give one CSV"),
        (["mri=t1", "mri=t2"], "mri is given twice"),
    ],
)
def test_words_that_are_neither_are_refused(values: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_given(values)


def test_files_of_one_name_are_a_row_and_a_single_file_is_in_all() -> None:
    paths = {"mri.t1": "t1", "mri.t2": "t2", "xray": "film.png", "report": "notes"}
    rows = rows_of_paths({name: Path(path) for name, path in paths.items()})
    assert rows == [
        {"mri": "t1/a.png", "mri.t2": "t2/a.png", "xray": "film.png", "report": "One."},
        {"mri": "t1/b.png", "mri.t2": "t2/b.jpg", "xray": "film.png", "report": "Two."},
    ]
    assert rows_of_paths({"xray": Path("film.png"), "report": Path("notes/a.txt")}) == [
        {"xray": "film.png", "report": "One."}
    ]


def test_they_are_read_as_a_tables_rows_are(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("mri,report\nt1/a.png,One.\nt1/b.png,Two.\n")
    by_name = GivenFile("given", rows_of_paths({"mri": Path("t1"), "report": Path("notes")}))
    table = GivenFile(tmp_path / "rows.csv")
    assert content_hash_of_rows(by_name) == content_hash_of_rows(table)
    for a, b in zip(by_name, table, strict=True):
        assert a["report"] == b["report"]
        np.testing.assert_array_equal(a["mri"], b["mri"])
    absolute = GivenFile("given", rows_of_paths({"mri": tmp_path / "t1" / "a.png"}))
    np.testing.assert_array_equal(absolute[0]["mri"], table[0]["mri"])
    with pytest.raises(UserError, match=r"given: row 1: xray: none\.png: No such file"):
        GivenFile("given", rows_of_paths({"xray": Path("none.png")}))[0]


def test_dicom_files_named_by_their_uid_are_a_row_each(tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    for place in range(3):
        (tmp_path / "ct" / f"1.2.840.113.{place}").write_bytes(b"")
    assert rows_of_paths({"ct": Path("ct")}) == [{"ct": f"ct/1.2.840.113.{place}"} for place in range(3)]


def test_tables_beside_reports_are_no_reports(tmp_path: Path) -> None:
    (tmp_path / "notes" / "labels.csv").write_text("id,label\n")
    assert rows_of_paths({"report": Path("notes")}) == [{"report": "One."}, {"report": "Two."}]


def test_the_users_folder_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell leaves ~ alone in --given mri.t2=~/t2."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rows_of_paths({"xray": Path("~/film.png")}) == [{"xray": str(tmp_path / "film.png")}]


@pytest.mark.parametrize(
    ("make", "paths", "message"),
    [
        ("t1/c.png", {"mri": "t1", "mri.t2": "t2"}, r"given mri\.t2: t2 has no c\.\* to go with t1/c\.png"),
        ("t2/c.png", {"mri": "t1", "mri.t2": "t2"}, r"given mri: t1 has no c\.\* to go with t2/c\.png"),
        ("t1/a.jpg", {"mri": "t1"}, r"t1/a\.jpg and a\.png are of one name"),
        ("none/x.txt", {"mri": "none"}, "none has no image file"),
        ("none/x.png", {"report": "none"}, "none has no text file"),
        ("", {"report": "film.png"}, r"film\.png: not text in UTF-8"),
        ("", {"report": "no.txt"}, r"no\.txt: No such file"),
        ("", {"labels": "film.png"}, "labels are words"),
        ("", {"mrt": "t1"}, "'mrt'"),
    ],
)
def test_what_makes_no_rows_is_refused(make: str, paths: dict[str, str], message: str) -> None:
    if make:
        Path(make).parent.mkdir(exist_ok=True)
        Path(make).write_bytes(Path("film.png").read_bytes())
    with pytest.raises(UserError, match=message) as error:
        rows_of_paths({name: Path(path) for name, path in paths.items()})
    assert "\n" not in str(error.value)
