"""What a MedM2G model is made of: its modalities, latents, networks and prompts, as ``config.json`` holds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import pydantic

from synthmed.diffusion.process import Parametrisation, Process
from synthmed.diffusion.sampler import Sampler
from synthmed.modality import MODALITIES, canonical, image_name
from synthmed.prompts import PromptConfig
from synthmed.sample import Pairing

TEXT = "text"
PART = re.compile(r"[a-z][a-z0-9_]*\Z")


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Group(_Section):
    """One group of a latent's channels.

    Attributes:
        field: what it holds: ``mri``, ``mri.t2``, ``mri.mask``, or ``report``.
        channels: of its autoencoder's latent.
        autoencoder: the part that encodes and decodes it.
        shift, scale: a flow sees (z - shift) * scale, of mean 0 and deviation 1 on the training rows.
    """

    field: str
    channels: pydantic.PositiveInt
    autoencoder: str
    shift: float = 0.0
    scale: pydantic.PositiveFloat = 1.0


class FlowConfig(_Section):
    """One modality's flow.

    Attributes:
        name: a modality, ``text`` among them; the parts are ``flow_<name>``, ``encoder_<name>`` and so on.
        groups: of the latent, images first, then masks.
        mask_names: what the values 1, 2, … of its label maps mean.
        window: (low, high) HU that a CT flow works in.
        pixels: (channels, rows, columns) of its images; of no text.
        spacing: (row, column) mm of its images.
    """

    name: str
    groups: tuple[Group, ...]
    mask_names: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    pixels: tuple[int, int, int] | None = None
    spacing: tuple[float, float] = (1.0, 1.0)

    @property
    def fields(self) -> tuple[str, ...]:
        """What the groups hold, in their order."""
        return tuple(group.field for group in self.groups)

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> FlowConfig:
        if not self.groups:
            raise ValueError(f"flow {self.name!r} has no group")
        if self.name == TEXT:
            return self
        if MODALITIES.get(self.name).unit == "HU" and self.window is None:
            raise ValueError(f"flow {self.name!r} needs a window in HU")
        for field in self.fields:
            if canonical(field) != field or image_name(field).modality != self.name:
                raise ValueError(f"flow {self.name!r}: {field!r} is not an image or mask of it, or not so spelled")
        return self


class ProcessConfig(_Section):
    """`synthmed.diffusion.process.Process`."""

    parametrisation: Parametrisation = "eps"
    steps: pydantic.PositiveInt = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012

    def make(self) -> Process:
        """The process."""
        return Process(**self.model_dump())


class SamplerConfig(_Section):
    """`synthmed.diffusion.sampler.Sampler`."""

    name: Literal["ddim", "dpm++", "euler"] = "ddim"
    steps: pydantic.PositiveInt = 50
    eta: pydantic.NonNegativeFloat = 1.0
    guidance: float = 2.0
    interval: tuple[float, float] = (0.0, 1.0)

    def make(self) -> Sampler:
        """The sampler's settings; UserError where they contradict."""
        return Sampler(**self.model_dump())


class Config(_Section):
    """A MedM2G model.

    Attributes:
        size: the preset that the parts came from.
        flows: the modalities, ``text`` among them.
        guides: pairs of flows that were trained to guide each other, in the order of the rounds.
        parts: networks by part name, ``{"class": name, …arguments}``; each has a folder of its own.
        dim: width of the prompt space.
        text_length: tokens of a report at most.
        labels: that it can put on a sample.
        boxed: names of label maps whose connected regions are given as boxes.
        pairing: what the images of one sample share.
    """

    model_type: Literal["medm2g"] = "medm2g"
    size: str
    flows: tuple[FlowConfig, ...]
    parts: dict[str, dict[str, Any]]
    dim: pydantic.PositiveInt
    text_length: pydantic.PositiveInt = 100
    guides: tuple[tuple[str, str], ...] = ()
    process: ProcessConfig = ProcessConfig()
    sampler: SamplerConfig = SamplerConfig()
    labels: tuple[str, ...] = ()
    prompts: PromptConfig = PromptConfig()
    boxed: tuple[str, ...] = ()
    pairing: Pairing = "text"

    def flow(self, name: str) -> FlowConfig:
        """The flow of a modality; KeyError where there is none."""
        for flow in self.flows:
            if flow.name == name:
                return flow
        raise KeyError(name)

    def images(self) -> Iterator[FlowConfig]:
        """The flows of images."""
        return (flow for flow in self.flows if flow.name != TEXT)

    def place(self, field: str) -> tuple[FlowConfig, int] | None:
        """The flow that makes a field, and the place of its group; None where no flow does."""
        for flow in self.flows:
            if field in flow.fields:
                return flow, flow.fields.index(field)
        return None

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Config:
        names = [flow.name for flow in self.flows]
        if len(set(names)) != len(names):
            raise ValueError(f"two flows of one name: {names}")
        for pair in self.guides:
            if not set(pair) <= set(names) or pair[0] == pair[1]:
                raise ValueError(f"guides {list(pair)}: the flows are {', '.join(names)}")
        for part in self.parts:
            if not PART.match(part):
                raise ValueError(f"part {part!r}: a name of lower-case letters, digits and _")
        needed = {f"{kind}_{name}" for name in names for kind in ("flow", "encoder")}
        needed |= {group.autoencoder for flow in self.flows for group in flow.groups}
        needed |= {
            f"{kind}_{name}" for pair in self.guides for name in pair for kind in ("context", "adaptive", "layers")
        }
        if missing := sorted(needed - self.parts.keys()):
            raise ValueError(f"no part {missing[0]!r}; there are: {', '.join(self.parts)}")
        return self
