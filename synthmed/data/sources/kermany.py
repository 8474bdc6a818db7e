"""Paediatric chest X-rays of Kermany et al. (2018)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record, Split
from synthmed.data.sources.tables import image_files
from synthmed.errors import UserError
from synthmed.sample import NO_FINDING

_SPLITS: tuple[Split, ...] = ("train", "val", "test")
_FILE = re.compile(
    r"(?P<person>person\d+)_(?P<kind>bacteria|virus)_\d+"
    r"|(?P<series>(?:NORMAL2-)?IM-\d+)-\d+.*"
    r"|(?P<number>(?P<upper>NORMAL|BACTERIA|VIRUS)-\d+)-\d+"
)


@dataclass(frozen=True)
class Kermany:
    """``chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg``; ``val`` is in Kaggle's copy alone.

    Layout: https://doi.org/10.17632/rscbjbr9sj.2 by way of public readers of it and the names in a resized copy
    (waliatushar/ai-pneumonia-detection). Names: ``person23_bacteria_76``; ``IM-0115-0001`` and
    ``NORMAL2-IM-1427-0001``, two series of numbers; ``BACTERIA-1135262-0001`` in the third version.

    Labels are ``pneumonia`` and its cause, ``bacteria`` or ``virus``. The folder ``test`` counts its patients anew,
    ``val`` was drawn from ``train``: a patient of the same number is the same in those two only.
    """

    summary: ClassVar[str] = "Kermany's paediatric chest X-rays: normal, bacterial or viral pneumonia, official split"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By split, class and name; the id is the path below ``chest_xray``.

        Raises:
            UserError: ``train`` or ``test`` lacks a class folder.
        """
        if not os.path.isdir(root / "train") and os.path.isdir(root / "chest_xray" / "train"):
            root = root / "chest_xray"
        for split in _SPLITS:
            for folder in ("NORMAL", "PNEUMONIA"):
                if os.path.isdir(root / split / folder):
                    yield from _folder(root, split, folder)
                elif split != "val":
                    raise UserError(f"{root}: there is no {split}/{folder}; give the folder chest_xray")


def _folder(root: Path, split: Split, folder: str) -> Iterator[Record | Problem]:
    for path in image_files(root / split / folder, ".jpeg", ".jpg"):
        if isinstance(path, Problem):
            yield path
            continue
        name = f"{split}/{folder}/{path.name}"
        match = _FILE.fullmatch(path.stem)
        normal = match is not None and (match["series"] is not None or match["upper"] == "NORMAL")
        if match is None or normal != (folder == "NORMAL"):
            yield Problem(name, "not named as the release names this folder's files: no patient or cause in it")
            continue
        cause = "bacteria" if "bacteria" in path.stem.lower() else "virus"
        patient = match["person"] or match["series"] or match["number"]
        yield Record(
            id=name,
            images={"xray": FileRef(path)},
            patient=pseudonym("kermany", f"{'test' if split == 'test' else 'train'} {patient}"),
            split=split,
            labels=(NO_FINDING,) if normal else ("pneumonia", cause),
            licence="CC BY 4.0",
            shippable=True,
        )
