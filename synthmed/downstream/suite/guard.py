"""What keeps test rows apart from what anything was trained on: equal pixels, patients, near-duplicates.

An overlap refuses to run; what could not be checked is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from synthmed.data.identity import pixel_id
from synthmed.data.leaks import Leak, LeakFinder
from synthmed.data.reading import read_images
from synthmed.data.record import Record
from synthmed.downstream.rows import Rows
from synthmed.downstream.suite.card import Card
from synthmed.downstream.suite.outcome import Check
from synthmed.errors import UserError

_SHOWN = 3
_SIDES = {"patient": "patients", "pixels": "equal pixels", "near-duplicate": "near-duplicates"}


@dataclass
class Real:
    """The real rows that a suite uses, by what their files hold: all images of their records are read once.

    Attributes:
        ids: the sha256 of the decoded pixels of each row's images, as models' cards have them, by role and key.
        patients: how many each side tells apart.
    """

    ids: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    patients: dict[str, int] = field(default_factory=dict)
    _finder: LeakFinder = field(default_factory=LeakFinder)

    def add(self, role: str, records: Iterable[Record], keys: frozenset[str]) -> None:
        """Read the rows of those keys.

        Raises:
            UserError: a file cannot be read, or a row is not among the records.
        """
        ids = self.ids.setdefault(role, {})
        patients = set()
        for record in records:
            if record.id in keys:
                images = read_images(record)
                ids[record.id] = frozenset(pixel_id(pixels.values) for pixels in images.values())
                self._finder.add("test" if role == "test" else "train", record, images)
                patients.add(record.patient)
        if missing := sorted(keys - ids.keys()):
            raise UserError(f"guard: {role}: {missing[0]} is among the rows and not among their source's records")
        self.patients[role] = len(patients - {""})

    def checks(self, allow_near: int) -> list[Check]:
        """Training and validation rows against test rows.

        Raises:
            UserError: they overlap.
        """
        leaks = self._finder.leaks()
        left = " and ".join(role for role in self.ids if role != "test")
        rows = sum(len(ids) for role, ids in self.ids.items() if role != "test")
        found = []
        for kind, what in _SIDES.items():
            mine = [leak for leak in leaks if leak.kind == kind]
            allowed = allow_near if kind == "near-duplicate" else 0
            if len(mine) > allowed:
                raise UserError(_refusal(what, left, mine, allowed))
            if kind != "patient":
                found.append(Check(what, left, "test", rows, len(self.ids["test"]), len(mine), allowed))
            elif self.patients.get("test") and self.patients.get("train"):
                patients = sum(count for role, count in self.patients.items() if role != "test")
                found.append(Check(what, left, "test", patients, self.patients["test"]))
            else:
                found.append(Check(what, left, "test", unchecked="the rows do not tell patients apart"))
        return found


def check_card(name: str, card: Card | None, reason: str, real: Real) -> Check:
    """A generator's training images, by its card, against the test rows.

    Args:
        card: None where it has none, for a ``reason``.

    Raises:
        UserError: it was trained on test rows.
    """
    left = f"training images of {name}"
    if card is None:
        return Check("equal pixels", left, "test", unchecked=reason)
    test = real.ids["test"]
    both = [key for key, ids in test.items() if ids & card.pixels]
    if both:
        raise UserError(
            f"guard: generator {name} was trained on {len(both)} of {len(test)} test rows ({_first(both)}), by its "
            "training.json; test on rows that it has not seen"
        )
    return Check("equal pixels", left, "test", len(card.pixels), len(test))


def check_strict(name: str, card: Card | None, reason: str, real: Real, keys: Sequence[str]) -> Check:
    """That a model that was trained elsewhere saw no image but those of a draw of real rows.

    Args:
        keys: of the rows that are in every draw beside which its rows are used.

    Raises:
        UserError: it saw more.
    """
    left, right = f"training images of {name}", "the real rows of its cells"
    if card is None:
        return Check("trained on its rows alone", left, right, unchecked=f"{reason}; strict is the user's word")
    own: frozenset[str] = frozenset().union(*(real.ids["train"][key] for key in keys))
    more = card.pixels - own
    if more:
        raise UserError(
            f"guard: generator {name} is said to be strict, and {len(more)} of its {len(card.pixels)} training "
            "images are not among the real rows of every cell; say setting: released"
        )
    return Check("trained on its rows alone", left, right, len(card.pixels), len(keys))


def check_made(name: str, made: Rows, test: Rows) -> Check:
    """Synthetic rows against test rows, as the task's network sees both.

    Raises:
        UserError: a synthetic row is a test row.
    """
    there = {_digest(test, place): place for place in range(len(test))}
    both = [there[data] for place in range(len(made)) if (data := _digest(made, place)) in there]
    if both:
        keys = [test.keys[place] if test.keys else f"row {place}" for place in dict.fromkeys(both)]
        raise UserError(
            f"guard: {len(both)} of {len(made)} rows of generator {name} are test rows, pixel by pixel "
            f"({_first(keys)}); copies of the test rows cannot be compared on them"
        )
    return Check("equal pixels", f"rows of {name}", "test", len(made), len(test))


def _refusal(what: str, left: str, leaks: Sequence[Leak], allowed: int) -> str:
    first = "; ".join(map(str, leaks[:_SHOWN]))
    more = f"; and {len(leaks) - _SHOWN} more" if len(leaks) > _SHOWN else ""
    end = "take them out of one side"
    if what == "near-duplicates":
        end = f"the suite allows {allowed} (guard.allow_near)"
    return f"guard: {len(leaks)} {what} between {left} and test rows: {first}{more}; {end}"


def _digest(rows: Rows, place: int) -> bytes:
    return hashlib.sha256(rows.pixels[place].tobytes()).digest()


def _first(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more
