"""The blocks of a fully connected UNet: feature maps of C × S × 1, which linear layers see as one vector of C · S."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn


class FlatResBlock(nn.Module):
    """Versatile Diffusion's FC block (Xu et al., ICCV 2023): GroupNorm, SiLU, linear, time, and the like once more.

    The last layer starts at zero, so that a new block is its shortcut. Names are those of Versatile Diffusion's
    parameters, whose layers are 1 × 1 convolutions; linear layers take a fifth less time on a CPU.

    Args:
        in_width: C · S of the input.
        out_width: C · S of the output.
        time_dim: size of the time embedding.
        groups: of the norms; divides both widths.
        dropout: before the last layer.
    """

    def __init__(self, in_width: int, out_width: int, time_dim: int, groups: int = 32, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_width, eps=1e-5)
        self.conv1 = nn.Linear(in_width, out_width)
        self.time_emb_proj = nn.Linear(time_dim, out_width)
        self.norm2 = nn.GroupNorm(groups, out_width, eps=1e-5)
        self.conv2 = nn.Linear(out_width, out_width)
        self.conv_shortcut = nn.Linear(in_width, out_width) if in_width != out_width else None
        self.nonlinearity = nn.SiLU()
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, hidden: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """(B, C, S, 1) and a time embedding (B, time_dim) to (B, C', S, 1)."""
        rows = hidden.shape[2]
        flat = hidden.flatten(1)
        change = self.conv1(self.nonlinearity(self.norm1(flat)))
        change = change + self.time_emb_proj(self.nonlinearity(time))
        change = self.conv2(self.dropout(self.nonlinearity(self.norm2(change))))
        shortcut = flat if self.conv_shortcut is None else self.conv_shortcut(flat)
        out: torch.Tensor = (shortcut + change).reshape(len(hidden), -1, rows, 1)
        return out


@dataclass(frozen=True)
class FlatPlan:
    """What all blocks of one UNet share, and how its parts are made.

    Attributes:
        rows: S.
        time_dim: size of the time embedding.
        context_dim: width of the tokens that cross-attention reads.
        heads: of every attention.
        groups: of every norm.
        dropout: of the FC blocks.
    """

    rows: int
    time_dim: int
    context_dim: int
    heads: int
    groups: int
    dropout: float

    def resnets(self, ins: Sequence[int], out: int) -> nn.ModuleList:
        """One block for each of the input channels ``ins``, all with ``out`` channels."""
        return nn.ModuleList(
            FlatResBlock(width * self.rows, out * self.rows, self.time_dim, self.groups, self.dropout) for width in ins
        )

    def attentions(self, count: int, channels: int) -> nn.ModuleList:
        """Transformers over the S rows, each of which starts as the identity."""
        layers = [
            Transformer2DModel(
                num_attention_heads=self.heads,
                attention_head_dim=channels // self.heads,
                in_channels=channels,
                cross_attention_dim=self.context_dim,
                norm_num_groups=self.groups,
            )
            for _ in range(count)
        ]
        for layer in layers:
            nn.init.zeros_(layer.proj_out.weight)
            nn.init.zeros_(layer.proj_out.bias)
        return nn.ModuleList(layers)

    def samplers(self, count: int, channels: int) -> nn.ModuleList:
        """The linear layers that stand where an image's UNet changes resolution."""
        return nn.ModuleList(nn.Linear(channels * self.rows, channels * self.rows) for _ in range(count))


class FlatDown(nn.Module):
    """A level of the encoder half."""

    def __init__(self, plan: FlatPlan, ins: Sequence[int], out: int, *, attention: bool, last: bool) -> None:
        super().__init__()
        self.resnets = plan.resnets(ins, out)
        self.attentions = plan.attentions(len(ins) if attention else 0, out)
        self.downsamplers = plan.samplers(0 if last else 1, out)

    def forward(self, hidden: torch.Tensor, time: torch.Tensor, context: torch.Tensor) -> list[torch.Tensor]:
        """All states of this level, the last of which is its output."""
        states: list[torch.Tensor] = []
        for i, resnet in enumerate(self.resnets):
            hidden = resnet(hidden, time)
            if self.attentions:
                hidden = _attend(self.attentions[i], hidden, context)
            states.append(hidden)
        for sampler in self.downsamplers:
            states.append(sampler(hidden.flatten(1)).reshape(hidden.shape))
        return states


class FlatMiddle(nn.Module):
    """A block, a transformer, a block."""

    def __init__(self, plan: FlatPlan, channels: int) -> None:
        super().__init__()
        self.resnets = plan.resnets([channels, channels], channels)
        self.attentions = plan.attentions(1, channels)

    def forward(self, hidden: torch.Tensor, time: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, C, S, 1) to the same."""
        hidden = _attend(self.attentions[0], self.resnets[0](hidden, time), context)
        out: torch.Tensor = self.resnets[1](hidden, time)
        return out


class FlatUp(nn.Module):
    """A level of the decoder half."""

    def __init__(self, plan: FlatPlan, ins: Sequence[int], out: int, *, attention: bool, last: bool) -> None:
        super().__init__()
        self.resnets = plan.resnets(ins, out)
        self.attentions = plan.attentions(len(ins) if attention else 0, out)
        self.upsamplers = plan.samplers(0 if last else 1, out)

    def forward(
        self, hidden: torch.Tensor, time: torch.Tensor, context: torch.Tensor, skips: list[torch.Tensor]
    ) -> torch.Tensor:
        """Takes as many of ``skips``, from their end, as there are blocks; the list is left shorter."""
        for i, resnet in enumerate(self.resnets):
            hidden = resnet(torch.cat([hidden, skips.pop()], dim=1), time)
            if self.attentions:
                hidden = _attend(self.attentions[i], hidden, context)
        for sampler in self.upsamplers:
            hidden = sampler(hidden.flatten(1)).reshape(hidden.shape)
        return hidden


def _attend(attention: nn.Module, hidden: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = attention(hidden, encoder_hidden_states=context, return_dict=False)[0]
    return out
