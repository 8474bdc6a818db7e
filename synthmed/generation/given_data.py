"""Conditions from real data, as a recipe's ``data`` section names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthmed.data.assemble import Row, assemble
from synthmed.data.datasets import RecordDataset
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.generation.given import content_hash_of_values
from synthmed.generation.given_transforms import as_given, seeded_row
from synthmed.modality import canonical, image_name


class GivenData(Sequence[Mapping[str, Any]]):
    """The records of all kept splits that have every taken field, through their pipelines, read when asked for.

    CT comes back to HU, whatever window a pipeline shows it in. A pipeline's random transforms are seeded by the row's
    number, so that a row is the same in every process. Nothing is looked for across splits: nothing is trained.

    Args:
        spec: the data; its cache is not used.
        take: ``report``, ``labels``, images and masks (whose values are the places in ``mask_names``).

    Raises:
        UserError: as `synthmed.data.assemble.assemble`; or no record has all of ``take``.
    """

    def __init__(self, spec: DataSpec, take: Sequence[str]) -> None:
        self.take = tuple(dict.fromkeys(map(canonical, take)))
        if not self.take:
            raise UserError("take: name the fields of the data that are given, as in take: [mri, mri.flair]")
        found = assemble(spec, check_leaks=False)
        uncached = spec.model_copy(update={"cache": "none"})
        self._splits = [RecordDataset(uncached, found, split) for split in found.splits]
        self._places = [
            (split, index)
            for split, dataset in enumerate(self._splits)
            for index, row in enumerate(dataset.rows)
            if all(_has(row, name) for name in self.take)
        ]
        if not self._places:
            raise UserError(f"data: none of the {sum(map(len, self._splits))} records has {' and '.join(self.take)}")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        split, place = self._places[number]
        dataset = self._splits[split]
        record = dataset.rows[place].record
        with seeded_row(dataset.transform, number, f"data: {record.id}"):
            item = dataset[place]
        known: dict[str, Any] = {"report": record.text, "labels": record.labels}
        return {name: known[name] if name in known else as_given(item, name, record.id) for name in self.take}

    def texts(self) -> list[dict[str, Any]]:
        """The rows' reports and labels; no image is opened."""
        records = [self._splits[split].rows[place].record for split, place in self._places]
        known = [{"report": record.text, "labels": record.labels} for record in records]
        return [{name: value for name, value in row.items() if name in self.take} for row in known]

    def content_hash(self) -> str:
        """sha256 over what every row gives: each image is read once."""
        return content_hash_of_values(self)


def _has(row: Row, name: str) -> bool:
    record = row.record
    if name == "report":
        return bool(record.text)
    if name == "labels":
        return bool(record.labels)
    image = image_name(name)
    return image.image in (record.masks if image.mask else record.images)
