"""A finished folder of synthmed shards as a corpus: members are read where they lie, by the parquet files' offsets."""

from __future__ import annotations

import functools
import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.codec import MAX_PIXELS, decode_png, decode_record
from synthmed.data.sources.shards import TABLES, read_layout
from synthmed.data.transforms.windows import Window
from synthmed.errors import UserError
from synthmed.evaluation.corpora.fitting import field_after, fitted, fitting, moved_boxes, stack, tensor
from synthmed.evaluation.corpora.shard_table import ShardTable, shard_digest
from synthmed.evaluation.corpus import Facts
from synthmed.fields import ImageField
from synthmed.registry import nearest
from synthmed.sample import NOT_STATED, Box

_KEPT = 8


class ShardCorpus:
    """The accepted samples of a finished set, in its order. A row costs eight bytes of memory.

    Args:
        folder: of ``synthmed generate``, or of a copy with its ``dataset.json``, tars and parquet files.
        size: rows and columns that images are brought to; as they are stored if None.
        window: (low, high) HU that a CT is shown over; as it is stored if None.
        image: the only image that is looked at; all if None.

    Raises:
        UserError: no finished set, a damaged table, or no accepted sample.
    """

    def __init__(
        self,
        folder: Path,
        *,
        size: int | None = None,
        window: Window | None = None,
        image: str | None = None,
        name: str | None = None,
    ) -> None:
        self.name = name or folder.name
        self._folder, self._size, self._window = folder, size, window
        self._layout = read_layout(folder / "dataset.json")
        self._stored = {key: f for key, f in self._layout.images.items() if key not in self._layout.mask_only}
        if image is not None:
            self._stored = {_known(image, self._stored, self.name): self._stored[image]}
        self.images: Mapping[str, ImageField] = {key: field_after(f, window) for key, f in self._stored.items()}
        self._fittings = {key: fitting(f, size, raw=False) for key, f in self.images.items()}
        self._paths = sorted(folder.glob(TABLES))
        self._table = functools.lru_cache(maxsize=_KEPT)(self._open)
        self._blank = functools.lru_cache(maxsize=_KEPT)(self._blank_image)
        shards, rows = [], []
        for number in range(len(self._paths)):
            accepted = np.flatnonzero(self._table(number).accepted).astype(np.int32)
            shards.append(np.full(len(accepted), number, np.int32))
            rows.append(accepted)
        self._shard = np.concatenate(shards) if shards else np.zeros(0, np.int32)
        self._row = np.concatenate(rows) if rows else np.zeros(0, np.int32)
        if not len(self._shard):
            raise UserError(f"{folder}: no accepted sample in it; there is nothing to evaluate")
        self.rows: Mapping[str, int] = dict.fromkeys(self.images, len(self))

    def __len__(self) -> int:
        return len(self._shard)

    @functools.cached_property
    def digest(self) -> str:
        """Of the fields and of each shard's hashes in its stats.json, or of its bytes where there are none.

        Raises:
            UserError: a shard is not of the size that its stats.json says.
        """
        parts = {
            "fields": self._layout.to_json(),
            "size": self._size,
            "window": self._window,
            "shards": [shard_digest(path) for path in self._paths],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def having(self, image: str) -> npt.NDArray[np.int64]:
        """Every row has every image."""
        _known(image, self.images, self.name)
        return np.arange(len(self), dtype=np.int64)

    def pixels(self, image: str, places: Sequence[int]) -> npt.NDArray[np.float32]:
        """See `synthmed.evaluation.corpus.Corpus`."""
        items = [self._item(image, int(place)) for place in places]
        values: npt.NDArray[np.float32] = stack(
            [item[image].numpy() for item in items],
            [self._key(int(place)) for place in places],
            f"{self.name}: {image}",
        )
        return values

    def masks(self, image: str, places: Sequence[int]) -> npt.NDArray[np.uint8]:
        """See `synthmed.evaluation.corpus.Corpus`.

        Raises:
            UserError: the set has no masks of that image.
        """
        if not self.images[_known(image, self.images, self.name)].mask:
            raise UserError(f"{self.name}: {image} has no masks in this set")
        items = [self._item(image, int(place), mask=True) for place in places]
        keys = [self._key(int(place)) for place in places]
        maps = [item[f"{image}.mask"].numpy()[0] for item in items]
        stacked: npt.NDArray[np.uint8] = stack(maps, keys, f"{self.name}: {image}.mask")
        return stacked

    def facts(self, places: Sequence[int]) -> list[Facts]:
        """See `synthmed.evaluation.corpus.Corpus`; boxes lie in the pixels that `pixels` gives."""
        return [self._facts(int(place)) for place in places]

    def _facts(self, place: int) -> Facts:
        table, row = self._at(place)
        texts = [suffix for suffix in self._layout.members() if not suffix.endswith(".png")]
        members = {suffix: table.read(row, suffix) for suffix in texts}
        key = table.keys[row]
        sample = decode_record(members, self._layout, key, str(table.tar))
        if sample.key != key:
            raise UserError(f"{table.tar}: {key}: its record is {sample.key}'s; make the shard again")
        return Facts(
            key,
            report=sample.report,
            labels=_stated(sample.labels),
            labels_by_image={image: _stated(labels) for image, labels in sample.labels_by_image.items()},
            boxes=self._boxes(place, sample.boxes),
            prompt=sample.prompt,
            attributes=sample.attributes,
        )

    def _boxes(self, place: int, boxes: Sequence[Box]) -> tuple[Box, ...]:
        if self._size is None or not boxes:
            return tuple(boxes)
        table, row = self._at(place)
        found: list[Box] = []
        for image in dict.fromkeys(box.image for box in boxes):
            own = [box for box in boxes if box.image == image]
            if image in self.images:
                shape = png_shape(table.read(row, f"{image}.png"), f"{table.tar}: {table.keys[row]}.{image}.png")
                own = list(moved_boxes(own, self._blank(image, *shape)))
            found += own
        return tuple(found)

    def _blank_image(self, image: str, rows: int, columns: int) -> Any:
        """An empty image of that shape at the corpus's size: where pixels go depends on the shape alone."""
        field = self._stored[image]
        empty = np.zeros((field.channels, rows, columns), np.float32)
        return fitted(self._fittings[image], {image: tensor(empty, "", field.window)})[image]

    def _item(self, image: str, place: int, *, mask: bool = False) -> dict[str, Any]:
        """The image, and with ``mask`` its label map, as tensors at the corpus's size."""
        field = self._stored[_known(image, self._stored, self.name)]
        table, row = self._at(place)
        key = table.keys[row]
        levels = decode_png(table.read(row, f"{image}.png"), f"{table.tar}: {key}.{image}.png")
        if levels.shape[0] != field.channels or levels.dtype.itemsize * 8 != field.bits:
            raise UserError(f"{table.tar}: {key}.{image}.png: not as dataset.json says; make the shard again")
        item: dict[str, Any] = {image: tensor(field.dequantise(levels), key, field.window)}
        if mask:
            suffix = f"{image}.mask.png"
            stored = decode_png(table.read(row, suffix), f"{table.tar}: {key}.{suffix}")
            if stored.dtype != np.uint8 or stored.shape != (1, *levels.shape[1:]) or stored.max() >= len(field.mask):
                raise UserError(f"{table.tar}: {key}.{suffix}: no label map of its image; make the shard again")
            item[f"{image}.mask"] = tensor(stored, key)
        if self._size is None and self._window is None:
            return item
        return fitted(self._fittings[image], item)

    def _key(self, place: int) -> str:
        table, row = self._at(place)
        return table.keys[row]

    def _at(self, place: int) -> tuple[ShardTable, int]:
        return self._table(int(self._shard[place])), int(self._row[place])

    def _open(self, number: int) -> ShardTable:
        return ShardTable(self._paths[number], self._layout.members())


def png_shape(data: bytes, what: str) -> tuple[int, int]:
    """(rows, columns) from a PNG's header.

    Raises:
        UserError: not a PNG, or of more pixels than are read; begins with ``what``.
    """
    if data[12:16] != b"IHDR" or len(data) < 24:
        raise UserError(f"{what}: not a PNG file")
    columns, rows = struct.unpack(">II", data[16:24])
    if not 0 < rows * columns <= MAX_PIXELS:
        raise UserError(f"{what}: {columns} x {rows} pixels; at most {MAX_PIXELS} in all are read")
    return rows, columns


def _stated(labels: Sequence[str]) -> tuple[str, ...]:
    return () if list(labels) == [NOT_STATED] else tuple(labels)


def _known(image: str, images: Mapping[str, ImageField], name: str) -> str:
    if image not in images:
        raise UserError(f"{name}: no image {image!r}{nearest(image, images)}")
    return image
