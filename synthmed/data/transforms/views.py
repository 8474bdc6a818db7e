"""Two augmented views of an image: what MedM2G's visual invariant holds together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, cast

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import (
    Affine,
    Compose,
    MapTransform,
    RandAdjustContrast,
    RandFlip,
    RandGaussianNoise,
    RandGaussianSmooth,
    Randomizable,
    RandomizableTransform,
    RandScaleIntensity,
    RandShiftIntensity,
    ScaleIntensityRange,
    Transform,
)
from monai.utils import convert_to_tensor

from synthmed.data.transforms.artefacts import RandTorchIO
from synthmed.errors import UserError
from synthmed.modality import MODALITIES, image_name


class TwoViewsd(Randomizable, MapTransform):
    """Add ``<key>.view1`` and ``<key>.view2``: two independent draws of a random transform of the image.

    They are the views of MedM2G's visual invariant (arXiv:2403.04290, section 3.3), which does not say how they are
    made, and of Barlow Twins (arXiv:2103.03230) behind it.

    Args:
        keys: images, (C, rows, columns) with values in [0, 1]; CT after `HUWindowd`.
        views: an array transform; None takes `default_views` of each key's modality.

    Raises:
        UserError: a key is not an image's name, or a mask's; or values outside [0, 1], as those of CT in HU.
    """

    def __init__(self, keys: KeysCollection, views: Transform | None = None, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        names = [image_name(str(key)) for key in self.keys]
        if masks := [str(name) for name in names if name.mask]:
            raise UserError(f"{masks[0]}: a mask; views are made of images")
        modalities = sorted({name.modality for name in names})
        self.views = {name: default_views(name) if views is None else views for name in modalities}

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> TwoViewsd:
        """MONAI's; the views are drawn from it."""
        super().set_random_state(seed, state)
        for views in self.views.values():
            if isinstance(views, Randomizable):
                views.set_random_state(state=self.R)
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with two views more for each key."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = convert_to_tensor(item[key], track_meta=True)
            low, high = float(image.min()), float(image.max())
            # Resampling and JPEG's rounding may overshoot by a little.
            if not (low >= -1e-3 and high <= 1 + 1e-3):
                raise UserError(f"{key}: values from {low:g} to {high:g}; views are made of [0, 1], CT by HUWindowd")
            views = self.views[image_name(str(key)).modality]
            item[f"{key}.view1"], item[f"{key}.view2"] = (views(image.clone()) for _ in range(2))
        return item


class RandSmallAffine(RandomizableTransform):
    """A small turn, zoom and shift, the last in shares of the image: MONAI's `RandAffine` takes pixels alone.

    Args:
        prob: how often.
        rotate: the largest turn either way, in degrees.
        scale: the largest change of size either way, as a share.
        shift: the largest shift either way along rows and columns, as a share of each one's length.
        padding_mode: what comes in from outside: "zeros", "border" or "reflection".
    """

    def __init__(
        self,
        prob: float = 1.0,
        rotate: float = 10.0,
        scale: float = 0.1,
        shift: float = 0.05,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(prob)
        self.bounds = np.array([np.deg2rad(rotate), scale, shift, shift])
        self.padding_mode = padding_mode
        self._drawn = np.zeros(4)

    def randomize(self, data: Any = None) -> None:
        """Draw whether to, and the angle, scale and shifts."""
        super().randomize(None)
        self._drawn = self.R.uniform(-self.bounds, self.bounds)

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> MetaTensor:
        """(C, rows, columns) of the same shape, bilinear; the affine follows."""
        if randomize:
            self.randomize()
        if not self._do_transform:
            return cast(MetaTensor, convert_to_tensor(img, track_meta=True))
        angle, scale, *shift = self._drawn.tolist()
        move = Affine(
            rotate_params=angle,
            scale_params=(1 + scale, 1 + scale),
            translate_params=[share * length for share, length in zip(shift, img.shape[-2:], strict=True)],
            padding_mode=self.padding_mode,
            image_only=True,
        )
        return cast(MetaTensor, move(img))


def default_views(modality: str) -> Compose:
    """The random transform of one modality's views: (C, rows, columns) in [0, 1] to the same shape and range.

    A turn of up to 10°, a zoom of 0.9 to 1.1 and a shift of up to 5 %; gamma, brightness, blur and noise. Hue,
    greyscale and solarisation, which Barlow Twins has, would change what a medical image says. Photographs are flipped
    too; radiographs and slices are not, since left and right are findings there. MRI has one of torchio's bias field,
    ghosting, motion and spike at times.

    Raises:
        UserError: no such modality, or one without images.
    """
    if not MODALITIES.get(modality).spatial_dims:
        raise UserError(f"{modality}: has no images, of which views could be made")
    steps: list[Transform] = []
    if modality == "photo":
        steps += [RandFlip(prob=0.5, spatial_axis=0), RandFlip(prob=0.5, spatial_axis=1)]
    steps += [RandSmallAffine(prob=0.9, padding_mode="border" if modality == "photo" else "zeros")]
    if modality == "mri":
        steps += [RandTorchIO(_mri_artefacts(), prob=0.3)]
    return Compose(
        [
            *steps,
            RandAdjustContrast(prob=0.5, gamma=(0.7, 1.4)),
            RandScaleIntensity(prob=0.5, factors=0.15),
            RandShiftIntensity(prob=0.5, offsets=0.05),
            RandGaussianSmooth(prob=0.3, sigma_x=(0.3, 1.2), sigma_y=(0.3, 1.2)),
            RandGaussianNoise(prob=0.5, std=0.04),
            ScaleIntensityRange(0.0, 1.0, 0.0, 1.0, clip=True),
        ]
    )


def _mri_artefacts() -> list[Any]:
    import torchio  # two seconds that other modalities need not wait

    return [
        torchio.RandomBiasField(coefficients=0.3),
        torchio.RandomGhosting(num_ghosts=(2, 6), axes=(0, 1), intensity=(0.2, 0.6)),
        torchio.RandomMotion(degrees=4, translation=4, num_transforms=1),
        torchio.RandomSpike(intensity=(0.05, 0.2)),
    ]
