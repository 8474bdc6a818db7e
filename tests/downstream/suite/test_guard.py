from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthmed.data.assemble import Assembled, Row
from synthmed.data.card import pixel_hashes
from synthmed.data.record import FileRef, Record
from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.card import Card, read_card
from synthmed.downstream.suite.guard import Real, check_card, check_made, check_strict
from synthmed.errors import UserError


def film(folder: Path, name: str, seed: int, patient: str = "", noise: float = 0.0) -> Record:
    """A record of a smooth random image, whose file is written; ``noise`` hardly alters it."""
    rng = np.random.default_rng(seed)
    grid = rng.random((9, 9)).astype(np.float32) * 255
    values = np.asarray(Image.fromarray(grid).resize((64, 64), Image.Resampling.BICUBIC)).clip(0, 255)
    values = values + noise * np.random.default_rng(seed + 1000).normal(size=values.shape)
    path = folder / f"{name}.png"
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path)
    return Record(name, {"xray": FileRef(path)}, patient=patient)


def held(train: list[Record], test: list[Record]) -> Real:
    real = Real()
    real.add("train", train, frozenset(row.id for row in train))
    real.add("test", test, frozenset(row.id for row in test))
    return real


def test_other_patients_pass_and_what_was_checked_is_told(tmp_path: Path) -> None:
    real = held([film(tmp_path, f"a{i}", i, f"p{i}") for i in range(4)], [film(tmp_path, "b", 9, "q")])
    patients, pixels, near = real.checks(0)
    assert (patients.what, patients.left_rows, patients.right_rows, patients.unchecked) == ("patients", 4, 1, "")
    assert (pixels.what, pixels.left, pixels.right) == ("equal pixels", "train", "test")
    assert (pixels.left_rows, pixels.right_rows, pixels.found) == (4, 1, 0)
    assert (near.what, near.found, near.allowed) == ("near-duplicates", 0, 0)


def test_rows_without_patients_are_told_as_unchecked(tmp_path: Path) -> None:
    assert "do not tell patients" in held([film(tmp_path, "a", 1)], [film(tmp_path, "b", 2)]).checks(0)[0].unchecked


def test_leaks_refuse_with_count_and_first_rows(tmp_path: Path) -> None:
    train = [film(tmp_path, f"a{i}", i, f"p{i}") for i in range(3)]
    with pytest.raises(UserError, match=r"guard: 1 equal pixels between train and test rows: .*a1.*copy"):
        held(train, [film(tmp_path, "copy", 1)]).checks(10)
    with pytest.raises(UserError, match=r"guard: 1 patients between train and test rows: .*a2.*again"):
        held(train, [film(tmp_path, "again", 50, "p2")]).checks(10)
    near = [film(tmp_path, "near", 1, noise=1.0)]
    with pytest.raises(UserError, match=r"guard: 1 near-duplicates .*the suite allows 0 \(guard.allow_near\)"):
        held(train, near).checks(0)
    assert held(train, near).checks(1)[2].found == 1


def test_a_row_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="guard: test: lost is among the rows"):
        Real().add("test", [film(tmp_path, "b", 1)], frozenset({"b", "lost"}))


def test_a_card_that_lists_a_test_image_refuses(tmp_path: Path) -> None:
    train, test = [film(tmp_path, "a", 1), film(tmp_path, "c", 3)], [film(tmp_path, "b", 2)]
    real = held(train, test)
    # The very hashes that a training run writes into its model's folder.
    own, leaked = (
        frozenset(pixel_hashes(Assembled({"train": [Row(row, "") for row in rows]}))) for rows in (train, train + test)
    )
    passed = check_card("model", Card(own, 2), "", real)
    assert (passed.left_rows, passed.right_rows, passed.unchecked) == (2, 1, "")
    with pytest.raises(UserError, match=r"generator model was trained on 1 of 1 test rows \(b\)"):
        check_card("model", Card(leaked, 3), "", real)
    assert check_card("model", None, "it has no card", real).unchecked == "it has no card"

    assert check_strict("model", Card(own, 2), "", real, ["a", "c"]).found == 0
    with pytest.raises(UserError, match="1 of its 2 training images are not among the real rows"):
        check_strict("model", Card(own, 2), "", real, ["a"])
    assert "the user's word" in check_strict("model", None, "it has no card", real, ["a"]).unchecked


def test_made_rows_that_are_test_rows_refuse() -> None:
    def rows(levels: list[float]) -> Rows:
        pixels = np.repeat(np.array(levels, np.float16), 16).reshape(-1, 1, 4, 4)
        n = len(levels)
        return Rows(pixels, np.zeros((n, 1), np.uint8), ("",) * n, ({},) * n, "", tuple(f"row{i}" for i in range(n)))

    assert check_made("model", rows([0.1, 0.2]), rows([0.3])).left_rows == 2
    with pytest.raises(UserError, match=r"1 of 2 rows of generator model are test rows, pixel by pixel \(row1\)"):
        check_made("model", rows([0.1, 0.2]), rows([0.3, 0.2]))


def test_a_damaged_card_is_one_line(tmp_path: Path) -> None:
    assert read_card(tmp_path) is None
    for text in ("{", "[]", '{"data": {"pixels": "all", "records": {"train": 3}}}', '{"data": {"pixels": []}}'):
        (tmp_path / "training.json").write_text(text)
        with pytest.raises(UserError, match=r"training\.json: does not list the training images") as caught:
            read_card(tmp_path)
        assert "\n" not in str(caught.value)
