"""Prompt encoders of the size that the paper uses: transformers' CLIP towers, ViT-L/14 by configuration."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection

from synthmed.models.entries import plain_entries
from synthmed.models.prompt_encoders import as_token

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of RGB in [0, 1], as transformers' CLIP image processor has them."""


class ClipImagePromptEncoder(ModelMixin, ConfigMixin):
    """CLIP's image tower with its projection (Radford et al., ICML 2021).

    Args:
        tower: entries of transformers' `CLIPVisionConfig`; ``projection_dim`` is the width of the prompt space.
    """

    @register_to_config
    def __init__(self, tower: dict[str, Any]) -> None:
        super().__init__()
        self.clip = CLIPVisionModelWithProjection(CLIPVisionConfig.from_dict(plain_entries(tower)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) in [-1, 1] to (B, projection_dim), not normalised.

        Images get the tower's size and CLIP's mean and deviation. One channel is repeated where the tower takes three.
        """
        side = int(self.clip.config.image_size)  # type: ignore[arg-type]  # CLIP's images are square
        images = images.expand(-1, self.clip.config.num_channels, -1, -1)
        if images.shape[2:] != (side, side):
            images = nn.functional.interpolate(images, (side, side), mode="bilinear", antialias=True)
        if images.shape[1] == 3:
            mean, std = (torch.tensor(values).to(images)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
            images = ((images + 1) / 2 - mean) / std
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
        self.clip = CLIPTextModelWithProjection(CLIPTextConfig.from_dict(plain_entries(tower)))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) int64 and their mask (B, L) to (B, projection_dim), not normalised.

        A text with more tokens than the tower has positions (77 in CLIP) loses its end, not its end token.
        """
        input_ids, attention_mask = self._shortened(input_ids, attention_mask)
        vectors: torch.Tensor = self.clip(input_ids=input_ids, attention_mask=attention_mask).text_embeds
        return vectors

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) to one token of length 1 each, (B, 1, projection_dim)."""
        return as_token(self.forward(input_ids, attention_mask))

    def _shortened(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        positions, length = int(self.clip.config.max_position_embeddings), input_ids.shape[1]
        if length <= positions:
            return input_ids, attention_mask
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        ends = input_ids.gather(1, mask.sum(1, keepdim=True) - 1)
        last = torch.where(mask[:, positions - 1 : positions] > 0, ends, input_ids[:, positions - 1 : positions])
        return torch.cat([input_ids[:, : positions - 1], last], 1), mask[:, :positions]
