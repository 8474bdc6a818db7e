"""What frozen networks make of the rows of a split, computed once and kept by content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthmed.data.features import FeatureCache, content_key
from synthmed.medm2g.config import TEXT, FlowConfig, Group
from synthmed.medm2g.latents import encode_group, latent_shape
from synthmed.medm2g.sizes import DOWNSAMPLING
from synthmed.medm2g.tokenizer import Tokenizers, encode
from synthmed.medm2g.training.order import LABELS
from synthmed.medm2g.training.rows import Rows, stack
from synthmed.models.fingerprint import fingerprint
from synthmed.training.batches import SeededItems, randomizables
from synthmed.training.processes import process_state

_BATCH = 32
_CERTAIN = -30.0
"""The log-variance of a latent that is its mean."""


class Features:
    """Latents and prompt embeddings of every row of a split; where a row lacks what they are made of, zeros.

    Random transforms of the pipeline are drawn once a row, by the seed.

    Attributes:
        rows: of the split.
        folder: of the cache.
        tokenizers: the model's.
        seed: of the pipeline's random transforms.
    """

    def __init__(self, rows: Rows, folder: Path, tokenizers: Tokenizers, seed: int) -> None:
        self.rows = rows
        self.folder = folder
        self.tokenizers = tokenizers
        self._items = SeededItems(rows, seed, tuple(randomizables(rows)))
        self._keys: dict[str, dict[int, str]] | None = None

    def posteriors(
        self, flow: FlowConfig, group: Group, network: nn.Module, most: int | None = None
    ) -> dict[str, torch.Tensor]:
        """``present`` (N,) bool and ``mean`` and ``logvar`` (N, channels, h, w) or (N, D), in the network's own units.

        A report's latent is its mean, as CoDi's flow sees it: most of its dimensions hold the prior's noise alone, on
        which a flow of draws would spend itself.

        Args:
            most: rows that have the field at most; the others count as without it.
        """
        if flow.name == TEXT:
            keys = {index: content_key(text) for index in range(len(self.rows)) if (text := self.rows.text(index))}
        else:
            keys = self._content().get(group.field, {})
        keys = dict(list(keys.items())[:most])
        plain = group.model_copy(update={"shift": 0.0, "scale": 1.0})
        parts = nn.ModuleDict({group.autoencoder: network})

        def compute(indices: Sequence[int]) -> Mapping[str, torch.Tensor]:
            if flow.name == TEXT:
                tokens = self._tokens([self.rows.text(index) or "" for index in indices], self.tokenizers.encoder)
                optimus: Any = network
                posterior = optimus.encode(**tokens)
                return {"mean": posterior.mean.contiguous(), "logvar": torch.full_like(posterior.mean, _CERTAIN)}
            values = torch.stack([self._items[index, index][group.field] for index in indices]).to(_device())
            mean, logvar = encode_group(parts, flow, plain, values)
            # Chunks of one tensor, which safetensors does not take.
            return {"mean": mean.contiguous(), "logvar": logvar.contiguous()}

        shape = (group.channels, *latent_shape(flow, DOWNSAMPLING)[1:])
        return self._features(network, keys, compute, {"mean": shape, "logvar": shape})

    def embeddings(self, condition: str, encoder: nn.Module, of: str = TEXT) -> tuple[torch.Tensor, torch.Tensor]:
        """``has`` (N,) bool and the tokens (N, 1, dim) of ``text``, ``labels`` or a modality's images.

        Args:
            of: the modality that they are to prompt; see `Rows.label_prompt`.
        """
        texts: dict[int, str] = {}
        if condition in (TEXT, LABELS):
            worded = self.rows.prompt if condition == TEXT else self.rows.label_prompt
            texts = {index: text for index in range(len(self.rows)) if (text := worded(index, of)) is not None}
            keys = {index: content_key(text) for index, text in texts.items()}
        else:
            keys = self._content().get(f"{condition}:all", {})
        network: Any = encoder

        def compute(indices: Sequence[int]) -> Mapping[str, torch.Tensor]:
            if texts:
                tokens = self._tokens([texts[index] for index in indices], self.tokenizers.prompt)
                return {"token": network.embed(**tokens)}
            flow = self.rows.config.flow(condition)
            images = torch.stack([stack(self._items[index, index], flow) for index in indices])
            return {"token": network.embed(images.to(_device()))}

        found = self._features(encoder, keys, compute, {"token": (1, self.rows.config.dim)})
        return found["present"], found["token"]

    def null(self, encoder: nn.Module) -> torch.Tensor:
        """(1, 1, dim): C_text's token of the empty text, which is CoDi's condition where there is none."""
        network: Any = encoder
        with torch.no_grad(), _evaluated(encoder):
            token: torch.Tensor = network.embed(**self._tokens([""], self.tokenizers.prompt)).cpu()
        return token

    def _features(
        self,
        network: nn.Module,
        keys: Mapping[int, str],
        compute: Callable[[Sequence[int]], Mapping[str, torch.Tensor]],
        shapes: Mapping[str, tuple[int, ...]],
    ) -> dict[str, torch.Tensor]:
        n = len(self.rows)
        tensors = {name: torch.zeros(n, *shape) for name, shape in shapes.items()}
        tensors["present"] = torch.zeros(n, dtype=torch.bool)
        if not keys:
            return tensors
        indices = list(keys)
        cache = FeatureCache(self.folder, network_digest(network))
        with _evaluated(network):
            found = cache.get(
                [keys[index] for index in indices], lambda places: compute([indices[place] for place in places]), _BATCH
            )
        where = torch.tensor(indices)
        for name, values in found.items():
            tensors[name][where] = values
        tensors["present"][where] = True
        return tensors

    def _content(self) -> dict[str, dict[int, str]]:
        """By field, and by ``<modality>:all`` for the images of a modality together: each row's key."""
        if self._keys is None:
            self._keys = {}
            for index in range(len(self.rows)):
                item = self._items[index, index]
                for field, value in item.items():
                    self._keys.setdefault(field, {})[index] = content_key(value)
                for modality in self.rows.kinds(index) - {TEXT, LABELS}:
                    image = stack(item, self.rows.config.flow(modality))
                    self._keys.setdefault(f"{modality}:all", {})[index] = content_key(image)
        return self._keys

    def _tokens(self, texts: Sequence[str], tokenizer: Any) -> dict[str, torch.Tensor]:
        tokens = encode(tokenizer, texts, self.rows.config.text_length)
        return {name: tensor.to(_device()) for name, tensor in tokens.items()}


class _evaluated:  # noqa: N801  # used as a function is
    """A network on the device and in evaluation mode for a while."""

    def __init__(self, network: nn.Module) -> None:
        self._network, self._training = network, network.training

    def __enter__(self) -> None:
        self._network.to(_device()).eval()

    def __exit__(self, *_: object) -> None:
        self._network.train(self._training)


def _device() -> torch.device:
    device: torch.device = process_state().device
    return device


def network_digest(network: nn.Module) -> str:
    """Of what a network is and weighs; the same in every process.

    diffusers notes in ``_use_default_values`` which arguments were left out, in a set's order, which is not.
    """
    registered: Any = network
    own = {key: value for key, value in registered.config.items() if not key.startswith("_")}
    return fingerprint(own, network.state_dict())
