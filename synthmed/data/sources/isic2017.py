"""ISIC 2017 challenge: dermoscopic photographs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.record import FileRef, MaskRef, Problem, Record, Split
from synthmed.data.sources.tables import listed_file, read_csv, required_file

_SPLITS: dict[str, Split] = {"Training": "train", "Validation": "val", "Test_v2": "test"}
_CLASSES = ("melanoma", "seborrheic_keratosis")


@dataclass(frozen=True)
class Isic2017:
    """``ISIC-2017_{Training,Validation,Test_v2}_{Data/,Part1_GroundTruth/,Part3_GroundTruth.csv}``.

    Layout: https://challenge.isic-archive.com/landing/2017/42 and public readers of the release: ``ISIC_0000000.jpg``
    beside ``*_superpixels.png``, which are passed over; ``ISIC_0000000_segmentation.png`` (or ``_Segmentation``), 255
    in the lesion; columns ``image_id``, ``melanoma``, ``seborrheic_keratosis``. An image that is neither is a
    ``nevus``, the third class.

    There are no patients. A split's class table that is missing is a `Problem`, and so is a missing mask folder: its
    records then have no mask.
    """

    summary: ClassVar[str] = "ISIC 2017 dermoscopy: three classes, lesion masks, official split"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By split, in the class table's order.

        Raises:
            UserError: the training class table is missing, or a table lacks a column.
        """
        required_file(root, "ISIC-2017_Training_Part3_GroundTruth.csv")
        seen: set[str] = set()
        for part, split in _SPLITS.items():
            table = root / f"ISIC-2017_{part}_Part3_GroundTruth.csv"
            masks = root / f"ISIC-2017_{part}_Part1_GroundTruth"
            if not os.path.isfile(table):
                yield Problem(str(table), "missing file")
                continue
            if not os.path.isdir(masks):
                yield Problem(str(masks), "missing folder")
            for item in read_csv(table, ("image_id", *_CLASSES), key="image_id"):
                if isinstance(item, Problem):
                    yield item
                    continue
                line, row = item
                where = f"{table}:{line}"
                name = row["image_id"]
                image = listed_file(root / f"ISIC-2017_{part}_Data", f"{name}.jpg", where)
                mask = _mask(masks, name, where)
                values = [row[column].strip() for column in _CLASSES]
                if any(value not in ("0", "0.0", "1", "1.0") for value in values):
                    yield Problem(where, f"{' and '.join(_CLASSES)} may be 0.0 or 1.0")
                elif name in seen:
                    yield Problem(where, f"image {name[:200]!r} is in another split already")
                elif isinstance(image, Problem):
                    yield image
                elif isinstance(mask, Problem):
                    yield mask
                else:
                    seen.add(name)
                    present = [c.replace("_", " ") for c, v in zip(_CLASSES, values, strict=True) if v in ("1", "1.0")]
                    yield Record(
                        id=name,
                        images={"photo": FileRef(image)},
                        split=split,
                        masks={"photo": MaskRef((FileRef(mask),), {255: "lesion"})} if mask else {},
                        labels=tuple(present) or ("nevus",),
                        licence="CC0 1.0",
                        shippable=True,
                    )


def _mask(folder: Path, name: str, where: str) -> Path | Problem | None:
    if not os.path.isdir(folder):
        return None
    other = listed_file(folder, f"{name}_Segmentation.png", where)
    return other if isinstance(other, Path) else listed_file(folder, f"{name}_segmentation.png", where)
