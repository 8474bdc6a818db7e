"""Who is in which split: the official one, or one by patient that rows added later do not change."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

from synthmed.data.record import Record
from synthmed.errors import UserError

_ORDER = ("train", "val", "test")


def split_by_patient(records: Iterable[Record], fractions: Mapping[str, float], seed: int) -> dict[str, list[Record]]:
    """Deal out records by patient: a function of the patient's name and the seed alone.

    A patient's place is sha256(seed, patient) as a number u in [0, 1): the split whose part of the cumulated fractions
    holds u. So rows that are added, left out or turned around move nobody else, and the same patient in two sources
    under one name is on one side. The price is that the shares hold in the mean: with n patients a share p has the
    standard deviation sqrt(p (1 - p) / n).

    A record without a patient counts as a patient of its own, by its id.

    Args:
        fractions: shares of train, val and test, which add up to 1; ``{"train": 0.8, "test": 0.2}``.

    Returns:
        Each split of ``fractions``, in the order train, val, test, with its records in their order.

    Raises:
        UserError: a split that is none, a share outside [0, 1], or shares that do not add up to 1.
    """
    unknown = [name for name in fractions if name not in _ORDER]
    if unknown:
        raise UserError(f"split {unknown[0]!r}: the splits are train, val and test")
    names = [name for name in _ORDER if name in fractions]
    # A share that is not a number fails this comparison too.
    if not all(0 <= fractions[name] <= 1 for name in names) or not math.isclose(sum(fractions.values()), 1):
        raise UserError(f"split fractions {dict(fractions)}: shares between 0 and 1 that add up to 1")
    parts: dict[str, list[Record]] = {name: [] for name in names}
    for record in records:
        parts[_place(record, fractions, names, seed)].append(record)
    return parts


def official(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The records by their source's own split, in the order train, val, test; splits without records are left out.

    Raises:
        UserError: a record has no official split; says how many and names the first.
    """
    parts: dict[str, list[Record]] = {}
    without: list[str] = []
    for record in records:
        parts.setdefault(record.split, []).append(record)
        if not record.split:
            without.append(record.id)
    if without:
        total = sum(map(len, parts.values()))
        raise UserError(
            f"{len(without)} of {total} records have no official split (the first: {without[0]}); split by patient"
        )
    return {name: parts[name] for name in _ORDER if name in parts}


def _place(record: Record, fractions: Mapping[str, float], names: list[str], seed: int) -> str:
    # The prefix keeps a patient and another row's id that are spelled alike apart.
    who = f"patient\0{record.patient}" if record.patient else f"row\0{record.id}"
    digest = hashlib.sha256(f"{seed}\0{who}".encode("utf-8", "surrogatepass")).digest()
    place = int.from_bytes(digest[:7], "big") / 2**56
    bound = 0.0
    for name in names:
        bound += fractions[name]
        if place < bound:
            return name
    # The shares' sum may round to a little under 1: the last split that has a share takes the rest.
    return [name for name in names if fractions[name] > 0][-1]
