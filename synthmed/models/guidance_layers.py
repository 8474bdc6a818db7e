"""Cross-attention to another modality's guidance, beside a network whose own weights it leaves alone."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from torch.utils.hooks import RemovableHandle

from synthmed.models.norm import norm_groups
from synthmed.models.positions import grid_positions


class GuidanceLayer(nn.Module):
    """h + W · attention(norm(h) + positions, tokens), where W starts at 0: a new layer is the identity.

    Queries carry the 2-D position of their cell (on a map of `FlatUNet`: of their row), as `ContextEncoder`'s tokens
    do. A new layer attends to the tokens of its own place, in all heads: what one image of a patient shows there is
    what the other needs first. From PyTorch's start, where every cell sees the mean of all tokens, nothing was learned
    in 1,000 steps. Tokens pass a layer norm first, because those of length 1 have small entries.

    Args:
        width: channels of the features; a multiple of 4 and of ``heads``.
        context_dim: width of the tokens.
        heads: of the attention.

    Raises:
        ValueError: ``width`` is no such multiple.
    """

    def __init__(self, width: int, context_dim: int, heads: int) -> None:
        super().__init__()
        if width % heads or width % 4:
            raise ValueError(f"features of {width} channels: they must be a multiple of 4 and of {heads} heads")
        self.norm = nn.GroupNorm(norm_groups(width), width, eps=1e-6)
        self.attention = Attention(
            query_dim=width,
            cross_attention_dim=context_dim,
            heads=heads,
            dim_head=width // heads,
            cross_attention_norm="layer_norm",
        )
        for parameter in self.attention.to_out.parameters():
            nn.init.zeros_(parameter)
        # Queries begin as positions: the features would drown them.
        nn.init.constant_(self.norm.weight, 0.1)
        if context_dim % 4 == 0:  # else its tokens have no place
            for projection in (self.attention.to_q, self.attention.to_k):
                projection.weight.data.copy_(_placing(projection.in_features, width // heads).repeat(heads, 1))

    def forward(self, features: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) and tokens (B, T, context_dim) to (B, C, h, w)."""
        channels, height, width = features.shape[1:]
        positions = grid_positions(height, width, channels, features.device).to(features.dtype)
        queries = self.norm(features).flatten(2).transpose(1, 2) + positions
        change = self.attention(queries, encoder_hidden_states=tokens)
        guided: torch.Tensor = features + change.transpose(1, 2).reshape(features.shape)
        return guided


class GuidanceLayers(ModelMixin, ConfigMixin):
    """One `GuidanceLayer` at each of a network's sites: the θ_c of MedM2G's equation 6.

    Sites are the spatial transformers, as in the paper. In a small network these see a coarse map alone, on which
    images that share a frame cannot tell each other where an organ ends: with ``every_level`` the residual blocks of
    the levels that have no transformer are sites too.

    They are a model of their own, with their own folder; the network keeps its parameters, names and files. Once
    attached they act by forward hooks, and only inside `context`:

        layers = GuidanceLayers.for_network(unet, context_dim=256)
        layers.attach(unet)
        with layers.context(tokens):
            unet(z_t, t, prompt)      # guided
        unet(z_t, t, prompt)          # untouched

    A copy (`copy.deepcopy`, as for an average of weights) is not attached to anything. A network that is recomputed
    as a whole (`torch.utils.checkpoint` around its call) must enter `context` inside the recomputed function;
    ``network.enable_gradient_checkpointing()`` needs no care.

    Args:
        widths: channels at each site, in the order of ``network.modules()``.
        context_dim: width of the guidance tokens.
        heads: of each attention.
        every_level: see above.
    """

    @register_to_config
    def __init__(self, widths: Sequence[int], context_dim: int, heads: int = 4, every_level: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GuidanceLayer(width, context_dim, heads) for width in widths)
        self._handles: list[RemovableHandle] = []
        self._tokens: torch.Tensor | None = None

    @classmethod
    def for_network(
        cls, network: nn.Module, context_dim: int, heads: int = 4, every_level: bool = False
    ) -> GuidanceLayers:
        """New layers for all sites of ``network``; not attached yet.

        Raises:
            ValueError: the network has none.
        """
        widths = [_width(site) for site in _sites(network, every_level)]
        if not widths:
            raise ValueError(f"{type(network).__name__} has no spatial transformer to put guidance after")
        layers: GuidanceLayers = cls(widths, context_dim, heads, every_level)
        return layers

    def attach(self, network: nn.Module) -> None:
        """Act on this network from now on.

        Raises:
            ValueError: the layers are attached already, or the network's sites have other widths.
        """
        if self._handles:
            raise ValueError("these guidance layers are attached to a network; detach them first")
        sites = _sites(network, self.config["every_level"])
        widths = [_width(site) for site in sites]
        if widths != list(self.config["widths"]):
            raise ValueError(f"guidance layers of widths {list(self.config['widths'])} on a network with {widths}")
        for site, layer in zip(sites, self.layers, strict=True):
            self._handles.append(site.register_forward_hook(self._hook(site, layer)))

    def detach(self) -> None:
        """Leave the network as it was."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    @contextmanager
    def context(self, tokens: torch.Tensor | None) -> Iterator[None]:
        """Guide all calls of the network inside by ``tokens`` (B, T, context_dim); None guides by nothing.

        Raises:
            RuntimeError: the layers are not attached, so that the tokens would be lost.
        """
        if tokens is not None and not self._handles:
            raise RuntimeError("these guidance layers are attached to no network")
        before, self._tokens = self._tokens, tokens
        try:
            yield
        finally:
            self._tokens = before

    def _hook(self, site: nn.Module, layer: nn.Module) -> Any:
        # A copy of the network takes its hooks along; the original's layers must not act in it.
        original = weakref.ref(site)

        def guide(module: nn.Module, _: Any, output: Any) -> Any:
            if self._tokens is None or module is not original():
                return None
            if isinstance(output, torch.Tensor):
                return layer(output, self._tokens)
            if isinstance(output, tuple):
                return (layer(output[0], self._tokens), *output[1:])
            output.sample = layer(output.sample, self._tokens)
            return output

        return guide

    def __getstate__(self) -> dict[str, Any]:
        # What copies take along: the weights, not the hooks.
        return {**self.__dict__, "_handles": [], "_tokens": None}


_SHARPNESS = 2.0
"""Of a new layer's attention: 86 % of it on a cell's own token, between maps of 8 x 8."""
_STEPS_PER_UNIT = 2**14
"""Of the weights that it begins with."""


@cache
def _placing(width: int, head: int) -> torch.Tensor:
    """(head, width): a linear map from `grid_positions` of any width to one code of places, by least squares.

    The code is waves along both axes, whose period is from a quarter of the image's side to beyond it: the products of
    two places fall with their distance.
    """
    options: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}  # whatever device networks are built on
    cells = 32
    centres = (torch.arange(cells, **options) + 0.5) * (16 / cells)
    along = centres[:, None] * torch.logspace(math.log10(0.15), math.log10(1.5), max(head // 4, 1), **options)
    waves = torch.cat([along.sin(), along.cos()], dim=1)
    code = torch.cat([waves.repeat(cells, 1), waves.repeat_interleave(cells, dim=0)], dim=1)
    code = nn.functional.pad(code, (0, head))[:, :head]
    positions = grid_positions(cells, cells, width, torch.device("cpu"), torch.float64)
    damped = positions.T @ positions + 0.01 * cells**2 * torch.eye(width, **options)
    found: torch.Tensor = _SHARPNESS * torch.linalg.solve(damped, positions.T @ code).T
    # The solver's rounding goes with the number of threads, which must not decide what a seed begins with.
    return (found * _STEPS_PER_UNIT).round().div(_STEPS_PER_UNIT).float()


def _sites(network: nn.Module, every_level: bool) -> list[nn.Module]:
    plain: set[nn.Module] = set()
    if every_level:
        for module in network.modules():
            if not hasattr(module, "attentions"):
                plain |= {block for block in getattr(module, "resnets", ()) if isinstance(block, ResnetBlock2D)}
    return [module for module in network.modules() if isinstance(module, Transformer2DModel) or module in plain]


def _width(site: Any) -> int:
    return int(site.config["in_channels"] if isinstance(site, Transformer2DModel) else site.out_channels)
