"""The InceptionV3 of published FIDs and KIDs, in the PyTorch port that clean-fid brings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from synthmed.errors import UserError

FILE = "pt_inception-2015-12-05-6726825d.pth"
_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"


class Inception:
    """2,048 pooled features of TensorFlow's InceptionV3 of 2015-12-05, ported by pytorch-fid.

    Images are resized as clean-fid does: Pillow's bicubic filter on floats, a channel at a time, to 299 x 299 (Parmar
    et al., CVPR 2022). Nothing is downloaded: the weights have to lie where torch.hub keeps them.

    Raises:
        UserError: they are not there, or are not those.
    """

    name = "inception-v3"
    width = 2048
    size = 299

    def __init__(self) -> None:
        path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
        if not path.is_file():
            raise UserError(f"inception: {path} is missing; download it there from {_URL}")
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        # torch.hub's names end in the first digits of the file's own hash.
        if not self.digest.startswith("6726825d"):
            raise UserError(f"{path}: its sha256 does not begin with 6726825d; download it again from {_URL}")
        self._network = inception(torch.load(path, map_location="cpu", weights_only=True))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, H, W) float32 in [0, 1] to (n, 2048) float32."""
        with torch.no_grad():
            found: torch.Tensor = self._network(2 * resized(images, self.size) - 1)
        return found


def resized(images: torch.Tensor, size: int) -> torch.Tensor:
    """(n, C, H, W) in [0, 1] to (n, C, size, size), as clean-fid's ``clean`` mode does it."""
    found = np.empty((*images.shape[:2], size, size), np.float32)
    for row, image in enumerate(images.clamp(0, 1).cpu().numpy()):
        for channel, plane in enumerate(image):
            levels = Image.fromarray(plane * np.float32(255)).resize((size, size), Image.Resampling.BICUBIC)
            found[row, channel] = np.asarray(levels).clip(0, 255) / 255
    return torch.from_numpy(found)


def inception(weights: dict[str, torch.Tensor] | None = None) -> nn.Module:
    """The network up to its pooled features, which takes (n, 3, 299, 299) in [-1, 1]; untrained without weights."""
    from cleanfid.inception_pytorch import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2
    from torchvision.models import inception_v3

    network: nn.Module = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    # As in clean-fid's fid_inception_v3, which would fetch its weights itself.
    for block, channels, features in (("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)):
        setattr(network, block, FIDInceptionA(channels, pool_features=features))
    for block, channels in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        setattr(network, block, FIDInceptionC(768, channels_7x7=channels))
    network.Mixed_7b, network.Mixed_7c = FIDInceptionE_1(1280), FIDInceptionE_2(2048)
    if weights is not None:
        network.load_state_dict(weights)
    network.fc = nn.Identity()
    return network.eval().requires_grad_(False)
