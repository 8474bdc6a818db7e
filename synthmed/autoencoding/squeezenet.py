"""SqueezeNet 1.0's weights from an .npz file that need not be trusted."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models import squeezenet1_0

from synthmed.errors import UserError

_MOST_HEADER = 1024
"""Bytes before the numbers of an .npy file; NumPy writes 128."""


def load_squeezenet(path: Path) -> nn.Sequential:
    """The convolutions of SqueezeNet 1.0 (Iandola et al. 2016), as torchvision's ``features``, float32, frozen.

    Args:
        path: an .npz with torchvision's names (``features.0.weight`` …), of any float type. The classifier's entries
            are not read.

    Raises:
        UserError: no such file, or one whose entries are not this network's. Nothing is unpickled, and no entry is
            read that is larger than it should be.
    """
    features: nn.Sequential = squeezenet1_0().features
    state = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name, tensor in features.state_dict().items():
                state[name] = torch.from_numpy(_array(archive, f"features.{name}.npy", tuple(tensor.shape)))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; the perceptual loss needs SqueezeNet's weights") from None
    # zipfile, zlib and numpy raise many kinds on damaged bytes; all mean the same to the user.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not SqueezeNet 1.0 as an .npz with torchvision's names: {reason}") from None
    features.load_state_dict(state)
    return features.requires_grad_(False).eval()


def _array(archive: zipfile.ZipFile, name: str, wanted: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{name} is of version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member, max_header_size=_MOST_HEADER)
        if shape != wanted or fortran or dtype.kind != "f":
            raise ValueError(f"{name} is {dtype} {shape}, not floats {wanted}")
        size = dtype.itemsize * int(np.prod(shape))
        array = np.frombuffer(member.read(size), dtype).reshape(shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite")
    return array
