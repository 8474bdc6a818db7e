"""Start a model's networks from published weights: Stable Diffusion, Versatile Diffusion, OPTIMUS' parts, CLIP.

The folders are those that diffusers and transformers save, ``config.json`` and safetensors, or ids of such repositories
on the Hugging Face hub, of which only the files of the part are fetched. Pickled originals are not read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthmed.errors import UserError
from synthmed.hub import located
from synthmed.load import read_config
from synthmed.models.autoencoder import LightAutoencoder
from synthmed.models.flow import LatentFlow

_SAFE: dict[str, Any] = {"use_safetensors": True, "local_files_only": True}
# A stranger's config may name a repository of attention code for transformers to run; torch's own is used.
_SAFE_TRANSFORMER: dict[str, Any] = {**_SAFE, "dtype": torch.float32, "attn_implementation": "sdpa"}


def start_from(part: nn.Module, folder: str | Path, where: str) -> None:
    """Put published weights into a part, in place, by what the part is.

    - a `LatentFlow` of a ``UNet2DConditionModel``: ``folder/unet`` of a Stable Diffusion pipeline. Input channels that
      the part has beyond the folder's (masks and their flags) start at 0, output channels as they were made, so that
      the image's flow begins as Stable Diffusion's.
    - a `LatentFlow` of a ``FlatUNet``: ``folder/text_unet`` of a Versatile Diffusion pipeline.
    - ``AutoencoderKL``: ``folder/vae`` of a Stable Diffusion pipeline. For one grey channel the first layer's weights
      are summed over RGB and the last one's averaged: what it computes of grey shown as RGB.
    - ``Optimus``: ``folder/encoder`` (BERT) and ``folder/decoder`` (GPT-2; rows of tokens that it lacks stay new).
    - a CLIP tower: the folder itself.

    Args:
        folder: or ``owner/name``, ``owner/name@revision`` of the hub.
        where: the part's name, for error messages.

    Raises:
        UserError: the folder is missing or damaged, or is of another shape than the part.
    """
    kind = type(part).__name__
    if isinstance(part, LatentFlow):
        network = part.network
        kind = type(network).__name__
    if kind not in _LOADERS or isinstance(part, LightAutoencoder):
        raise UserError(f"{where}: nothing published starts a {kind}; there are: {', '.join(_LOADERS)}")
    load, *places = _LOADERS[kind]
    try:
        place = located(folder, [f"{place}{file}" for place in places for file in _FILES])
        if not place.is_dir():  # which diffusers and transformers would take for an id, and look for in the hub's cache
            raise UserError(f"{folder}: no such folder")
        load(part, place)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except Exception as error:  # in the words of diffusers, transformers, safetensors
        raise UserError(f"{where}: {folder}: {' '.join(str(error).split())[:300]}") from None


def _unet(part: Any, folder: Path) -> None:
    from diffusers import UNet2DConditionModel

    published: Any = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", **_SAFE)
    state = published.state_dict()
    own = part.network.state_dict()
    for name in ("conv_in.weight", "conv_out.weight", "conv_out.bias"):
        state[name] = _widened(state[name], own[name], zeros=name == "conv_in.weight")
    _fill(part.network, state)


def _text_unet(part: Any, folder: Path) -> None:
    from safetensors.torch import load_file

    from synthmed.models.flat_unet import versatile_config, versatile_weights

    place = folder / "text_unet"
    described = versatile_config(read_config(place))
    for name, value in described.items():
        if (mine := part.network.config[name]) != value and list(_listed(mine)) != list(_listed(value)):
            raise UserError(f"{place}: {name} is {value}, the part's {mine}")
    _fill(part.network, versatile_weights(load_file(place / "diffusion_pytorch_model.safetensors")))


def _vae(part: Any, folder: Path) -> None:
    from diffusers import AutoencoderKL

    published: Any = AutoencoderKL.from_pretrained(folder, subfolder="vae", **_SAFE)
    state = published.state_dict()
    if part.config["in_channels"] == 1:
        state["encoder.conv_in.weight"] = state["encoder.conv_in.weight"].sum(dim=1, keepdim=True)
        for name in ("decoder.conv_out.weight", "decoder.conv_out.bias"):
            state[name] = state[name].mean(dim=0, keepdim=True)
    _fill(part, state)


def _optimus(part: Any, folder: Path) -> None:
    from transformers import BertModel, GPT2Model

    encoder = BertModel.from_pretrained(folder / "encoder", **_SAFE_TRANSFORMER)
    decoder = GPT2Model.from_pretrained(folder / "decoder", **_SAFE_TRANSFORMER)
    _fill(part.bert, encoder.state_dict())
    state = decoder.state_dict()
    rows = part.gpt2.wte.weight.detach().clone()
    rows[: len(state["wte.weight"])] = state["wte.weight"]
    _fill(part.gpt2, {**state, "wte.weight": rows})


def _clip(part: Any, folder: Path) -> None:
    published = type(part.clip).from_pretrained(folder, **_SAFE_TRANSFORMER)
    _fill(part.clip, published.state_dict())


def _widened(published: torch.Tensor, own: torch.Tensor, *, zeros: bool) -> torch.Tensor:
    """Published weights in the corner of the part's own, which may have more channels."""
    if published.shape == own.shape:
        return published
    wide = torch.zeros_like(own) if zeros else own.clone()
    corner = tuple(slice(0, min(a, b)) for a, b in zip(published.shape, own.shape, strict=True))
    if any(a > b for a, b in zip(published.shape, own.shape, strict=True)):
        raise ValueError(f"published weights of shape {tuple(published.shape)} for {tuple(own.shape)}")
    wide[corner] = published[corner]
    return wide


def _fill(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    module.load_state_dict(dict(state), strict=True)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


_FILES = (
    "config.json",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model-*-of-*.safetensors",
    "model.safetensors",
    "model-*-of-*.safetensors",
    "*.safetensors.index.json",
)
"""As diffusers and transformers call them; not the half-precision and other variants beside them."""

_LOADERS: dict[str, tuple[Any, ...]] = {
    "UNet2DConditionModel": (_unet, "unet/"),
    "FlatUNet": (_text_unet, "text_unet/"),
    "AutoencoderKL": (_vae, "vae/"),
    "Optimus": (_optimus, "encoder/", "decoder/"),
    "ClipImagePromptEncoder": (_clip, ""),
    "ClipTextPromptEncoder": (_clip, ""),
}
"""What loads a kind of part, and where in a repository its files are."""
