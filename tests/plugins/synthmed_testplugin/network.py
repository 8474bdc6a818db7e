"""A small network generator: a UNet with convolutions and attention makes images, a language model samples the text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DModel
from transformers import GPT2Config, GPT2LMHeadModel

from synthmed.fields import ImageField, Layout
from synthmed.protocols import Request, Task
from synthmed.sample import Sample

WORDS = ("lungs", "heart", "clear", "normal", "small", "large", "left", "right", "opacity", "no", "seen", "pleura")


class TestNet:
    """The initial weights depend on ``config.json``'s seed alone; they need no training to be a test of determinism."""

    __test__ = False  # not a test class, whatever pytest thinks of its name
    summary = "a small network for tests"
    tasks = (Task(frozenset(), frozenset({"report", "xray", "us"})),)
    default_to = ("report", "xray", "us")
    labels = ("opacity",)
    attributes: Mapping[str, Any] = {"words": 1}
    packages = ("torch", "diffusers", "transformers")
    sampler: Mapping[str, Any] = {"name": "ddim", "steps": 3, "guidance": 1.0}
    batch_size = 5
    pairing = "text"

    def __init__(self, source: str = "testnet", weights: int = 0) -> None:
        self.source = source
        with torch.random.fork_rng():
            torch.manual_seed(weights)
            self.unet = UNet2DModel(
                sample_size=16,
                in_channels=2,
                out_channels=2,
                block_out_channels=(32, 64),
                down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                up_block_types=("AttnUpBlock2D", "UpBlock2D"),
                norm_num_groups=8,
            ).eval()
            config = GPT2Config(
                vocab_size=len(WORDS) + 2,
                n_positions=32,
                n_embd=32,
                n_layer=2,
                n_head=2,
                bos_token_id=0,
                eos_token_id=1,
            )
            self.decoder = GPT2LMHeadModel(config).eval()
        digest = hashlib.sha256(json.dumps({"weights": weights}).encode())
        for module in (self.unet, self.decoder):
            for name, tensor in sorted(module.state_dict().items()):
                digest.update(f"{name}{tensor.dtype}".encode() + tensor.numpy().tobytes())
        self.fingerprint = digest.hexdigest()

    @classmethod
    def from_pretrained(cls, folder: Path) -> TestNet:
        """Read ``config.json``."""
        return cls(str(folder), json.loads((folder / "config.json").read_text())["weights"])

    def layout(self, to: Sequence[str]) -> Layout:
        """16-bit-free: an X-ray and an ultrasound image."""
        return Layout({name: ImageField.of(name) for name in ("xray", "us") if name in to}, "report" in to)

    def prompt(self, given: Mapping[str, Any]) -> str:
        """Nothing conditions it."""
        return ""

    @torch.inference_mode()
    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """Three DDIM steps, then ancestral text sampling, each sample with its own generator."""
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        latents = torch.cat([torch.randn(1, 2, 16, 24, generator=generator) for generator in generators])
        scheduler = DDIMScheduler()
        scheduler.set_timesteps(3)
        for t in scheduler.timesteps:
            latents = scheduler.step(self.unet(latents, t).sample, t, latents).prev_sample
        images = torch.sigmoid(latents).numpy()
        samples = []
        for request, generator, image, words in zip(requests, generators, images, self._words(generators), strict=True):
            names = [name for name in ("xray", "us") if name in request.to]
            labels = ["opacity"] if "opacity" in words else ["no finding"]
            samples.append(
                Sample(
                    images={name: image[channel : channel + 1] for channel, name in enumerate(names)},
                    report=" ".join(words) if "report" in request.to else None,
                    labels=labels,
                    labels_by_image=dict.fromkeys(names, labels),
                    attributes={"words": len(words)},
                )
            )
        return samples

    def _words(self, generators: Sequence[torch.Generator]) -> list[list[str]]:
        tokens = torch.zeros(len(generators), 1, dtype=torch.long)
        for _ in range(8):
            chances = torch.softmax(self.decoder(tokens).logits[:, -1, 2:], -1)
            drawn = [torch.multinomial(row, 1, generator=g) + 2 for row, g in zip(chances, generators, strict=True)]
            tokens = torch.cat([tokens, torch.stack(drawn)], 1)
        return [[WORDS[token - 2] for token in row[1:].tolist()] for row in tokens]
