"""MRI as a scanner that measures a part of k-space alone would show it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal, cast

import numpy as np
from monai.apps.reconstruction.transforms.array import EquispacedKspaceMask, RandomKspaceMask
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.data.fft_utils import fftn_centered
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_dst_type, convert_to_tensor

from synthmed.errors import UserError

_MASKS = {"random": RandomKspaceMask, "equispaced": EquispacedKspaceMask}


class UndersampleKspaced(RandomizableTransform, MapTransform):
    """The zero-filled reconstruction of a slice of which one in ``acceleration`` phase-encoding lines was measured.

    The slice's centred Fourier transform, times a mask of columns, back, and its magnitude, clipped to [0, 1]; masks
    are MONAI's, after fastMRI (Zbontar et al. 2018, arXiv:1811.08839). As the source is a magnitude image, this is a
    single-coil acquisition without phase: easier than a scanner's.

    Args:
        keys: MRI slices, (1, rows, columns) in [0, 1]. Each is given a mask of its own.
        acceleration: columns over measured columns, on average for "random"; 1 leaves the image as it is.
        center_fraction: the share of columns, of the lowest frequencies, that are always measured.
        kind: whether the other columns are drawn or equally spaced behind a drawn offset.
        suffix: added to the key of the result; "" puts it in the place of the image.

    Raises:
        UserError: an argument outside its range, or several channels.
    """

    def __init__(
        self,
        keys: KeysCollection,
        acceleration: float = 4.0,
        center_fraction: float = 0.08,
        kind: Literal["random", "equispaced"] = "random",
        suffix: str = "",
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self)
        if kind not in _MASKS:
            raise UserError(f"kind = {kind!r}: write random or equispaced")
        if acceleration < 1 or not 0 <= center_fraction < 1 or center_fraction * acceleration >= 1 < acceleration:
            raise UserError(
                f"acceleration = {acceleration}, center_fraction = {center_fraction}: at least 1, and a fraction "
                "below 1 / acceleration"
            )
        self.acceleration = acceleration
        self.suffix = suffix
        self.masker = _MASKS[kind]([center_fraction], [acceleration])

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> UndersampleKspaced:
        """MONAI's; the masks are drawn from it."""
        super().set_random_state(seed, state)
        self.masker.set_random_state(state=self.R)
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with undersampled images."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = convert_to_tensor(item[key], track_meta=True)
            if len(image) != 1:
                raise UserError(f"{key}: {len(image)} channels; an MRI slice has 1")
            item[f"{key}{self.suffix}" if self.suffix else key] = self._undersampled(image)
        return item

    def _undersampled(self, image: MetaTensor) -> MetaTensor:
        # MONAI's equispaced mask leaves the last column out even then.
        if self.acceleration == 1:
            return cast(MetaTensor, image.clone())
        _, magnitude = self.masker(fftn_centered(image.as_tensor(), spatial_dims=2, is_complex=False))
        return convert_to_dst_type(magnitude.reshape(image.shape).clamp(0, 1), image)[0]
