"""Captions from a vision-language model on this machine, as the paper makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from PIL import Image

from synthmed.errors import UserError
from synthmed.medart.captions.batches import Batches
from synthmed.medart.captions.domain import Domain
from synthmed.medart.captions.instructions import instruction
from synthmed.medart.captions.protocol import Failure, Picture
from synthmed.medart.captions.rejection import Rejection, Rule
from synthmed.medart.captions.row_sampling import Sampling
from synthmed.medart.captions.shorten import T5Shortener, whole_sentences
from synthmed.medart.captions.vlm_model import VisionLanguageModel


@dataclass(frozen=True)
class Preset:
    """A model by a short name.

    Attributes:
        model: its hub id.
        half: its precision on a GPU; that which its weights were published in, or the paper's.
    """

    model: str
    half: Literal["float16", "bfloat16"] = "bfloat16"


PRESETS = {
    # Med-Art's, in transformers' format; the paper's own folder, lmms-lab/llama3-llava-next-8b, needs LLaVA's code.
    "llava-next": Preset("llava-hf/llama3-llava-next-8b-hf", "float16"),
    "qwen-vl": Preset("Qwen/Qwen2.5-VL-7B-Instruct"),
    "medgemma": Preset("google/medgemma-4b-it"),
}
"""Their sampling is the describer's, by default the paper's."""


@dataclass(frozen=True)
class VlmDescriber:
    """Asks a transformers image-text-to-text model; a describer of the command line.

    Temperature, top-k, top-p, the 150 new tokens, five or more tries and the 120 tokens are Med-Art's; see `Rejection`.
    A caption is a function of the picture, the domain and its seed; its batch and device change it by their rounding.

    Args:
        model: a name of `PRESETS`, a hub id (``owner/name``, ``owner/name@revision``), or a folder.
        batch_size: pictures at once; halved, for good, when memory runs out.
        device: as "cuda:1"; "" is a GPU where there is one.
        temperature: 0 takes the likeliest token always.
        top_k: of the likeliest tokens; 0 is all.
        top_p: in (0, 1].
        max_new_tokens: where an answer is broken off.
        tries: answers asked for until one obeys the instruction.
        limit: tokens of a caption by the model's own tokenizer.
        shortener: a T5 (hub id or folder) that shortens longer captions, the paper's google-t5/t5-large; by default
            they lose their last sentences.

    Raises:
        UserError: a value is out of its range.
    """

    model: str = "llava-next"
    batch_size: int = 1
    device: str = ""
    temperature: float = 0.8
    top_k: int = 50
    top_p: float = 0.9
    max_new_tokens: int = 150
    tries: int = 5
    limit: int = 120
    shortener: str = ""

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("max_new_tokens", 1), ("temperature", 0), ("top_k", 0)):
            if not getattr(self, name) >= least:
                raise UserError(f"{name} = {getattr(self, name)}: must be {least} or more")
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p = {self.top_p}: must be in (0, 1]")
        _ = self._rejection

    @property
    def name(self) -> str:
        """``vlm:`` and the hub id, or the folder's last part."""
        place = self._preset.model
        return f"vlm:{Path(place).resolve().name if Path(place).is_dir() else place}"

    def describe(self, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]) -> list[str | Failure]:
        """One caption a picture, or why there is none.

        Raises:
            UserError: the model cannot be loaded.
        """
        model = self._model
        rules = [Rule(domain.sentence(picture.label), domain.attributes) for picture in pictures]
        sampling = Sampling(self.temperature, self.top_k, self.top_p, self.max_new_tokens)

        def generate(places: Sequence[int], tries: Sequence[int]) -> list[str | Failure]:
            def ask(batch: Sequence[int]) -> list[str]:
                images = [Image.fromarray(pictures[places[i]].pixels) for i in batch]
                wanted = [rules[places[i]] for i in batch]
                prompts = [instruction(rule.sentence, rule.attributes) for rule in wanted]
                return model.texts(images, prompts, [tries[i] for i in batch], sampling)

            return self._batches.texts(ask, len(places))

        return self._rejection.captions(generate, rules, seeds, model.tokens)

    @property
    def _preset(self) -> Preset:
        return PRESETS.get(self.model, Preset(self.model))

    @cached_property
    def _model(self) -> VisionLanguageModel:
        return VisionLanguageModel.load(self._preset.model, self.device, getattr(torch, self._preset.half))

    @cached_property
    def _batches(self) -> Batches:
        return Batches(self.batch_size)

    @cached_property
    def _rejection(self) -> Rejection:
        return Rejection(self.tries, self.limit, T5Shortener(self.shortener) if self.shortener else whole_sentences)
