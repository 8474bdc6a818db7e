"""A model's networks: the transformer, the text encoder and the autoencoder; new, or of a diffusers folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import PixArtTransformer2DModel
from peft import PeftModel
from torch import nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer
from transformers.utils import logging

from synthmed.errors import UserError
from synthmed.load import read_config
from synthmed.medart.config import Config, Lora
from synthmed.medart.latents import downsampling
from synthmed.medart.lora import add_adapter
from synthmed.modality import MODALITIES, image_name
from synthmed.models.entries import no_fetched_code
from synthmed.models.networks import NETWORKS, build_network

PARTS = ("transformer", "text_encoder", "vae")
_TRANSFORMERS = ("PixArtTransformer2DModel", "Transformer2DModel")
"""The second is what older pipelines call it."""
_AUTOENCODERS = ("AutoencoderKL", "LightAutoencoder")


def build_parts(descriptions: Mapping[str, Mapping[str, Any]], seed: int = 0) -> nn.ModuleDict:
    """New networks of `synthmed.medart.sizes.describe_parts`, in evaluation mode.

    Each one's initial weights are a function of the seed and its name alone.

    Raises:
        UserError: a network does not take its arguments.
    """
    parts = nn.ModuleDict()
    for place, name in enumerate(PARTS):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed * 1_000_003 + place)
            parts[name] = _built(name, descriptions[name])
    return parts.eval()


def adapt(parts: nn.ModuleDict, lora: Lora, seed: int = 0) -> None:
    """Give the networks new adapters, in place; those that get one are frozen but for it.

    Raises:
        UserError: a target that a network does not have.
    """
    for place, name in enumerate(PARTS[:2]):
        spec = getattr(lora, name)
        if spec is not None:
            part: Any = parts[name]
            parts[name] = add_adapter(part, spec, seed * 1_000_003 + 100 + place)
    parts.eval()


def load_parts(folder: Path, dtype: torch.dtype = torch.float32) -> nn.ModuleDict:
    """The networks of a PixArt pipeline's folder as diffusers saves it, in evaluation mode.

    Raises:
        UserError: a folder is missing or damaged, or holds another kind of network. No pickle is read.
    """
    parts = nn.ModuleDict()
    for name in PARTS:
        place = folder / name
        if not (place / "config.json").is_file():
            raise UserError(f"{place}: the model's part {name} is missing")
        if (place / "adapter_config.json").exists():  # transformers would put it on without a word
            raise UserError(f"{place}: holds an adapter among the network's own files; its place is {name}_lora")
        kind = _kind(name, place)
        no_fetched_code(read_config(place), str(place / "config.json"))
        try:
            # transformers and diffusers name the type differently.
            typed = {"dtype": dtype} if name == "text_encoder" else {"torch_dtype": dtype}
            with without_bars():
                parts[name], found = kind.from_pretrained(
                    place, use_safetensors=True, local_files_only=True, output_loading_info=True, **typed
                )
            if wrong := [key for kind_of in _WRONG for key in found[kind_of]]:
                raise ValueError(f"the weights do not fit the config: {wrong[0]}, and {len(wrong) - 1} more")
        except Exception as error:  # whatever diffusers, transformers and safetensors make of a stranger's folder
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{place}: cannot be loaded as {kind.__name__}: {reason}") from None
        _forget_place(parts[name])
    return parts.eval()


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep transformers' progress bars off standard error, which is the command line's."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def network(part: Any) -> Any:
    """A part without its adapter's wrapper; it still computes with the adapter."""
    return part.get_base_model() if isinstance(part, PeftModel) else part


def configs(parts: nn.ModuleDict) -> dict[str, dict[str, Any]]:
    """What each network computes apart from its weights, the same before and after it was saved."""
    text = network(parts["text_encoder"]).config.to_dict()
    described = {"text_encoder": {name: value for name, value in text.items() if name not in _UNRELATED}}
    for name in ("transformer", "vae"):
        entries = network(parts[name]).config.items()
        described[name] = {key: value for key, value in entries if not key.startswith("_")}
    return described


def check_parts(config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer) -> None:
    """See that the networks fit one another, the tokenizer and the config.

    Raises:
        UserError: two do not.
    """
    transformer, text, vae = (network(parts[name]).config for name in PARTS)
    channels = MODALITIES.get(image_name(config.image).modality).channels
    if transformer.use_additional_conditions or (transformer.sample_size == 128 and _unsaid(transformer)):
        raise UserError("transformer: takes resolution and aspect ratio (PixArt 1024-MS), which Med-Art does not give")
    latent = vae["latent_channels"]
    if transformer.in_channels != latent or transformer.out_channels not in (latent, 2 * latent):
        raise UserError(
            f"transformer: {transformer.in_channels} channels in, {transformer.out_channels} out; the vae has {latent}"
        )
    if transformer.caption_channels != text.d_model:
        raise UserError(
            f"transformer: takes text of width {transformer.caption_channels}, text_encoder: {text.d_model}"
        )
    if len(tokenizer) > text.vocab_size:
        raise UserError(f"text_encoder: knows {text.vocab_size} tokens, the tokenizer {len(tokenizer)}")
    if vae["in_channels"] not in {channels, 3} or vae["out_channels"] != vae["in_channels"]:
        raise UserError(f"vae: images of {vae['in_channels']} channels; {config.image} has {channels}")
    step = downsampling(parts["vae"]) * transformer.patch_size
    if any(side % step for side in config.pixels):
        raise UserError(f"pixels: {list(config.pixels)}; the networks take multiples of {step}")


_WRONG = ("missing_keys", "unexpected_keys", "mismatched_keys")
_UNRELATED = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}


def _unsaid(transformer: Any) -> bool:
    return transformer.use_additional_conditions is None


def _kind(name: str, place: Path) -> Any:
    if name == "text_encoder":
        return T5EncoderModel
    said = read_config(place).get("_class_name")
    known = _TRANSFORMERS if name == "transformer" else _AUTOENCODERS
    if said not in known:
        raise UserError(f"{place / 'config.json'}: _class_name is {said!r}; a {name} here is {' or '.join(known)}")
    return PixArtTransformer2DModel if name == "transformer" else NETWORKS.get(said)


def _forget_place(part: Any) -> None:
    """No path of this machine is to be saved with the model; diffusers would write where a network came from."""
    if hasattr(part, "register_to_config"):
        part.register_to_config(_name_or_path="")
    else:
        part.config._name_or_path = part.name_or_path = ""


def _built(name: str, description: Mapping[str, Any]) -> Any:
    if name == "vae":
        return build_network(description, where=name)
    try:
        if name == "text_encoder":
            return T5EncoderModel(T5Config(**description, is_encoder_decoder=False, use_cache=False))
        transformer = PixArtTransformer2DModel(**description)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: does not take these arguments: {' '.join(str(error).split())}") from None
    _initialise(transformer)
    return transformer


@torch.no_grad()
def _initialise(transformer: Any) -> None:
    """PixArt-α's initial weights (2310.00426 and its code), which diffusers has none of: the prediction begins as 0."""
    for module in transformer.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.xavier_uniform_(transformer.pos_embed.proj.weight.flatten(1))
    time = transformer.adaln_single
    small = [time.linear, time.emb.timestep_embedder.linear_1, time.emb.timestep_embedder.linear_2]
    for module in [*small, transformer.caption_projection.linear_1, transformer.caption_projection.linear_2]:
        nn.init.normal_(module.weight, std=0.02)
    for module in [transformer.proj_out, *(block.attn2.to_out[0] for block in transformer.transformer_blocks)]:
        nn.init.zeros_(module.weight)
        nn.init.zeros_(module.bias)
