"""MedM2G as a `synthmed.protocols.Generator`: a folder of networks that makes text, X-ray, MRI and CT of each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from scipy import ndimage
from torch import nn

from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.generation.sugar import generate
from synthmed.load import read_config
from synthmed.medm2g.config import TEXT, Config, FlowConfig
from synthmed.medm2g.parts import load_parts, save_parts
from synthmed.medm2g.rendering import Networks, Wish, make
from synthmed.medm2g.space import PromptSpace
from synthmed.medm2g.tasks import supported
from synthmed.medm2g.tokenizer import Tokenizers
from synthmed.medm2g.values import from_network
from synthmed.models.fingerprint import fingerprint
from synthmed.problem import problem
from synthmed.prompts import labels_of, prompt_of, worded
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING, NOT_STATED, Box, Sample, Scalar
from synthmed.whole_files import write_json


class MedM2G:
    """A trained model (CVPR 2024, arXiv 2403.04290), or one in training.

    Attributes are those of `synthmed.protocols.Generator`. ``sampler`` may be set before samples are made; a dataset's
    plan keeps it.

    Args:
        config: what the model is made of.
        parts: its networks, see `synthmed.medm2g.parts.build_parts`.
        tokenizers: of its texts.
        source: the folder or name that loads it again.
    """

    def __init__(self, config: Config, parts: nn.ModuleDict, tokenizers: Tokenizers, source: str = "") -> None:
        self.config = config
        self.parts = parts.eval()
        self.tokenizers = tokenizers
        self.source = source
        self.device = torch.device("cpu")
        self.tasks = supported(config)
        self.default_to = tuple(field for flow in config.flows for field in flow.fields)
        self.labels = config.labels
        self.attributes: Mapping[str, Scalar] = {}
        self.packages = ("torch", "diffusers", "transformers", "tokenizers", "monai", "scipy")
        self.batch_size = 16
        self.pairing = config.pairing
        self.fingerprint = fingerprint(config.model_dump(mode="json"), parts.state_dict())

    generate = generate

    @property
    def sampler(self) -> Mapping[str, Scalar]:
        """Name, steps and guidance, as a plan keeps them."""
        values = self.config.sampler.model_dump()
        low, high = values.pop("interval")
        return {**values, "interval_low": low, "interval_high": high}

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> MedM2G:
        """The model that `save_pretrained` wrote; nothing in the folder is run, and no pickle is read.

        Raises:
            UserError: a file is missing or damaged, a config key is unknown or wrong, or a network does not fit.
        """
        place = Path(folder)
        try:
            config = Config.model_validate_json(json.dumps(read_config(place)))
        except pydantic.ValidationError as error:
            raise UserError(f"{place / 'config.json'}: {problem(error)}") from None
        return cls(config, load_parts(config, place), Tokenizers.load(place / "tokenizer"), str(folder))

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
        """Write config.json, the tokenizer, and a diffusers folder a network.

        Args:
            dtype: of the stored weights; float16 halves the folder, and they are read as float32.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        save_parts(dict(self.parts.items()), place, dtype)
        self.tokenizers.save(place / "tokenizer")
        write_json(place / "config.json", self.config.model_dump(mode="json"))

    def to(self, device: str | torch.device) -> MedM2G:
        """Move the networks."""
        self.device = torch.device(device)
        self.parts.to(self.device)
        return self

    def aligned_space(self) -> PromptSpace:
        """The space in which its texts and images can be compared."""
        networks = Networks(self.config, self.parts, self.tokenizers, self.device)
        return PromptSpace(networks, self.source, self.fingerprint)

    def layout(self, to: Sequence[str]) -> Layout:
        """How a dataset of these fields is stored.

        Raises:
            UserError: a field that the model does not make.
        """
        images: dict[str, ImageField] = {}
        wanted = {name.removesuffix(".mask") for name in to if name != "report"}
        for name in to:
            if self.config.place(name) is None:
                raise UserError(f"the model does not make {name!r}; it makes: {', '.join(self.default_to)}")
        for flow in self.config.images():
            for field in flow.fields:
                if field in wanted:
                    names = ("background", *flow.mask_names) if f"{field}.mask" in to else ()
                    images[field] = ImageField.of(field, mask=names)
        return Layout(images, "report" in to, frozenset(name for name in images if name not in to))

    def prompt(self, given: Mapping[str, Any]) -> str:
        """A given report itself, given labels in the domain's words, "" where neither is given.

        Raises:
            UserError: a label that the model was not trained with.
        """
        return prompt_of(self.config, given)

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """One sample a request; those that ask for the same of the same are made together.

        Where neither text, labels nor an image is given, the patient's labels are drawn by their frequency in training.

        Raises:
            UserError: a given value that cannot be used.
        """
        groups: dict[tuple[Any, ...], list[int]] = {}
        for place, request in enumerate(requests):
            groups.setdefault((request.to, tuple(sorted(request.given))), []).append(place)
        samples: dict[int, Sample] = {}
        for (to, _), places in groups.items():
            made = self._render([requests[i] for i in places], [int(seeds[i]) for i in places], to)
            samples.update(zip(places, made, strict=True))
        return [samples[place] for place in range(len(requests))]

    def _render(self, requests: Sequence[Request], seeds: list[int], to: tuple[str, ...]) -> list[Sample]:
        names = [name for name in requests[0].given if name != "labels"]
        labels = [labels_of(self.config, request.given, seed) for request, seed in zip(requests, seeds, strict=True)]
        prompts = [
            request.prompt or (worded(self.config, known) if known is not None and not request.given else "")
            for request, known in zip(requests, labels, strict=True)
        ]
        given = {name: [request.given[name] for request in requests] for name in names}
        networks = Networks(self.config, self.parts, self.tokenizers, self.device)
        made = make(networks, Wish(to, prompts, seeds, given), self.config.sampler.make())
        samples = []
        for place, known in enumerate(labels):
            sample = Sample(labels=[NOT_STATED] if known is None else list(known) or [NO_FINDING])
            sample.prompt = prompts[place]
            for name in to:
                self._put(sample, name, made[name][place])
            sample.labels_by_image = {image: list(sample.labels) for image in sample.spacing}
            samples.append(sample)
        return samples

    def _put(self, sample: Sample, name: str, value: Any) -> None:
        flow, _ = self.config.place(name) or (None, 0)
        if flow is None or flow.name == TEXT:
            sample.report = value
            return
        image = name.removesuffix(".mask")
        sample.spacing[image] = flow.spacing
        if name.endswith(".mask"):
            sample.masks[image] = value.cpu().numpy()
            sample.boxes += self._boxes(flow, image, sample.masks[image][0])
        else:
            sample.images[name] = from_network(flow, value)

    def _boxes(self, flow: FlowConfig, image: str, mask: np.ndarray[Any, Any]) -> list[Box]:
        """The bounding boxes of the label map's connected regions, of the names that boxes are made of."""
        boxes = []
        for value, name in enumerate(flow.mask_names, start=1):
            if name in self.config.boxed:
                regions, _ = ndimage.label(mask == value)
                for rows, columns in ndimage.find_objects(regions):
                    size = (float(columns.stop - columns.start), float(rows.stop - rows.start))
                    boxes.append(Box(image, name, float(columns.start), float(rows.start), *size))
        return boxes
