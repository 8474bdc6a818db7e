"""Rows of any data source as a corpus; files are read when they are asked for."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.data.loading import LoadRecord
from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.transforms.windows import Window
from synthmed.errors import UserError
from synthmed.evaluation.corpora.fitting import field_after, fitted, fitting, moved_boxes, stack
from synthmed.evaluation.corpora.spool import Spool
from synthmed.evaluation.corpus import Facts
from synthmed.fields import ImageField
from synthmed.modality import MODALITIES, image_name
from synthmed.registry import nearest
from synthmed.sample import Box


class RecordCorpus:
    """The records of a source, in its order; see `synthmed.evaluation.corpora.spool` for what a row costs.

    With a ``size`` images go through their modality's default pipeline, as in training; CT stays in HU, or over the
    window that its records share or that is asked for. Without one they are as their files hold them, in range.

    Args:
        rows: as `synthmed.data.sources.Source.records` gives them; problems are counted and left out.
        name: as a report calls the corpus.

    Attributes:
        problems: rows that could not be used; ``first_problem`` says what is wrong with the first.

    Raises:
        UserError: no record at all, with the first problem; or CT rows of several windows and none asked for.
    """

    def __init__(
        self, rows: Iterable[Record | Problem], name: str, *, size: int | None = None, window: Window | None = None
    ) -> None:
        self.name = name
        self.problems, self.first_problem = 0, ""
        self._size, self._spool = size, Spool()
        masks: dict[str, set[str]] = {}
        windows: dict[str, set[Window | None]] = {}
        for row in rows:
            if isinstance(row, Problem):
                self.problems += 1
                self.first_problem = self.first_problem or str(row)
                continue
            self._spool.append(row)
            for image, mask in row.masks.items():
                masks.setdefault(image, set()).update(mask.names.values())
            for image in row.images:
                windows.setdefault(image, set()).add(row.window.get(image))
        if not len(self._spool):
            first = f" ({self.problems} problems; the first: {self.first_problem})" if self.problems else ""
            raise UserError(f"{name}: no row to evaluate{first}")
        self._mask_names = {image: tuple(sorted(names)) for image, names in masks.items()}
        self.images: Mapping[str, ImageField] = {
            image: self._field(image, window or _common(found, image, name)) for image, found in sorted(windows.items())
        }
        self.rows: Mapping[str, int] = {image: len(self.having(image)) for image in self.images}
        self._fittings = {image: fitting(field, size, raw=True) for image, field in self.images.items()}

    def _field(self, image: str, window: Window | None) -> ImageField:
        names = self._mask_names.get(image, ())
        return field_after(ImageField.of(image, mask=("background", *names) if names else ()), window)

    def __len__(self) -> int:
        return len(self._spool)

    @functools.cached_property
    def digest(self) -> str:
        """Of the rows' facts and of the bytes of every file that they name; every file is read once.

        Patients are left out, whose pseudonyms differ between machines.

        Raises:
            UserError: a file cannot be read; names it.
        """
        shown = {image: field.window for image, field in self.images.items()}
        whole = hashlib.sha256(json.dumps([self._size, shown], sort_keys=True).encode())
        hash_file = functools.lru_cache(maxsize=1024)(_file_digest)  # the planes of a volume follow each other
        for place in range(len(self)):
            record = self._spool.read(place)
            files = [*record.images.values(), *(ref for mask in record.masks.values() for ref in mask.files)]
            pieces = [[hash_file(ref.path), ref.plane, ref.channel, ref.span] for ref in files]
            rle = [[name, *mask.rle] for name, mask in record.masks.items()]
            names = [[name, sorted(mask.names.items())] for name, mask in record.masks.items()]
            boxes = [[b.image, b.category, b.x, b.y, b.width, b.height] for b in record.boxes]
            said = [record.id, list(record.images), record.labels, record.text, boxes, dict(record.attributes)]
            whole.update(json.dumps([pieces, rle, names, said, dict(record.window)], sort_keys=True).encode())
        return whole.hexdigest()

    def having(self, image: str) -> npt.NDArray[np.int64]:
        """See `synthmed.evaluation.corpus.Corpus`; ``<image>.mask`` gives the rows with a label map."""
        if image.removesuffix(".mask") not in self.images:
            raise UserError(f"{self.name}: no image {image!r}{nearest(image, self.images)}")
        return self._spool.having(image)

    def pixels(self, image: str, places: Sequence[int]) -> npt.NDArray[np.float32]:
        """See `synthmed.evaluation.corpus.Corpus`."""
        records = [self._spool.read(int(place)) for place in places]
        arrays = [self._item(record, image)[image].numpy() for record in records]
        values: npt.NDArray[np.float32] = stack(arrays, [record.id for record in records], f"{self.name}: {image}")
        return values

    def masks(self, image: str, places: Sequence[int]) -> npt.NDArray[np.uint8]:
        """See `synthmed.evaluation.corpus.Corpus`.

        Raises:
            UserError: a row has no label map of that image: ``having("<image>.mask")`` lists those that do.
        """
        records = [self._spool.read(int(place)) for place in places]
        maps = []
        for record in records:
            if image not in record.masks:
                raise UserError(f"{self.name}: {record.id} has no mask of {image}")
            maps.append(self._item(record, image, self._mask_names[image])[f"{image}.mask"].numpy()[0])
        stacked: npt.NDArray[np.uint8] = stack(maps, [record.id for record in records], f"{self.name}: {image}.mask")
        return stacked

    def facts(self, places: Sequence[int]) -> list[Facts]:
        """See `synthmed.evaluation.corpus.Corpus`; boxes lie in the pixels that `pixels` gives."""
        return [self._facts(self._spool.read(int(place))) for place in places]

    def _facts(self, record: Record) -> Facts:
        return Facts(
            record.id,
            patient=record.patient,
            report=record.text,
            labels=record.labels,
            boxes=self._boxes(record),
            attributes=record.attributes,
        )

    def _boxes(self, record: Record) -> tuple[Box, ...]:
        if self._size is None or not record.boxes:
            return record.boxes
        found: list[Box] = []
        for image in dict.fromkeys(box.image for box in record.boxes):
            own = [box for box in record.boxes if box.image == image]
            found += moved_boxes(own, self._item(record, image)[image]) if image in record.images else own
        return tuple(found)

    def _item(self, record: Record, image: str, mask_names: Sequence[str] = ()) -> dict[str, Any]:
        """One image, and with ``mask_names`` its label map, at the corpus's size."""
        if image not in record.images:
            raise UserError(f"{self.name}: {record.id} has no image {image!r}")
        masks = {image: record.masks[image]} if mask_names else {}
        alone = replace(record, images={image: record.images[image]}, masks=masks, boxes=(), labels=())
        return fitted(self._fittings[image], LoadRecord(mask_names=mask_names)(alone))


def _common(windows: set[Window | None], image: str, name: str) -> Window | None:
    if MODALITIES.get(image_name(image).modality).unit != "HU":
        return None
    if len(windows) > 1:
        listed = ", ".join(sorted("all HU" if w is None else f"({w[0]:g}, {w[1]:g})" for w in windows))
        raise UserError(f"{name}: {image} comes in several CT windows ({listed}); ask for one that all contain")
    return next(iter(windows))


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def only(image: str, rows: Iterable[Record | Problem]) -> Iterable[Record | Problem]:
    """The rows that have that image, with no other one."""
    for row in rows:
        if isinstance(row, Problem):
            yield row
        elif image in row.images:
            kept: dict[str, FileRef] = {image: row.images[image]}
            yield replace(row, images=kept, masks={k: v for k, v in row.masks.items() if k == image})
