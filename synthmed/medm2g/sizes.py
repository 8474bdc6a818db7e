"""From a size's name and the images that are wanted to a model's config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from synthmed.medm2g import size_parts
from synthmed.medm2g.config import TEXT, Config, FlowConfig, Group, ProcessConfig
from synthmed.medm2g.size_parts import DOWNSAMPLING, PRESETS, Preset, Size
from synthmed.modality import MODALITIES, canonical, image_name

__all__ = ["Size", "make_config", "projector_widths"]


def make_config(
    size: Size,
    fields: Sequence[str],
    *,
    image_size: int | Mapping[str, int],
    vocabulary: int,
    masks: Mapping[str, Sequence[str]] | None = None,
    window: tuple[float, float] = (-1000.0, 400.0),
    share_autoencoder: bool = True,
    guides: Sequence[tuple[str, str]] = (),
    process: ProcessConfig | None = None,
    text: bool = True,
    image_latent: int | None = None,
    **more: Any,
) -> Config:
    """The config of a new model.

    Args:
        fields: the images that it makes, as in ``["xray", "ct", "mri", "mri.t2"]``; those of a modality are one flow.
        image_size: rows and columns, of all or by modality: a multiple of 8, the autoencoder's downsampling, and such
            that the flow's network can halve the latent.
        vocabulary: tokens of the tokenizer; ``paper`` has BERT's and GPT-2's own.
        masks: label maps that are made with an image: their names, by image field.
        window: of CT.
        share_autoencoder: one for all grey images; else one a modality.
        guides: the pairs of flows that will guide each other.
        text: whether there is a text flow; text prompts are understood in any case.
        image_latent: channels of an image's latent; None for the size's.
        more: further entries of `Config`.
    """
    preset, process = PRESETS[size], process or ProcessConfig()
    if image_latent is not None:
        preset = replace(preset, image_latent=image_latent)
    parts: dict[str, size_parts.Part] = {}
    flows: list[FlowConfig] = []
    fields = [canonical(field) for field in fields]
    for modality in dict.fromkeys(image_name(field).modality for field in fields):
        pixels = image_size if isinstance(image_size, int) else image_size[modality]
        own = [field for field in fields if image_name(field).modality == modality]
        flow = _image_flow(size, preset, modality, own, pixels, dict(masks or {}), window, share_autoencoder, parts)
        flows.append(flow)
        channels = [group.channels for group in flow.groups]
        entry = MODALITIES.get(modality)
        parts[f"encoder_{modality}"] = size_parts.image_encoder(size, entry.channels * len(own), preset)
        parts[f"flow_{modality}"] = size_parts.image_flow(size, channels, pixels // DOWNSAMPLING, preset, process)
    parts["encoder_text"] = size_parts.text_encoder(size, vocabulary, preset)
    if text:
        parts["autoencoder_text"] = size_parts.text_autoencoder(size, vocabulary, preset)
        group = Group(field="report", channels=preset.text_latent, autoencoder="autoencoder_text")
        flows.append(FlowConfig(name=TEXT, groups=(group,)))
        parts["flow_text"] = size_parts.text_flow(size, preset, process)
    for name in dict.fromkeys(name for pair in guides for name in pair):
        flow = next(flow for flow in flows if flow.name == name)
        parts |= size_parts.guidance(size, flow, preset, partial(site_widths, parts[f"flow_{name}"]))
    return Config(
        size=size,
        flows=tuple(flows),
        parts=parts,
        dim=preset.dim,
        text_length=preset.text_length,
        guides=tuple(guides),
        process=process,
        **more,
    )


def projector_widths(size: Size) -> tuple[int, ...]:
    """Of the visual invariant's projector, from the prompt space on."""
    return (PRESETS[size].dim, *PRESETS[size].projector)


def site_widths(flow: size_parts.Part, every_level: bool) -> list[int]:
    """Channels at each of `GuidanceLayers`' sites in a flow's network, which is built without memory to be asked."""
    import torch

    from synthmed.models.guidance_layers import GuidanceLayers
    from synthmed.models.networks import build_network

    with torch.device("meta"):
        network = build_network(flow["diffuser"])
        return list(GuidanceLayers.for_network(network, 4, 1, every_level).config["widths"])


def _image_flow(
    size: Size,
    preset: Preset,
    modality: str,
    own: Sequence[str],
    pixels: int,
    masks: Mapping[str, Sequence[str]],
    window: tuple[float, float],
    share: bool,
    parts: dict[str, size_parts.Part],
) -> FlowConfig:
    entry = MODALITIES.get(modality)
    name = "autoencoder_grey" if share and entry.channels == 1 else f"autoencoder_{modality}"
    parts[name] = size_parts.autoencoder(size, entry.channels, preset.image_latent)
    groups = [Group(field=field, channels=preset.image_latent, autoencoder=name) for field in own]
    names: tuple[str, ...] = ()
    for field in own:
        if field in masks:
            part = f"autoencoder_{modality}_mask"
            names = tuple(masks[field])
            parts[part] = size_parts.mask_autoencoder(size, len(names) + 1, preset.mask_latent)
            groups.append(Group(field=f"{field}.mask", channels=preset.mask_latent, autoencoder=part))
    return FlowConfig(
        name=modality,
        groups=tuple(groups),
        mask_names=names,
        window=window if entry.unit == "HU" else None,
        pixels=(entry.channels, pixels, pixels),
    )
