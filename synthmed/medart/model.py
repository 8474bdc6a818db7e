"""Med-Art as a `synthmed.protocols.Generator`: a text, or labels, to an image."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydantic
import torch
from peft import PeftModel
from torch import nn
from transformers import T5Tokenizer

from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.generation.sugar import generate
from synthmed.medart.config import Config, Lora, SamplerConfig
from synthmed.medart.folder import pipeline_folder, read_model, read_scheduler, write_model
from synthmed.medart.latents import downsampling
from synthmed.medart.lora import LoraSpec
from synthmed.medart.parts import adapt, check_parts, configs, load_parts
from synthmed.medart.rendering import draw
from synthmed.medart.tasks import supported
from synthmed.medart.tokenizer import load_tokenizer
from synthmed.medart.values import from_network
from synthmed.models.fingerprint import fingerprint
from synthmed.problem import problem
from synthmed.prompts import labels_of, prompt_of, worded
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING, NOT_STATED, Pairing, Sample, Scalar

_ADAPTED = Lora(transformer=LoraSpec(), text_encoder=LoraSpec())


class MedArt:
    """A trained model (2506.20449), or one in training.

    Attributes are those of `synthmed.protocols.Generator`.

    Args:
        config: what the model is made of.
        parts: ``transformer``, ``text_encoder`` and ``vae``; the first two with adapters or without.
        tokenizer: T5's.
        source: the folder or name that loads it again.

    Raises:
        UserError: the networks do not fit one another or the config.
    """

    def __init__(self, config: Config, parts: nn.ModuleDict, tokenizer: T5Tokenizer, source: str = "") -> None:
        check_parts(config, parts, tokenizer)
        self.config = config
        self.parts = parts.eval()
        self.tokenizer = tokenizer
        self.source = source
        self.tasks = supported(config)
        self.default_to: tuple[str, ...] = (config.image,)
        self.labels = config.labels
        self.attributes: Mapping[str, Scalar] = {}
        self.packages: tuple[str, ...] = ("torch", "diffusers", "transformers", "tokenizers", "peft")
        self.batch_size = config.batch_size
        self.pairing: Pairing = "anatomy"
        self._weights = fingerprint(configs(parts), parts.state_dict())
        self.fingerprint = self._fingerprint()

    generate = generate

    @property
    def sampler(self) -> Mapping[str, Scalar]:
        """Name, steps and guidance, as a plan keeps them.

        Set to some of them (``model.sampler = {"steps": 50}``) it makes another model, with a fingerprint of its own:
        workers, who load it from its folder, do so only after it was saved.
        """
        return self.config.sampler.model_dump()

    @sampler.setter
    def sampler(self, values: Mapping[str, Scalar]) -> None:
        try:
            sampler = SamplerConfig.model_validate({**self.sampler, **values})
        except pydantic.ValidationError as error:
            raise UserError(f"sampler: {problem(error)}") from None
        self.config = self.config.model_copy(update={"sampler": sampler})
        self.fingerprint = self._fingerprint()

    @classmethod
    def from_pretrained(cls, folder: str | Path, dtype: torch.dtype = torch.float32) -> MedArt:
        """The model that `save_pretrained` wrote; nothing in the folder is run, and no pickle is read.

        Args:
            dtype: of the networks; half precision is for GPUs. Adapters stay float32.

        Raises:
            UserError: a file is missing or damaged, a key is unknown or wrong, or a network does not fit.
        """
        return cls(*read_model(Path(folder), dtype), source=str(folder))

    @classmethod
    def from_pipeline(
        cls,
        place: str | Path,
        *,
        lora: Lora = _ADAPTED,
        name_it: bool | None = None,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
        **entries: Any,
    ) -> MedArt:
        """A PixArt pipeline of diffusers with new adapters, which leave it as it was until they are trained.

        Args:
            place: a folder or a hub id.
            lora: the adapters.
            name_it: whether `save_pretrained` names the pipeline and does not copy it; None names what is on the hub.
            dtype: as for `from_pretrained`.
            seed: of the adapters.
            entries: further entries of `synthmed.medart.config.Config`.

        Raises:
            UserError: it is missing or damaged, or is no pipeline that Med-Art can use.
        """
        folder, base = pipeline_folder(place, name_it)
        parts = load_parts(folder, dtype)
        transformer: Any = parts["transformer"]
        side = int(transformer.config["sample_size"]) * downsampling(parts["vae"])
        adapt(parts, lora, seed)
        own = {"pixels": (side, side), "base": base, "lora": lora, "scheduler": read_scheduler(folder)}
        try:
            config = Config(**(own | entries))
        except pydantic.ValidationError as error:
            raise UserError(f"{place}: {problem(error)}") from None
        return cls(config, parts, load_tokenizer(folder / "tokenizer"))

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
        """Write a pipeline that diffusers loads, adapters that peft loads, and config.json.

        Args:
            dtype: of the pipeline's stored weights; float16 halves the folder.
        """
        write_model(Path(folder), self.config, self.parts, self.tokenizer, dtype)

    def to(self, device: str | torch.device) -> MedArt:
        """Move the networks."""
        self.parts.to(torch.device(device))
        return self

    def merge_adapters(self) -> MedArt:
        """A copy with the adapters added to the networks' weights: the same images but for rounding, made faster."""
        parts = copy.deepcopy(self.parts)
        for name, part in parts.items():
            if isinstance(part, PeftModel):
                merged: Any = part.merge_and_unload()
                parts[name] = merged
        return MedArt(self.config.model_copy(update={"lora": Lora(), "base": None}), parts, self.tokenizer)

    def layout(self, to: Sequence[str]) -> Layout:
        """How a dataset of these fields is stored.

        Raises:
            UserError: a field that the model does not make.
        """
        for name in to:
            if name not in (self.config.image, "report"):
                raise UserError(f"the model does not make {name!r}; it makes: {self.config.image}, report")
        return Layout({name: ImageField.of(name) for name in to if name != "report"}, "report" in to)

    def prompt(self, given: Mapping[str, Any]) -> str:
        """A given report itself, given labels in the domain's words, "" where neither is given.

        Raises:
            UserError: a label that the model was not trained with.
        """
        return prompt_of(self.config, given)

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """An image and its prompt a request; of nothing, labels are drawn by their frequency in training."""
        labels = [
            labels_of(self.config, request.given, int(seed)) for request, seed in zip(requests, seeds, strict=True)
        ]
        prompts = [
            request.prompt or (worded(self.config, known) if known is not None and not request.given else "")
            for request, known in zip(requests, labels, strict=True)
        ]
        images = draw(self.config, self.parts, self.tokenizer, prompts, [int(seed) for seed in seeds])
        values = from_network(self.config, images).cpu().numpy()
        return [self._sample(*row) for row in zip(requests, labels, prompts, values, strict=True)]

    def _sample(
        self, request: Request, known: tuple[str, ...] | None, prompt: str, image: npt.NDArray[np.float32]
    ) -> Sample:
        sample = Sample(labels=[NOT_STATED] if known is None else list(known) or [NO_FINDING])
        sample.prompt = prompt
        name = self.config.image
        if name in request.to:
            sample.images[name], sample.spacing[name] = image, self.config.spacing
            sample.labels_by_image[name] = list(sample.labels)
        if "report" in request.to:
            sample.report = prompt
        return sample

    def _fingerprint(self) -> str:
        """Of the config, the networks and the adapters, but not of where the base was found."""
        said = self.config.model_dump(mode="json", exclude={"base"})
        return fingerprint({"config": said, "weights": self._weights}, {})
