"""A transformers image-text-to-text model: loaded without code of its folder, asked in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from synthmed.errors import UserError
from synthmed.hub import located
from synthmed.load import read_config
from synthmed.medart.captions.row_sampling import Sampling, row_sampling
from synthmed.models.entries import no_fetched_code

FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "README.md")
"""What is fetched of a hub repository: weights as safetensors, tables of tokenizers, templates; no pickle, no code."""


@dataclass(frozen=True)
class VisionLanguageModel:
    """A model and its processor, which turn (picture, prompt) into a text."""

    processor: Any
    model: Any

    @classmethod
    def load(cls, place: str | Path, device: str = "", half: torch.dtype = torch.float16) -> VisionLanguageModel:
        """Any model that transformers itself knows as image-text-to-text, from a hub id or a folder.

        Args:
            device: as "cuda:1"; "" is a GPU where there is one.
            half: its precision on a GPU; a CPU has float32.

        Raises:
            UserError: there is no such model, its weights are not safetensors or not whole, or it is of another kind.
        """
        folder = located(place, FILES)
        if not folder.is_dir():
            raise UserError(f"{place}: no such folder, and no hub id (owner/name)")
        no_fetched_code(read_config(folder), str(folder / "config.json"))
        try:
            target = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
            safe = {"trust_remote_code": False, "local_files_only": True}
            processor = AutoProcessor.from_pretrained(folder, **safe)
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                folder,
                dtype=torch.float32 if target.type == "cpu" else half,
                use_safetensors=True,
                output_loading_info=True,
                **safe,
            )
        except Exception as error:  # each part of each architecture has its own
            raise UserError(f"{place}: cannot be loaded as an image-text-to-text model ({_line(error)})") from None
        model, report = loaded
        if missing := report["missing_keys"]:
            # transformers fills them with random numbers.
            raise UserError(f"{place}: {len(missing)} weights are missing, the first {min(missing)}")
        if not hasattr(processor, "tokenizer") or not hasattr(processor, "image_processor"):
            raise UserError(f"{place}: has no processor for pictures with text; its folder needs processor_config.json")
        return cls(_ready(processor), _greedy(model, processor.tokenizer).to(target).eval())

    def tokens(self, text: str) -> int:
        """How many tokens a text has for this model, without special ones."""
        return len(self.processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    @torch.inference_mode()
    def texts(
        self, pictures: Sequence[Image.Image], prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
    ) -> list[str]:
        """What the model says, one text a picture, each drawn by its own seed.

        A text depends on its batch no more than rounding does: the pads beside it are masked.
        """
        asked = [self._chat(prompt) for prompt in prompts]
        bos = self.processor.tokenizer.bos_token
        inputs = self.processor(
            text=asked,
            images=[[picture] for picture in pictures],
            padding=True,
            return_tensors="pt",
            # A chat template writes the first token itself.
            add_special_tokens=not (bos and asked[0].startswith(bos)),
        ).to(self.model.device, self.model.dtype)
        ids = self.model.generate(
            **inputs, max_new_tokens=sampling.max_new_tokens, logits_processor=row_sampling(sampling, seeds)
        )
        said: list[str] = self.processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return said

    def _chat(self, prompt: str) -> str:
        """The prompt as the model wants it: by its chat template, else the image's place and the words."""
        if self.processor.chat_template is None:
            return f"{getattr(self.processor, 'image_token', '')}\n{prompt}"
        content = [{"type": "image"}, {"type": "text", "text": prompt}]
        messages = [{"role": "user", "content": content}]
        text: str = self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return text


def _ready(processor: Any) -> Any:
    """A processor that pads where a decoder can go on from."""
    tokenizer = processor.tokenizer
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if processor.chat_template is None:
        processor.chat_template = tokenizer.chat_template
    return processor


def _greedy(model: Any, tokenizer: Any) -> Any:
    """Without the sampling that its folder asks for: `row_sampling` takes its place."""
    model.generation_config.update(
        do_sample=False, num_beams=1, temperature=None, top_k=None, top_p=None, pad_token_id=tokenizer.pad_token_id
    )
    return model


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
