"""Kvasir v2: endoscopic photographs of the gastrointestinal tract."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.tables import image_files
from synthmed.errors import UserError

CLASSES = {
    "dyed-lifted-polyps": "dyed lifted polyps",
    "dyed-resection-margins": "dyed resection margins",
    "esophagitis": "esophagitis",
    "normal-cecum": "normal cecum",
    "normal-pylorus": "normal pylorus",
    "normal-z-line": "normal z-line",
    "polyps": "polyps",
    "ulcerative-colitis": "ulcerative colitis",
}


@dataclass(frozen=True)
class Kvasir:
    """``kvasir-dataset-v2/CLASS/*.jpg``, eight classes; ``root`` is that folder or the one above.

    Layout: https://datasets.simula.no/kvasir; the folders' names from public readers. The three normal landmarks keep
    their names, as the classes are told apart by them. There are no patients and no official split.
    """

    summary: ClassVar[str] = "Kvasir v2: endoscopic photographs of eight classes"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By class and name; the id is ``CLASS/NAME.jpg``. A class without a folder is a `Problem`.

        Raises:
            UserError: no class has a folder.
        """
        if os.path.isdir(root / "kvasir-dataset-v2"):
            root = root / "kvasir-dataset-v2"
        if not any(os.path.isdir(root / folder) for folder in CLASSES):
            raise UserError(f"{root}: there is no {next(iter(CLASSES))}; give the folder kvasir-dataset-v2")
        for folder, label in CLASSES.items():
            if not os.path.isdir(root / folder):
                yield Problem(str(root / folder), "missing folder")
                continue
            for path in image_files(root / folder, ".jpg"):
                if isinstance(path, Problem):
                    yield path
                    continue
                yield Record(
                    id=f"{folder}/{path.name}",
                    images={"photo": FileRef(path)},
                    labels=(label,),
                    licence="Kvasir terms: research and education",
                )
