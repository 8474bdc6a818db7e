"""A small network generator: convolutions and attention make the images, a sampled transformer makes the text.

In plain torch, since each worker process of each test imports it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synthmed.fields import ImageField, Layout
from synthmed.protocols import Request, Task
from synthmed.sample import Sample

WORDS = ("lungs", "heart", "clear", "normal", "small", "large", "left", "right", "opacity", "no", "seen", "pleura")
WIDTH = 32


class Denoiser(nn.Module):
    """(B, 2, H, W) to the same: down by convolution, attention over the positions, up by convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(2, WIDTH, 3, 2, 1), nn.GroupNorm(8, WIDTH), nn.SiLU())
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(WIDTH, WIDTH, 3, 1, 1), nn.SiLU())
        self.out = nn.Conv2d(WIDTH, 2, 3, 1, 1)

    def forward(self, latents: Tensor) -> Tensor:
        features = self.down(latents)
        tokens = features.flatten(2).transpose(1, 2)
        attended = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return self.out(self.up(features + attended.transpose(1, 2).reshape(features.shape)))


class Writer(nn.Module):
    """(B, T) tokens to (B, words) logits of the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(WORDS) + 1, WIDTH)
        self.layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, 0.0, batch_first=True)
        self.head = nn.Linear(WIDTH, len(WORDS))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.layer(self.embed(tokens))[:, -1])


class TestNet:
    """Its weights depend on ``config.json``'s seed alone; they need no training to be a test of determinism."""

    __test__ = False  # not a test class, whatever pytest thinks of its name
    summary = "a small network for tests"
    tasks = (Task(frozenset(), frozenset({"report", "xray", "us"})),)
    default_to = ("report", "xray", "us")
    labels = ("opacity",)
    attributes: Mapping[str, Any] = {"words": 1}
    packages = ("torch",)
    sampler: Mapping[str, Any] = {"name": "euler", "steps": 4, "guidance": 1.0}
    batch_size = 5
    pairing = "text"

    def __init__(self, source: str = "testnet", weights: int = 0) -> None:
        self.source = source
        with torch.random.fork_rng():
            torch.manual_seed(weights)
            self.denoiser, self.writer = Denoiser().eval(), Writer().eval()
        digest = hashlib.sha256(json.dumps({"weights": weights}).encode())
        for module in (self.denoiser, self.writer):
            for name, tensor in sorted(module.state_dict().items()):
                digest.update(f"{name}{tensor.dtype}".encode() + tensor.numpy().tobytes())
        self.fingerprint = digest.hexdigest()

    @classmethod
    def from_pretrained(cls, folder: Path) -> TestNet:
        """Read ``config.json``."""
        return cls(str(folder), json.loads((folder / "config.json").read_text())["weights"])

    def layout(self, to: Sequence[str]) -> Layout:
        """An X-ray and an ultrasound image, 8 bit."""
        return Layout({name: ImageField.of(name) for name in ("xray", "us") if name in to}, "report" in to)

    def prompt(self, given: Mapping[str, Any]) -> str:
        """Nothing conditions it."""
        return ""

    @torch.inference_mode()
    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """Four Euler steps, then ancestral text sampling; each sample draws from its own torch generator."""
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        latents = torch.cat([torch.randn(1, 2, 24, 32, generator=generator) for generator in generators])
        for _ in range(4):
            latents = latents - 0.25 * self.denoiser(latents)
        images = torch.sigmoid(latents).numpy()
        samples = []
        for request, image, words in zip(requests, images, self._words(generators), strict=True):
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
            chances = torch.softmax(self.writer(tokens), -1)
            drawn = [torch.multinomial(row, 1, generator=g) + 1 for row, g in zip(chances, generators, strict=True)]
            tokens = torch.cat([tokens, torch.stack(drawn)], 1)
        return [[WORDS[token - 1] for token in row[1:].tolist()] for row in tokens]
