"""Networks by name, as a model folder's ``config.json`` names them: a closed list that third parties may extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from synthmed.errors import UserError
from synthmed.registry import Entry, Registry

_HERE = "synthmed.models"
NETWORKS: Registry[type[nn.Module]] = Registry(
    "networks",
    [
        Entry("AutoencoderKL", "Stable Diffusion's image autoencoder", "diffusers:AutoencoderKL"),
        Entry("UNet2DConditionModel", "Stable Diffusion's UNet", "diffusers:UNet2DConditionModel"),
        Entry("LightAutoencoder", "an image autoencoder for CPUs", f"{_HERE}.autoencoder:LightAutoencoder"),
        Entry("Optimus", "a text autoencoder of BERT and GPT-2", f"{_HERE}.text_vae:Optimus"),
        Entry("FlatUNet", "Versatile Diffusion's 0-D UNet", f"{_HERE}.flat_unet:FlatUNet"),
        Entry("LatentFlow", "a diffuser of one modality's latent", f"{_HERE}.flow:LatentFlow"),
        Entry("ImagePromptEncoder", "a small image encoder", f"{_HERE}.prompt_encoders:ImagePromptEncoder"),
        Entry("TextPromptEncoder", "a small text encoder", f"{_HERE}.prompt_encoders:TextPromptEncoder"),
        Entry("ClipImagePromptEncoder", "CLIP's image tower", f"{_HERE}.clip_encoders:ClipImagePromptEncoder"),
        Entry("ClipTextPromptEncoder", "CLIP's text tower", f"{_HERE}.clip_encoders:ClipTextPromptEncoder"),
        Entry("ContextEncoder", "an image's environment encoder", f"{_HERE}.context_encoder:ContextEncoder"),
        Entry("FlatContextEncoder", "a text's environment encoder", f"{_HERE}.context_encoder:FlatContextEncoder"),
        Entry("AdaptiveParameters", "MedM2G's f_B", f"{_HERE}.adaptive:AdaptiveParameters"),
        Entry("GuidanceLayers", "cross-attention to guidance", f"{_HERE}.guidance_layers:GuidanceLayers"),
    ],
)
"""diffusers-style classes: a constructor of plain values, ``save_pretrained`` and ``from_pretrained``."""


def build_network(description: Mapping[str, Any], where: str = "network") -> Any:
    """A new network from ``{"class": name, …arguments}``.

    Raises:
        UserError: no such class, or one that does not take these arguments; begins with ``where``.
    """
    arguments = {name: value for name, value in description.items() if name != "class"}
    name = description.get("class")
    if not isinstance(name, str):
        raise UserError(f"{where}: a network is a mapping with a class; there are: {', '.join(NETWORKS.names())}")
    try:
        return NETWORKS.get(name)(**arguments)
    except UserError:
        raise
    except Exception as error:  # a config from elsewhere, in the constructor's own words
        reason = " ".join(str(error).split())
        raise UserError(f"{where}: {name} does not take these arguments: {reason}") from None
