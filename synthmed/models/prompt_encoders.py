"""Prompt encoders C_m that are trained from scratch: an image or a text to one vector of the shared prompt space."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from monai.networks.nets import ResNet
from monai.networks.utils import set_named_module
from torch import nn
from transformers import RobertaPreLayerNormConfig, RobertaPreLayerNormModel

from synthmed.models.norm import norm_groups


class ImagePromptEncoder(ModelMixin, ConfigMixin):
    """MONAI's ResNet with group norms: no sample's vector hangs on its batch's other samples.

    Args:
        in_channels: channels of the image.
        dim: width of the prompt space.
        kind: ``resnet``.
        widths: channels of its four stages.
        layers: residual blocks of its four stages.

    Raises:
        ValueError: another ``kind``.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 1,
        dim: int = 256,
        kind: str = "resnet",
        widths: Sequence[int] = (32, 64, 128, 256),
        layers: Sequence[int] = (1, 1, 1, 1),
    ) -> None:
        super().__init__()
        if kind != "resnet":
            raise ValueError(f"kind = {kind!r}: there is resnet only")
        network = ResNet(
            "basic",
            list(layers),
            list(widths),
            spatial_dims=2,
            n_input_channels=in_channels,
            conv1_t_stride=2,
            num_classes=dim,
        )
        # ResNet's argument ``norm`` reaches its first layer only (MONAI 1.6).
        for name, module in list(network.named_modules()):
            if isinstance(module, nn.BatchNorm2d):
                width = module.num_features
                set_named_module(network, name, nn.GroupNorm(norm_groups(width), width))
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to (B, dim), not normalised."""
        vectors: torch.Tensor = self.network(images)
        return vectors

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) to one token of length 1 each, (B, 1, dim)."""
        return as_token(self.forward(images))


class TextPromptEncoder(ModelMixin, ConfigMixin):
    """A text transformer, and a linear map of the mean of its tokens' states.

    The transformer is `synthmed.models.text_vae.Optimus`' encoder of the same size, whose weights it can begin with
    (`begin_from`): telling texts apart by contrast alone, it takes long to find the findings in them. Its norms stand
    before attention and feed-forward; the mean gives every token a direct gradient.

    Args:
        vocab_size: of the tokenizer.
        dim: width of the prompt space.
        hidden: width of the transformer.
        layers: of the transformer.
        heads: of the transformer.
        max_length: tokens at most.
        pad_id: the token that pads.
    """

    @register_to_config
    def __init__(
        self,
        vocab_size: int,
        dim: int = 256,
        hidden: int = 256,
        layers: int = 4,
        heads: int = 4,
        max_length: int = 128,
        pad_id: int = 0,
    ) -> None:
        super().__init__()
        transformer = RobertaPreLayerNormConfig(
            vocab_size=vocab_size,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * hidden,
            max_position_embeddings=max_length + pad_id + 1,  # it counts from the padding token's id on
            pad_token_id=pad_id,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        self.transformer = RobertaPreLayerNormModel(transformer, add_pooling_layer=False)
        self.projection = nn.Linear(hidden, dim)

    def begin_from(self, encoder: nn.Module) -> None:
        """Take the weights of a text autoencoder's encoder.

        Raises:
            ValueError: it is another transformer, or of another size.
        """
        try:
            self.transformer.load_state_dict(encoder.state_dict())
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())[:200]) from None

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) int64 to (B, dim), not normalised.

        Args:
            input_ids: token ids. A text without tokens, the empty prompt, has the vector of its first padding.
            attention_mask: (B, L), 1 at tokens and 0 at padding; None to take ``pad_id`` for padding.

        Raises:
            ValueError: L is above ``max_length``.
        """
        if input_ids.shape[1] > self.config["max_length"]:
            raise ValueError(f"{input_ids.shape[1]} tokens; this encoder takes {self.config['max_length']}")
        kept = input_ids != self.config["pad_id"] if attention_mask is None else attention_mask.bool()
        # The mean over no token is not a number.
        empty = ~kept.any(dim=1, keepdim=True)
        kept = torch.cat([kept[:, :1] | empty, kept[:, 1:]], dim=1)
        states = self.transformer(input_ids=input_ids, attention_mask=kept.long()).last_hidden_state
        weights = kept[:, :, None].to(states.dtype)
        vectors: torch.Tensor = self.projection((states * weights).sum(dim=1) / weights.sum(dim=1))
        return vectors

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, L) to one token of length 1 each, (B, 1, dim)."""
        return as_token(self.forward(input_ids, attention_mask))


def as_token(vectors: torch.Tensor) -> torch.Tensor:
    """(B, dim) to CoDi's single context token (B, 1, dim), of Euclidean length 1."""
    return F.normalize(vectors, dim=-1)[:, None]


def combine(embeddings: Sequence[torch.Tensor], weights: Sequence[float] | None = None) -> torch.Tensor:
    """Several conditions as one (CoDi, section 3.2): the average of their tokens, each (B, 1, dim), by weight.

    Args:
        embeddings: one a condition.
        weights: not negative; divided by their sum. None for equal ones.

    Raises:
        ValueError: no embedding, another number of weights, a negative one, or a sum of 0.
    """
    shares = [1.0] * len(embeddings) if weights is None else [float(weight) for weight in weights]
    if len(shares) != len(embeddings) or min(shares, default=-1.0) < 0 or sum(shares) <= 0:
        raise ValueError(f"weights {shares} for {len(embeddings)} conditions: one each, none negative, not all 0")
    total = sum(shares)
    return torch.stack([share / total * token for share, token in zip(shares, embeddings, strict=True)]).sum(dim=0)
