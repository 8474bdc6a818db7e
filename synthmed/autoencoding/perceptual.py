"""A distance between images in the features of a network that knows pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

LAYERS = (1, 5, 10)
"""conv1, fire4 and fire8 of SqueezeNet 1.0: at 1/2, 1/4 and 1/8 of the image's size."""

_CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)
"""The original weights (DeepScale's Caffe model, which songhan/SqueezeNet-Deep-Compression compresses) take levels of
0 to 255, blue first, minus these; with torchvision's normalisation they answer the same to every image."""


class PerceptualDistance(nn.Module):
    """LPIPS (Zhang et al., CVPR 2018, equation 1) with all weights 1: no one's judgements were learned from.

    Args:
        features: `load_squeezenet`'s. Frozen here; a judge of quality must be another network.
        layers: whose outputs are compared.
    """

    def __init__(self, features: nn.Sequential, layers: Sequence[int] = LAYERS) -> None:
        super().__init__()
        self.features = features[: max(layers) + 1].requires_grad_(False).eval()
        self.layers = frozenset(layers)
        self.register_buffer("mean", torch.tensor(_CAFFE_MEAN_BGR)[:, None, None], persistent=False)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """The mean distance of the pairs of images (B, 1 or 3, H, W) in [-1, 1]; both sides at least 21 pixels.

        Channels of features are brought to length 1 at each place; the squared differences are averaged over places
        and added over layers.
        """
        total = a.new_zeros(())
        for x, y in zip(self._outputs(a), self._outputs(b), strict=True):
            total = total + (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean()
        return total

    def _outputs(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        hidden = 127.5 * (images.expand(-1, 3, -1, -1).flip(1) + 1) - self.get_buffer("mean")
        for place, layer in enumerate(self.features):
            hidden = layer(hidden)
            if place in self.layers:
                yield hidden
