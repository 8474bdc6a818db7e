"""From requests to latents to samples: the five tasks and joint generation, as one path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from synthmed.diffusion.noise import seeded_noise
from synthmed.diffusion.sampler import Latents, Sampler, sample
from synthmed.errors import UserError
from synthmed.medm2g.config import TEXT, Config, FlowConfig
from synthmed.medm2g.joint import Joint
from synthmed.medm2g.latents import decode_group, encode_group, latent_shape, scaled, split_groups, unscaled
from synthmed.medm2g.prompts import condition_of, embed_images, embed_text
from synthmed.medm2g.size_parts import DOWNSAMPLING
from synthmed.medm2g.tokenizer import Tokenizers, decode, encode
from synthmed.medm2g.values import from_network, to_network


@dataclass(frozen=True)
class Networks:
    """A model's networks with what is needed to call them.

    Attributes:
        parts: by name.
        device: where they are.
    """

    config: Config
    parts: nn.ModuleDict
    tokenizers: Tokenizers
    device: torch.device


@dataclass
class Wish:
    """What a batch of samples is to hold, and what is known of each.

    Attributes:
        to: fields.
        prompts: a text a sample; "" for none.
        given: images and masks in a `Sample`'s units, a list of one a sample by field; ``report`` as strings.
        seeds: one a sample.
    """

    to: tuple[str, ...]
    prompts: list[str]
    seeds: list[int]
    given: dict[str, list[Any]] = field(default_factory=dict)


@torch.no_grad()
def make(networks: Networks, wish: Wish, sampler: Sampler, *, cross: bool = True) -> dict[str, Any]:
    """What is asked for, by field: images (B, C, H, W) in [-1, 1], label maps (B, 1, H, W) uint8, texts as a list.

    Where some contrasts or the label map of a given modality are missing, its own flow makes them first: encoders and
    guidance were trained on whole modalities alone.

    Args:
        cross: whether flows guide each other; without, each follows its prompt alone.

    Raises:
        UserError: a field that no flow makes, a given value that cannot be used, or a sampler that cannot follow the
            model's process.
    """
    wished = wish.to
    made: dict[str, Any] = {}
    for flow, missing in _incomplete(networks.config, wish):
        own = {name: values for name, values in wish.given.items() if name in flow.fields}
        found = _made(networks, replace(wish, to=missing, given=own), sampler, cross)
        made |= found
        rest = tuple(name for name in wish.to if name not in found)
        wish = replace(wish, to=rest, given=wish.given | _as_given(flow, found))
    asked = {name: value for name, value in made.items() if name in wished}
    return asked | (_made(networks, wish, sampler, cross) if wish.to else {})


def _made(networks: Networks, wish: Wish, sampler: Sampler, cross: bool) -> dict[str, Any]:
    config, parts = networks.config, networks.parts
    names = _flows(config, wish.to)
    known, clean, embeddings = _given(networks, wish)
    null = embed_text(parts, _tokens(networks, [""]))
    texts = embed_text(parts, _tokens(networks, wish.prompts))
    silent = torch.tensor([not prompt for prompt in wish.prompts], device=networks.device)[:, None, None]
    texts = torch.where(silent, null, texts)
    conditions = {}
    for name in names:
        others = [embedding for other, embedding in embeddings.items() if other != name]
        said = [] if bool(silent.all()) else [texts]
        conditions[name] = condition_of([*said, *others], null, len(wish.seeds))
    # A given report is prompt and guide at once.
    spoken = embeddings | ({TEXT: texts} if TEXT in clean else {})
    process = config.process.make()
    joint = Joint(
        parts=parts,
        config=config,
        process=process,
        sampler=sampler,
        conditions=conditions,
        null=null,
        clean={name: latent for name, latent in clean.items() if name not in names},
        embeddings={name: value for name, value in spoken.items() if name not in names},
        known={name: value for name, value in known.items() if name in names},
        cross=cross,
    )
    shapes = {name: latent_shape(config.flow(name), DOWNSAMPLING) for name in names}

    def noise(name: str, *purpose: str | int) -> torch.Tensor:
        return seeded_noise(wish.seeds, shapes[name], name, *purpose).to(networks.device)

    start = {name: noise(name, "start") for name in names}
    latents = sample(joint, start, sampler, process, lambda name, step: noise(name, "step", step))
    return _decoded(networks, wish.to, latents)


def _incomplete(config: Config, wish: Wish) -> list[tuple[FlowConfig, tuple[str, ...]]]:
    """The modalities of which an image is given, but not all that another flow reads of them; and what is missing."""
    names = _flows(config, wish.to)
    found = []
    for flow in config.images():
        missing = tuple(name for name in flow.fields if name not in wish.given)
        images = [name for name in flow.fields if not name.endswith(".mask")]
        others = [name for name in names if name != flow.name]
        guides = any({(flow.name, other), (other, flow.name)} & set(config.guides) for other in others)
        read = flow.fields if guides else images
        if others and any(name in wish.given for name in images) and any(name in missing for name in read):
            found.append((flow, missing))
    return found


def _as_given(flow: FlowConfig, made: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        name: list(value.cpu().numpy() if name.endswith(".mask") else from_network(flow, value))
        for name, value in made.items()
    }


def _flows(config: Config, to: Sequence[str]) -> list[str]:
    made: list[str] = []
    for name in to:
        place = config.place(name)
        if place is None:
            raise UserError(f"the model does not make {name!r}")
        if place[0].name not in made:
            made.append(place[0].name)
    return made


def _given(
    networks: Networks, wish: Wish
) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Per modality of which something is given: latents with what is known of them, the same alone, and embeddings."""
    known: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    embeddings: dict[str, torch.Tensor] = {}
    for flow in networks.config.flows:
        if flow.name == TEXT:
            if "report" in wish.given:
                latent = _text_latent(networks, flow, wish.given["report"])
                known[TEXT] = (latent, torch.ones(len(latent), 1, dtype=torch.bool, device=latent.device))
            continue
        values = {
            name: torch.cat([to_network(flow, name, value) for value in wish.given[name]]).to(networks.device)
            for name in flow.fields
            if name in wish.given
        }
        if not values:
            continue
        known[flow.name] = _image_latent(networks, flow, values, len(wish.seeds))
        pictures = {name: value for name, value in values.items() if not name.endswith(".mask")}
        if pictures:
            embeddings[flow.name] = embed_images(networks.parts, flow, pictures)
    clean = {name: latent for name, (latent, _) in known.items() if name in embeddings or name == TEXT}
    return known, clean, embeddings


def _image_latent(
    networks: Networks, flow: FlowConfig, values: Mapping[str, torch.Tensor], n: int
) -> tuple[torch.Tensor, torch.Tensor]:
    shape = latent_shape(flow, DOWNSAMPLING)
    groups, flags = [], []
    for group in flow.groups:
        there = group.field in values
        flags.append(there)
        if there:
            groups.append(encode_group(networks.parts, flow, group, values[group.field])[0])
        else:
            groups.append(torch.zeros(n, group.channels, *shape[1:], device=networks.device))
    return torch.cat(groups, dim=1), torch.tensor([flags] * n, device=networks.device)


def _text_latent(networks: Networks, flow: FlowConfig, reports: Sequence[str]) -> torch.Tensor:
    network: Any = networks.parts[flow.groups[0].autoencoder]
    tokens = encode(networks.tokenizers.encoder, reports, networks.config.text_length)
    ids = {name: value.to(networks.device) for name, value in tokens.items()}
    posterior = network.encode(ids["input_ids"], ids["attention_mask"])
    return scaled(posterior.mean, posterior.logvar, flow.groups[0])[0]


def _tokens(networks: Networks, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
    tokens = encode(networks.tokenizers.prompt, prompts, networks.config.text_length)
    return {name: value.to(networks.device) for name, value in tokens.items()}


def _decoded(networks: Networks, to: Sequence[str], latents: Latents) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, latent in latents.items():
        flow = networks.config.flow(name)
        for group, part in zip(flow.groups, split_groups(flow, latent).values(), strict=True):
            if group.field not in to:
                continue
            if name == TEXT:
                made[group.field] = _texts(networks, unscaled(part, group))
            else:
                made[group.field] = decode_group(networks.parts, group, part)
    return made


def _texts(networks: Networks, latent: torch.Tensor) -> list[str]:
    network: Any = networks.parts["autoencoder_text"]
    tokenizer = networks.tokenizers.decoder
    ids = network.generate(
        latent,
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
        max_length=networks.config.text_length,
    )
    return decode(tokenizer, ids)
