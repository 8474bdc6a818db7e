"""NIH ChestX-ray14."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record, Split
from synthmed.data.sources.tables import facts, read_csv, read_lines, required_file
from synthmed.errors import UserError
from synthmed.sample import Box

_LISTS: dict[str, Split] = {"train_val_list.txt": "train", "test_list.txt": "test"}


@dataclass(frozen=True)
class NihChestXray14:
    """``Data_Entry_2017*.csv``, ``BBox_List_2017.csv``, the two lists, and ``images_001/images`` … or ``images``.

    Layout: https://nihcc.app.box.com/v/ChestXray-NIHCC by way of mlmed/torchxrayvision:torchxrayvision/datasets.py
    (``NIH_Dataset``). The box table's header ``Bbox [x,y,w,h],,,`` falls apart into ``Bbox [x``, ``y``, ``w``, ``h]``;
    its ``Infiltrate`` is the labels' ``infiltration``. ``train_val_list.txt`` is the split ``train``.

    A box table or a list that is missing is a `Problem`; the records then have no box or split.
    """

    summary: ClassVar[str] = "NIH ChestX-ray14: chest X-rays with 14 labels, boxes and the official test list"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The rows of the entry table; the id is the file's name.

        Raises:
            UserError: the entry table or every image folder is missing.
        """
        entries = required_file(root, "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
        folders = [folder for folder in (root / "images", *sorted(root.glob("images_*/images"))) if folder.is_dir()]
        if not folders:
            raise UserError(f"{root}: there is no images_001/images or images; unpack the archives there")
        files = {entry.name: Path(entry.path) for folder in folders for entry in os.scandir(folder)}
        splits: dict[str, Split] = {}
        for name, split in _LISTS.items():
            if not os.path.isfile(root / name):
                yield Problem(str(root / name), "missing file")
                continue
            for line in read_lines(root / name):
                if isinstance(line, Problem):
                    yield line
                else:
                    splits[line[1].strip()] = split
        boxes: dict[str, list[Box]] = {}
        for found in _boxes(root / "BBox_List_2017.csv"):
            if isinstance(found, Problem):
                yield found
            else:
                boxes.setdefault(found[0], []).append(found[1])
        required = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position")
        for item in read_csv(entries, required, key="Image Index"):
            if isinstance(item, Problem):
                yield item
                continue
            line_number, row = item
            name = row["Image Index"]
            if name not in files:
                yield Problem(f"{entries}:{line_number}", f"missing file {name[:200]} in {len(folders)} image folders")
                continue
            yield Record(
                id=name,
                images={"xray": FileRef(files[name])},
                patient=pseudonym("nih_chestxray14", row["Patient ID"]),
                split=splits.get(name, ""),
                boxes=tuple(boxes.get(name, ())),
                labels=tuple(_plain(label) for label in row["Finding Labels"].split("|") if label.strip()),
                licence="NIH Clinical Center: no restriction of use, attribution",
                shippable=True,
                attributes=facts(row, {"age": "Patient Age", "sex": "Patient Gender", "view": "View Position"}),
            )


def _boxes(path: Path) -> Iterator[tuple[str, Box] | Problem]:
    if not os.path.isfile(path):
        yield Problem(str(path), "missing file")
        return
    columns = ("Bbox [x", "y", "w", "h]")
    for item in read_csv(path, ("Image Index", "Finding Label", *columns)):
        if isinstance(item, Problem):
            yield item
            continue
        line, row = item
        try:
            x, y, width, height = (float(row[column]) for column in columns)
        except ValueError:
            yield Problem(f"{path}:{line}", "a box is four numbers")
            continue
        if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
            yield Problem(f"{path}:{line}", "a box has a width and a height above 0")
            continue
        yield row["Image Index"], Box("xray", _plain(row["Finding Label"]), x, y, width, height)


def _plain(label: str) -> str:
    label = label.strip().replace("_", " ").lower()
    return "infiltration" if label == "infiltrate" else label
