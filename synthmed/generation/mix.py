"""Real and synthetic items as one dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.data import MetaTensor
from torch.utils.data import Dataset

from synthmed.errors import UserError


class Mix(Dataset[dict[str, Any]]):
    """All items of ``real``, then the first ``extra`` of ``synthetic``, each with the same keys; see `mix`.

    Args:
        plain: keys whose `MetaTensor` becomes a plain tensor, since collation does not take both kinds in one batch.
    """

    def __init__(self, real: Any, synthetic: Any, extra: int, keys: tuple[str, ...], plain: frozenset[str]) -> None:
        self.real = real
        self.synthetic = synthetic
        self.extra = extra
        self.keys = keys
        self.plain = plain

    def __len__(self) -> int:
        return len(self.real) + self.extra

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The items at these indices; the synthetic ones are asked for together."""
        for index in indices:
            if not -len(self) <= index < len(self):
                raise IndexError(f"index {index} of {len(self)} items")
        places = [index % len(self) for index in indices]
        split = len(self.real)
        wanted = sorted({place for place in places if place >= split})
        found = dict(zip(wanted, _items(self.synthetic, [place - split for place in wanted]), strict=True))
        items = [found[place] if place >= split else self.real[place] for place in places]
        return [{key: self._value(key, item[key]) for key in self.keys} for item in items]

    def _value(self, key: str, value: Any) -> Any:
        return value.as_tensor() if key in self.plain and isinstance(value, MetaTensor) else value


def mix(real: Any, synthetic: Any, ratio: float, keys: Sequence[str] | None = None) -> Dataset[dict[str, Any]]:
    """All real items followed by ``round(ratio * len(real))`` synthetic ones; let the data loader shuffle them.

    Args:
        real: map-style dataset, or a list, of dictionaries.
        synthetic: map-style dataset of dictionaries, such as a `SyntheticDataset`; its first items are taken.
        ratio: synthetic items per real item, 0 or more.
        keys: the entries to keep; if None, both must have the same.

    Raises:
        UserError: there are too few synthetic items, or the two do not have the keys.
    """
    extra = round(ratio * len(real))
    if not len(real) or extra < 0 or extra > len(synthetic):
        raise UserError(
            f"mix: ratio {ratio} of {len(real)} real items asks for {extra} synthetic ones; there are {len(synthetic)}"
        )
    there = real[0]
    made = synthetic[0] if len(synthetic) else there
    wanted = tuple(there if keys is None else keys)
    if keys is None and there.keys() != made.keys():
        raise UserError(
            f"mix: real items have the keys {sorted(there)}, synthetic ones {sorted(made)}; name some with keys="
        )
    missing = [key for key in wanted if key not in there or key not in made]
    if missing:
        raise UserError(
            f"mix: no {', '.join(missing)} in both: real items have {sorted(there)}, synthetic ones {sorted(made)}"
        )
    plain = {key for key in wanted if not (isinstance(there[key], MetaTensor) and isinstance(made[key], MetaTensor))}
    return Mix(real, synthetic, extra, wanted, frozenset(plain))


def _items(dataset: Any, indices: Sequence[int]) -> list[Any]:
    if indices and hasattr(dataset, "__getitems__"):
        return list(dataset.__getitems__(indices))
    return [dataset[index] for index in indices]
