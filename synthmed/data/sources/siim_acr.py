"""SIIM-ACR pneumothorax segmentation challenge."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.record import FileRef, MaskRef, Problem, Record
from synthmed.data.rle import is_rle
from synthmed.data.sources.tables import read_csv, required_file
from synthmed.errors import UserError


@dataclass(frozen=True)
class SiimAcr:
    """Stage 1: ``train-rle.csv`` and ``dicom-images-train/STUDY/SERIES/UID.dcm``.

    Layout: HKU-MedAI/MGCA:mgca/preprocess/siim.py and mlmed/torchxrayvision:torchxrayvision/datasets.py
    (``SIIM_Pneumothorax_Dataset``). The table's header is ``ImageId, EncodedPixels``, with a blank, and an image with
    several pneumothoraces has several rows.

    A record's mask is the union of its run lengths, `synthmed.data.rle.decode_rle` with the DICOM's rows and columns;
    ``("-1",)``, as the table has it, is the empty mask of an image without pneumothorax, which has no label: the
    challenge does not say that nothing else is found. The labelled images are one set, without split or patients.

    Args:
        table, images: the names of the table and the image folder, for other stages of the same form.
    """

    table: str = "train-rle.csv"
    images: str = "dicom-images-train"

    summary: ClassVar[str] = "SIIM-ACR chest X-rays (DICOM) with pneumothorax masks"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By the table's first row of each image; the id is the image's UID. An image with a bad row is left out.

        Raises:
            UserError: the table or the image folder is missing.
        """
        table = required_file(root, self.table)
        if not os.path.isdir(root / self.images):
            raise UserError(f"{root}: there is no {self.images}; give the folder that holds it")
        masks: dict[str, list[str]] = {}
        lines: dict[str, int] = {}
        bad = set()
        for item in read_csv(table, ("ImageId", "EncodedPixels")):
            if isinstance(item, Problem):
                yield item
                continue
            line, row = item
            name, rle = row["ImageId"], " ".join(row["EncodedPixels"].split())
            masks.setdefault(name, []).append(rle)
            lines.setdefault(name, line)
            if not is_rle(rle):
                bad.add(name)
                yield Problem(f"{table}:{line}", f"run lengths {rle[:40]!r}: pairs of a gap and a length, or -1")
        files = {
            name.removesuffix(".dcm"): Path(folder) / name
            for folder, _, names in os.walk(root / self.images)
            for name in names
            if name.endswith(".dcm")
        }
        for name, rles in masks.items():
            if name in bad:
                continue
            if name not in files:
                yield Problem(f"{table}:{lines[name]}", f"missing file {name[:200]}.dcm in {root / self.images}")
                continue
            yield Record(
                id=name,
                images={"xray": FileRef(files[name])},
                masks={"xray": MaskRef(names={1: "pneumothorax"}, rle=tuple(rles))},
                labels=() if rles == ["-1"] else ("pneumothorax",),
                licence="Kaggle rules of the SIIM-ACR challenge",
            )
