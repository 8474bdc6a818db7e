"""What a frozen network makes of images or texts, computed once: latents with mean and log-variance, embeddings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from synthmed.data.identity import pixel_id
from synthmed.errors import UserError

_ROWS = 1024
"""Rows of one file, and what an interruption loses at most."""

Compute = Callable[[Sequence[int]], Mapping[str, torch.Tensor]]


class FeatureCache:
    """Tensors by content and by the network that made them, in safetensors files of one folder.

    A latent cache keeps a posterior's ``mean`` and ``log_variance``, not one draw, which would put a floor under the
    diffusion loss. Content keys make the cache indifferent to file names, order and splits; another network, or the
    same after one more step of training, has another fingerprint and so another folder.

    Attributes:
        folder: ``<root>/<the fingerprint's first 24 digits>``.

    Raises:
        UserError: the folder cannot be made or written.
    """

    def __init__(self, root: Path, fingerprint: str) -> None:
        self.folder = root / fingerprint[:24]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder}: {error.strerror}; the feature cache's folder") from None

    def get(self, keys: Sequence[str], compute: Compute, batch_size: int = 64) -> dict[str, torch.Tensor]:
        """The features of every key, in their order, computing those that are not there.

        Args:
            keys: one a row: `content_key` of the images, or of the text, that the row's features are made from. Equal
                keys are computed once.
            compute: from places in ``keys`` to tensors by name whose first axis is those places; called with at most
                ``batch_size`` of them.

        Returns:
            By name, (len(keys), …). The whole is held in memory.
        """
        where = self._index()
        missing = [place for place, key in _first_places(keys).items() if key not in where]
        for start in range(0, len(missing), _ROWS):
            self._write([(place, keys[place]) for place in missing[start : start + _ROWS]], compute, batch_size)
        return self._read(keys, self._index())

    def _write(self, rows: Sequence[tuple[int, str]], compute: Compute, batch_size: int) -> None:
        batches: list[Mapping[str, torch.Tensor]] = []
        for start in range(0, len(rows), batch_size):
            with torch.no_grad():
                batches.append(compute([place for place, _ in rows[start : start + batch_size]]))
        tensors = {name: torch.cat([batch[name].cpu() for batch in batches]).contiguous() for name in batches[0]}
        names = [key for _, key in rows]
        for name, tensor in tensors.items():
            if len(tensor) != len(names):
                raise ValueError(f"compute gave {len(tensor)} rows of {name} for {len(names)} keys")
        # Named by its content: two processes that compute the same rows write the same file.
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:24]
        path = self.folder / f"{digest}.safetensors"
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            save_file(tensors, temporary, metadata={"keys": json.dumps(names)})
            os.replace(temporary, path)
        except (OSError, SafetensorError) as error:
            temporary.unlink(missing_ok=True)
            raise UserError(f"{path}: the feature cache cannot be written ({error})") from None

    def _index(self) -> dict[str, tuple[Path, int]]:
        where: dict[str, tuple[Path, int]] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                with safe_open(path, "pt") as file:
                    names = json.loads((file.metadata() or {})["keys"])
            except (OSError, SafetensorError, KeyError, ValueError):
                path.unlink(missing_ok=True)  # ours, damaged, and made again in a moment
                continue
            where.update((name, (path, row)) for row, name in enumerate(names))
        return where

    def _read(self, keys: Sequence[str], where: Mapping[str, tuple[Path, int]]) -> dict[str, torch.Tensor]:
        by_file: dict[Path, list[tuple[int, int]]] = {}
        for place, key in enumerate(keys):
            path, row = where[key]
            by_file.setdefault(path, []).append((place, row))
        features: dict[str, torch.Tensor] = {}
        for path, pairs in by_file.items():
            places, rows = (torch.tensor(column) for column in zip(*pairs, strict=True))
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118  # safe_open is not a mapping
                    tensor = file.get_tensor(name)
                    if name not in features:
                        features[name] = tensor.new_empty((len(keys), *tensor.shape[1:]))
                    features[name][places] = tensor[rows]
        return features


def content_key(*parts: torch.Tensor | str) -> str:
    """sha256 of what a row's features are made from: tensors by shape, dtype and values, texts by their words."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            piece = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()
        else:
            piece = pixel_id(torch.as_tensor(part).detach().cpu().numpy())
        digest.update(f"{type(part) is str}:{piece};".encode())
    return digest.hexdigest()


def _first_places(keys: Sequence[str]) -> dict[int, str]:
    first: dict[str, int] = {}
    for place, key in enumerate(keys):
        first.setdefault(key, place)
    return {place: key for key, place in first.items()}
