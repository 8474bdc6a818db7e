"""Prompt encoders of the size that the paper uses: transformers' CLIP towers, ViT-L/14 by configuration."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection

from synthmed.models.prompt_encoders import as_token


class ClipImagePromptEncoder(ModelMixin, ConfigMixin):
    """CLIP's image tower with its projection (Radford et al., ICML 2021).

    Args:
        tower: entries of transformers' `CLIPVisionConfig`; ``projection_dim`` is the width of the prompt space.
    """

    @register_to_config
    def __init__(self, tower: dict[str, Any]) -> None:
        super().__init__()
        self.clip = CLIPVisionModelWithProjection(CLIPVisionConfig.from_dict(tower))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), normalised as CLIP's images are, to (B, projection_dim), not normalised.

        One channel is repeated where the tower takes three.
        """
        images = images.expand(-1, self.clip.config.num_channels, -1, -1)
        vectors: torch.Tensor = self.clip(pixel_values=images).image_embeds
        return vectors

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to one token of length 1 each, (B, 1, projection_dim)."""
        return as_token(self.forward(images))


class ClipTextPromptEncoder(ModelMixin, ConfigMixin):
    """CLIP's text tower with its projection (Radford et al., ICML 2021).

    Args:
        tower: entries of transformers' `CLIPTextConfig`; ``projection_dim`` is the width of the prompt space, and
            ``eos_token_id`` the token whose state is the text's.
    """

    @register_to_config
    def __init__(self, tower: dict[str, Any]) -> None:
        super().__init__()
        self.clip = CLIPTextModelWithProjection(CLIPTextConfig.from_dict(tower))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) int64 and their mask (B, L) to (B, projection_dim), not normalised."""
        vectors: torch.Tensor = self.clip(input_ids=input_ids, attention_mask=attention_mask).text_embeds
        return vectors

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) to one token of length 1 each, (B, 1, projection_dim)."""
        return as_token(self.forward(input_ids, attention_mask))
