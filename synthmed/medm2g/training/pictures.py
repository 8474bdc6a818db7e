"""What a stage shows on its way: reconstructions, side by side with what was to be reconstructed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from synthmed.medm2g.latents import one_hot
from synthmed.medm2g.tokenizer import Tokenizers, decode, encode, special_ids
from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.training.log import Picture

SHOWN = 8


def show_images(autoencoder: Any, items: Any) -> Mapping[str, Picture]:
    """Images above, reconstructions from the posterior's mean below."""
    images = [items[place]["image"] for place in _places(items)]
    made = [_decoded(autoencoder, image[None])[0] for image in images]  # fields may differ in size
    return {"reconstructions": image_grid(images, made, -1.0, 1.0)}


def show_masks(autoencoder: Any, items: Any, classes: int) -> Mapping[str, Picture]:
    """Label maps above, the likeliest classes of their reconstructions below."""
    masks = [items[place]["mask"] for place in _places(items)]
    made = [_decoded(autoencoder, one_hot(mask[None], classes)).argmax(dim=1) for mask in masks]
    return {"masks": image_grid(masks, made, 0.0, classes - 1.0)}


def show_reports(optimus: Any, items: Any, tokenizers: Tokenizers, length: int) -> Mapping[str, Picture]:
    """Reports, each followed by what the decoder makes of its latent, as a picture of text."""
    texts = [items[place] for place in _places(items)]
    device = next(optimus.parameters()).device
    tokens = {name: value.to(device) for name, value in encode(tokenizers.encoder, texts, length).items()}
    made = optimus.generate(optimus.encode(**tokens).mean, *special_ids(tokenizers.decoder), max_length=length)
    lines = []
    for text, again in zip(texts, decode(tokenizers.decoder, made.cpu()), strict=True):
        lines += [f"  {text}", f"> {again}", ""]
    return {"reports": written(lines)}


def _places(items: Any) -> list[int]:
    """The same spread of items each time."""
    return [int(place) for place in np.unique(np.linspace(0, len(items) - 1, SHOWN).astype(int))]


def _decoded(autoencoder: Any, image: torch.Tensor) -> torch.Tensor:
    device = next(autoencoder.parameters()).device
    decoded: torch.Tensor = autoencoder.decode(autoencoder.encode(image.to(device)).latent_dist.mode()).sample.cpu()
    return decoded


def image_grid(above: list[torch.Tensor], below: list[torch.Tensor], low: float, high: float) -> bytes:
    """Two rows of pictures (C, H, W), ``low`` black and ``high`` white, as a PNG."""
    pictures = [grey_levels(image.float().numpy(), low, high) for image in [*above, *below]]
    return contact_sheet(pictures, columns=len(above))


def written(lines: list[str], width: int = 120) -> Picture:
    """Lines of text as a picture."""
    short = [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent="  ") or [""]]
    page = Image.new("RGB", (width * 7, 16 * len(short) + 8), "white")
    draw = ImageDraw.Draw(page)
    for row, line in enumerate(short):
        draw.text((4, 4 + 16 * row), line.encode("latin-1", "replace").decode("latin-1"), fill="black")
    return np.asarray(page)
