from __future__ import annotations

from pathlib import Path

import pytest
from helpers.runs import Make

from synthmed.data.assemble import Assembled, assemble
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.medart.captions.run import run_captions
from synthmed.medart.captions.settings import Settings
from synthmed.medart.captions.table import CaptionTable
from synthmed.medart.config import Config, PromptConfig
from synthmed.medart.training.captions import captioned

CONFIG = Config(pixels=(32, 32), prompts=PromptConfig(templates={"*": "A picture of {labels}."}))


@pytest.fixture
def found(recipe: Make) -> Assembled:
    return assemble(DataSpec.model_validate(recipe()["data"]))


def texts(found: Assembled) -> dict[str, str | None]:
    return {row.record.id: row.record.text for rows in found.splits.values() for row in rows}


def test_full_is_the_rows_own_text_else_its_labels_else_nothing(found: Assembled) -> None:
    captioned(found, "full", [], CONFIG)
    said = texts(found)
    assert said["train/02.png"] == "A round brown lesion, number 2."
    assert said["train/01.png"] == "A picture of nevus."
    assert said["train/00.png"] == ""


def test_simple_is_the_labels_in_words_and_empty_is_nothing(found: Assembled) -> None:
    captioned(found, "simple", [], CONFIG)
    said = texts(found)
    assert said["train/02.png"] == "A picture of melanoma."
    assert said["train/00.png"] == ""
    captioned(found, "empty", [], CONFIG)
    assert set(texts(found).values()) == {""}


def test_a_table_of_the_caption_command_comes_first(found: Assembled, lesions: Path, tmp_path: Path) -> None:
    table = tmp_path / "captions.csv"
    run_captions(Settings(lesions / "train", table, domain="dermoscopy"))
    with CaptionTable(table) as rows:
        told = {Path(name).name: row.text for name, row in rows.rows.items()}
    captioned(found, "full", [table], CONFIG)
    said = texts(found)
    assert len(told) == 12
    assert all(said[f"train/{name}"] == text for name, text in told.items())
    assert said["val/03.png"] == "A round black lesion, number 3."  # the table has no row for it


def test_tables_that_cannot_be_are_refused(found: Assembled, tmp_path: Path) -> None:
    table = tmp_path / "captions.csv"
    table.write_text("file_name,text\nelsewhere.png,a picture\n")
    with pytest.raises(UserError, match="none is of an image of the data"):
        captioned(found, "full", [table], CONFIG)
    table.write_text("file_name,text\na.png,one\n./a.png,two\n")
    with pytest.raises(UserError, match=r"captions.csv:3: ./a.png has another caption"):
        captioned(found, "full", [table], CONFIG)
    table.write_text("file_name\na.png\n")
    with pytest.raises(UserError, match="text"):
        captioned(found, "full", [table], CONFIG)
