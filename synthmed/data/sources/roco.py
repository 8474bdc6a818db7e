"""ROCO: radiology figures of PubMed Central with captions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.record import FileRef, Problem, Record, Split
from synthmed.data.sources.tables import listed_file, read_csv, read_lines, required_file
from synthmed.modality import canonical

_SPLITS: dict[str, Split] = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Roco:
    """``data/{train,validation,test}/radiology/{captions.txt,licences.txt,images/}``.

    Layout: razorx89/roco-dataset, its text files and scripts/fetch.py, which names an image as the second column of
    ``licences.txt`` does (``PMC3970251_CRIONM2014-931546.003.jpg``); copies that name it ``ROCO_00020.jpg`` are read
    too. ROCO does not tell patients apart and splits by image: the attribute ``article`` has the PMC id.

    Args:
        image: the field that the figures go into. They are of every kind, CT and ultrasound among them.
    """

    image: str = "photo"

    summary: ClassVar[str] = "ROCO: radiology figures of PubMed Central with captions, official split"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By split, in the order of ``captions.txt``; the licence is the article's.

        Raises:
            UserError: the train captions are missing, or ``image`` is not an image's name.
        """
        field = canonical(self.image)
        required_file(root, "data/train/radiology/captions.txt")
        seen: set[str] = set()
        for name, split in _SPLITS.items():
            folder = root / "data" / name / "radiology"
            if os.path.isfile(folder / "captions.txt"):
                yield from _part(folder, split, field, seen)
            else:
                yield Problem(str(folder / "captions.txt"), "missing file")


def _part(folder: Path, split: Split, field: str, seen: set[str]) -> Iterator[Record | Problem]:
    files: dict[str, tuple[str, str]] = {}
    table = folder / "licences.txt"
    if os.path.isfile(table):
        for item in read_csv(table, ("ROCO_ID", "PMC_ID", "CC"), key="ROCO_ID"):
            if isinstance(item, Problem):
                yield item
            else:
                files[item[1]["ROCO_ID"]] = item[1]["PMC_ID"], item[1]["CC"]
    else:
        yield Problem(str(table), "missing file")
    for line in read_lines(folder / "captions.txt"):
        if isinstance(line, Problem):
            yield line
            continue
        where = f"{folder / 'captions.txt'}:{line[0]}"
        name, tab, caption = line[1].partition("\t")
        caption = " ".join(caption.split())
        if not tab or not caption:
            yield Problem(where, "a line is an id, a tab and a caption")
            continue
        if name in seen:
            yield Problem(where, f"id {name[:200]!r} is there already")
            continue
        seen.add(name)
        article, licence = files.get(name, ("", ""))
        file = listed_file(folder / "images", article or f"{name}.jpg", where)
        if isinstance(file, Problem) and os.path.isfile(folder / "images" / f"{name}.jpg"):
            file = folder / "images" / f"{name}.jpg"
        if isinstance(file, Problem):
            yield file
            continue
        yield Record(
            id=name,
            images={field: FileRef(file)},
            split=split,
            text=caption,
            text_kind="caption",
            licence=licence or "not stated",
            shippable=licence in ("CC BY", "CC0"),
            attributes={"article": article.partition("_")[0]} if article else {},
        )
