"""What a stage shows on its way, beside rows of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import T5Tokenizer

from synthmed.medart.config import Config
from synthmed.medart.rendering import draw
from synthmed.medart.training.features import Features
from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.training.log import Picture

SHOWN = 8


def show_reconstructions(vae: Any, features: Features) -> Mapping[str, Picture]:
    """Images above, reconstructions from the posterior's mean below."""
    images = torch.stack([features.image(place) for place in _places(features)])
    posterior = vae.encode(images.to(vae.device, vae.dtype)).latent_dist
    return {"reconstructions": _grid(images, vae.decode(posterior.mode()).sample.float().cpu())}


def show_drawn(
    config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer, features: Features
) -> Mapping[str, Picture]:
    """Rows' images above; below, what is drawn of their captions, with the same noise each time."""
    places = _places(features)
    images = torch.stack([features.image(place) for place in places])
    captions = [features.rows.caption(place) for place in places]
    return {config.image: _grid(images, draw(config, parts, tokenizer, captions, places).cpu())}


def _places(features: Features) -> list[int]:
    """The same spread of rows each time."""
    return [int(place) for place in np.unique(np.linspace(0, len(features.rows) - 1, SHOWN).astype(int))]


def _grid(above: Sequence[torch.Tensor] | torch.Tensor, below: Sequence[torch.Tensor] | torch.Tensor) -> bytes:
    pictures = [grey_levels(image.numpy(), -1.0, 1.0) for image in [*above, *below]]
    return contact_sheet(pictures, columns=len(above))
