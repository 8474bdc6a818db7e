"""torchio's artefacts among MONAI's transforms."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import RandomizableTransform
from monai.utils import convert_to_dst_type, convert_to_tensor

from synthmed.errors import UserError


class RandTorchIO(RandomizableTransform):
    """One of several torchio transforms on a slice, as a volume one voxel deep; drawn from MONAI's random state.

    torchio draws from PyTorch's global generator. Here that is forked and seeded, so that ``set_random_state`` fixes
    the result, and nothing outside is moved.

    Args:
        transforms: torchio intensity transforms, of which each has the same chance; one may stand without a list.
        prob: how often any is applied.
    """

    def __init__(self, transforms: Any, prob: float = 1.0) -> None:
        super().__init__(prob)
        self.transforms = list(transforms) if isinstance(transforms, list | tuple) else [transforms]
        if not self.transforms:
            raise UserError("transforms: name one torchio transform or more")
        self._seed = 0

    def randomize(self, data: Any = None) -> None:
        """Draw whether to, which, and the seed of torchio's own draws."""
        super().randomize(None)
        self._place = int(self.R.randint(len(self.transforms)))
        self._seed = int(self.R.randint(np.iinfo(np.int32).max))

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> MetaTensor:
        """(C, rows, columns) of the same shape and type; values may leave their range."""
        image = cast(MetaTensor, convert_to_tensor(img, track_meta=True))
        if randomize:
            self.randomize()
        if not self._do_transform:
            return image
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            # A copy, for torchio may write into what it is given.
            result = self.transforms[self._place](image.as_tensor().clone()[..., None])
        return convert_to_dst_type(result[..., 0].contiguous(), image)[0]
