"""Pictures in colours at random."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_dst_type, convert_to_tensor

from synthmed.errors import UserError


class RandRecolourd(RandomizableTransform, MapTransform):
    """Brightness through a random colour map, blended with the picture as it was by a random share.

    An autoencoder that has seen grey alone, or the pinks of one stain, gives a brown lesion back as grey, and whatever
    is adapted on top of it can paint no brown. Trained on radiographs and slices in all colours, it keeps them.
    torchvision's ``ColorJitter`` turns hues that are there; grey has none.

    Args:
        keys: images of one or three channels in [0, 1]; each is drawn for by itself.
        prob: how often.
        knots: colours of the map, evenly spread from black to white, with straight lines between them.
    """

    def __init__(
        self, keys: KeysCollection, prob: float = 0.5, knots: int = 3, allow_missing_keys: bool = False
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        if knots < 2:
            raise UserError(f"knots: {knots} colours make no map; give two or more")
        self.knots = knots

    def randomize(self, data: Any = None) -> None:
        """Draw whether to, the colours, and the share of the map."""
        super().randomize(None)
        self._colours = self.R.uniform(size=(self.knots, 3))
        self._share = float(self.R.uniform())

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The same dictionary with three channels for each key, in [0, 1].

        Raises:
            UserError: an image has another number of channels, or values outside [0, 1].
        """
        item = dict(data)
        for key in self.key_iterator(item):
            image = convert_to_tensor(item[key], track_meta=True)
            low, high = float(image.min()), float(image.max())
            if len(image) not in (1, 3) or not (low >= -1e-3 and high <= 1 + 1e-3):
                raise UserError(f"{key}: {len(image)} channels from {low:g} to {high:g}; colours take 1 or 3 of [0, 1]")
            self.randomize()
            plain = torch.as_tensor(image).as_subclass(torch.Tensor).float().clamp(0, 1)
            result = self._recoloured(plain) if self._do_transform else plain.expand(3, -1, -1).contiguous()
            item[key] = convert_to_dst_type(result, image)[0]
        return item

    def _recoloured(self, image: torch.Tensor) -> torch.Tensor:
        brightness, at = image.mean(0).numpy(), np.linspace(0, 1, self.knots)
        mapped = np.stack([np.interp(brightness, at, channel) for channel in self._colours.T])
        return image + self._share * (torch.from_numpy(mapped).float() - image)
