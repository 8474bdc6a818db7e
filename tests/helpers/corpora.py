"""A corpus of arrays in memory, and pictures to fill it with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from synthmed.evaluation.corpus import Facts
from synthmed.fields import ImageField


class MemoryCorpus:
    """A `synthmed.evaluation.corpus.Corpus` of given arrays.

    Args:
        images: (n, C, H, W) float32 by name, in the field's unit.
        masks: (n, H, W) uint8 by the image's name; with ``fields`` left out, labels are ``("background", "1", …)``.
        facts: of each row; keys 0, 1, … where left out.
        absent: places of rows that do not have an image, by name; what its array holds there is never given out.
        fields: by name; the modality's own storage where left out.
    """

    def __init__(
        self,
        images: Mapping[str, npt.NDArray[np.float32]],
        *,
        masks: Mapping[str, npt.NDArray[np.uint8]] | None = None,
        facts: Sequence[Facts] | None = None,
        absent: Mapping[str, Sequence[int]] | None = None,
        fields: Mapping[str, ImageField] | None = None,
        name: str = "memory",
    ) -> None:
        self.name = name
        self._pixels, self._masks = dict(images), dict(masks or {})
        sizes = {len(values) for values in [*self._pixels.values(), *self._masks.values(), *([facts] if facts else [])]}
        if len(sizes) != 1:
            raise ValueError(f"arrays and facts of {sorted(sizes)} rows; all of one number")
        self._n = sizes.pop()
        self._facts = list(facts) if facts else [Facts(str(place)) for place in range(self._n)]
        self.images = {key: (fields or {}).get(key) or self._field(key) for key in self._pixels}
        self._having = {
            key: np.setdiff1d(np.arange(self._n), np.asarray((absent or {}).get(key, ()), np.int64))
            for key in self._pixels
        }
        self.rows = {key: len(places) for key, places in self._having.items()}
        digest = hashlib.sha256(repr((self._facts, sorted(self.images.items()))).encode())
        for kind in (self._pixels, self._masks):
            for key, values in sorted(kind.items()):
                digest.update(f"{key}{values.shape}".encode() + np.ascontiguousarray(values).tobytes())
        for key, places in sorted(self._having.items()):
            digest.update(key.encode() + places.tobytes())
        self.digest = digest.hexdigest()

    def _field(self, key: str) -> ImageField:
        field = ImageField.of(key)
        if key not in self._masks:
            return field
        return replace(field, mask=("background", *(str(value) for value in range(1, int(self._masks[key].max()) + 1))))

    def __len__(self) -> int:
        return self._n

    def having(self, image: str) -> npt.NDArray[np.int64]:
        return self._having[image]

    def pixels(self, image: str, places: Sequence[int]) -> npt.NDArray[np.float32]:
        at = self._places(image, places)
        return self._pixels[image][at].astype(np.float32)

    def masks(self, image: str, places: Sequence[int]) -> npt.NDArray[np.uint8]:
        at = self._places(image, places)
        return self._masks[image][at].astype(np.uint8)

    def facts(self, places: Sequence[int]) -> list[Facts]:
        return [self._facts[place] for place in places]

    def _places(self, image: str, places: Sequence[int]) -> npt.NDArray[np.int64]:
        at = np.asarray(places, np.int64).reshape(-1)
        if missing := set(at.tolist()) - set(self._having[image].tolist()):
            raise KeyError(f"rows {sorted(missing)[:3]} have no {image}")
        return at


def textures(n: int, side: int = 64, seed: int = 0) -> npt.NDArray[np.float32]:
    """(n, 1, side, side) in [0, 1]: smooth noise of three widths, told apart by structure as patients' images are."""
    rng = np.random.default_rng(seed)
    made = np.zeros((n, side, side))
    for width in (0.03, 0.06, 0.12):
        layer = ndimage.gaussian_filter(rng.normal(size=made.shape), (0, width * side, width * side), mode="reflect")
        made += layer / layer.std(axis=(1, 2), keepdims=True)
    made -= made.min(axis=(1, 2), keepdims=True)
    return (made / made.max(axis=(1, 2), keepdims=True)).astype(np.float32)[:, None]
