from __future__ import annotations

import gzip
import os

import pytest

from synthmed.data.record import Problem
from synthmed.data.sources import tables
from synthmed.data.sources.tables import (
    facts,
    image_files,
    listed_file,
    read_csv,
    read_jsonl,
    read_lines,
    read_text,
    required_file,
)
from synthmed.errors import UserError


def texts(items):
    return [item.reason if isinstance(item, Problem) else item for item in items]


def test_csv_blanks_quotes_and_columns_without_a_name(put):
    path = put("a.csv", '\ufeffid, name ,,\n1, "x, y",,\n\n2,"two\nlines"\n')
    assert list(read_csv(path, ["id", "name"])) == [
        (2, {"id": "1", "name": "x, y"}),
        (5, {"id": "2", "name": "two\nlines"}),
    ]


def test_bad_rows_are_problems_and_the_next_ones_follow(put):
    path = put("a.csv", b"id,name\n1,a\n2\n3,b,c\n4,\xff\n1,again\n5,e\n")
    assert texts(read_csv(path, ["id"], key="id")) == [
        (2, {"id": "1", "name": "a"}),
        "1 values under 2 columns",
        "3 values under 2 columns",
        "not UTF-8",
        "id '1' is there already",
        (7, {"id": "5", "name": "e"}),
    ]
    assert str(list(read_csv(path, ["id"]))[1]) == f"{path}:3: 1 values under 2 columns"


def test_missing_column_names_file_and_column(put):
    path = put("a.csv", "id,name\n")
    with pytest.raises(UserError, match=r"a\.csv: there is no column 'split'; there are: id, name"):
        list(read_csv(path, ["split"]))
    with pytest.raises(UserError, match="there are: none"):
        list(read_csv(put("empty.csv"), ["id"]))
    with pytest.raises(UserError, match="No such file"):
        list(read_csv(path.with_name("no.csv"), ["id"]))


def test_gzip_and_its_damage(put):
    data = gzip.compress(b"id\n" + b"".join(b"%d\n" % number for number in range(5000)))
    assert len(list(read_csv(put("a.csv.gz", data), ["id"]))) == 5000
    *rows, problem = read_csv(put("cut.csv.gz", data[:-2000]), ["id"])
    assert "cannot be read any further" in str(problem)
    assert all(not isinstance(row, Problem) for row in rows)
    with pytest.raises(UserError, match="cannot read the header"):
        list(read_csv(put("no.csv.gz", b"id\n1\n"), ["id"]))


def test_a_long_line_is_a_bad_row(put, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST_LINE", 10)
    path = put("a.csv", "id,name\n" + "x" * 25 + "\n1,a\n")
    assert [isinstance(item, Problem) for item in read_csv(path, ["id"])] == [True, True, True, False]
    quoted = put("b.csv", 'id,name\n1,"' + "x" * 200_000 + '"\n2,b\n')
    monkeypatch.undo()
    assert texts(read_csv(quoted, ["id"]))[0] == "field larger than field limit (131072)"


def test_a_row_that_never_ends(put, monkeypatch):
    monkeypatch.setattr(tables, "LONGEST_LINE", 40)
    path = put("a.csv", 'id,name\n"' + 'x\n","' * 50 + 'x"\n1,a\n')
    *problems, last = read_csv(path, ["id"])
    assert last[1] == {"id": "1", "name": "a"}
    assert "a row of more than 40 characters" in problems[0].reason
    assert all(isinstance(problem, Problem) for problem in problems)


def test_image_files(put, tmp_path):
    for name in ("b.JPG", "a.jpg", "._a.jpg", "c.txt", "d.jpg/e"):
        put(name)
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / os.fsdecode(b"\xff.jpg")).touch()
    found = list(image_files(tmp_path, ".jpg", ".jpeg"))
    assert [item for item in found if not isinstance(item, Problem)] == [tmp_path / "a.jpg", tmp_path / "b.JPG"]
    reasons = [str(item).replace(str(tmp_path), "") for item in found if isinstance(item, Problem)]
    assert reasons == ["/d.jpg: not a file", "/loop.jpg: not a file", r": the file name '\udcff.jpg' is not UTF-8"]
    assert texts(image_files(tmp_path / "no", ".jpg")) == ["No such file or directory"]


def test_jsonl(put):
    lines = (b'{"a": 1}', b"", b"[1]", b'{"a":', b'{"a": "\xff"}', b'{"a": 2}', b"[" * 100_000, rb'{"a": "\ud83d"}')
    path = put("a.jsonl", b"\n".join((*lines, rb'{"a": "\ud83d\ude00"}')))
    found = texts(read_jsonl(path))
    assert found[0] == (1, {"a": 1})
    assert found[1] == "not a JSON object"
    assert found[2].startswith("not JSON")
    assert found[3] == "not UTF-8"
    assert found[4] == (6, {"a": 2})
    assert found[5].startswith("not JSON: nested")
    assert found[6].startswith("not JSON")
    assert found[7] == (9, {"a": "😀"})


def test_lines_and_text(put):
    assert list(read_lines(put("a.txt", "one\r\n\n two\n"))) == [(1, "one"), (3, " two")]
    assert read_text(put("b.txt", "\ufeffb")) == "b"
    assert texts([read_text(put("c.txt", b"\xff")), read_text(put("d.txt", "ab"), 1)]) == [
        "not UTF-8",
        "more than 1 bytes",
    ]
    assert texts([read_text(put("e.txt").with_name("no.txt"))]) == ["No such file or directory"]


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a.png", "a/../../a.png", "x" * 5000, "no.png", "\0"])
def test_a_listed_file_is_there_and_inside(put, name):
    folder = put("images/a.png").parent
    assert listed_file(folder, "a.png", "t:1") == folder / "a.png"
    assert isinstance(listed_file(folder, name, "t:1"), Problem)


def test_required_file(put, tmp_path):
    assert required_file(tmp_path, "a.csv.gz", "a.csv") if put("a.csv") else None
    with pytest.raises(UserError, match=r"there is no b\.csv or c\.csv"):
        required_file(tmp_path, "b.csv", "c.csv")


def test_facts():
    columns = {"age": "Age", "sex": "Sex", "view": "View"}
    assert facts({"Age": "058Y", "Sex": "F", "View": "PA"}, columns) == {"age": 58, "sex": "female", "view": "PA"}
    assert facts({"Age": "unknown", "Sex": "Male", "View": " "}, columns) == {"sex": "male"}
