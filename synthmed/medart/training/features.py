"""What the frozen autoencoder makes of the rows of a split, computed once and kept by content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from synthmed.data.features import FeatureCache, content_key
from synthmed.medart.hldf.colour import colour_statistics
from synthmed.medart.training.rows import Rows
from synthmed.models.fingerprint import fingerprint
from synthmed.training.batches import SeededItems, randomizables
from synthmed.training.processes import process_state

_BATCH = 16
MOST_ROWS = 2000
"""That a latent's scale is measured on."""


class Features:
    """Posteriors and colours of a split's rows. Random transforms of the pipeline are drawn once a row, by the seed.

    Args:
        rows: of the split.
        folder: of the cache.
        seed: of the pipeline's random transforms.
    """

    def __init__(self, rows: Rows, folder: Path, seed: int) -> None:
        self.rows, self.folder = rows, folder
        self._items = SeededItems(rows, seed, tuple(randomizables(rows)))

    def image(self, index: int) -> torch.Tensor:
        """A row's image (C, H, W) in [-1, 1]."""
        image: torch.Tensor = self._items[index, index]["image"]
        return image

    def posteriors(self, vae: Any, most: int | None = None) -> dict[str, torch.Tensor]:
        """The first rows' posteriors and colours.

        Args:
            most: so many rows; all if None.

        Returns:
            ``posterior`` (N, 2 C, h, w), mean and log-variance in the autoencoder's own scale; ``colours``
            (N, 2, channels), `synthmed.medart.hldf.colour.colour_statistics` of the images.
        """
        keys = [content_key(self.image(index)) for index in range(len(self.rows))[:most]]
        device = process_state().device
        described = {name: value for name, value in vae.config.items() if not name.startswith("_") and _decisive(name)}

        def compute(indices: Sequence[int]) -> Mapping[str, torch.Tensor]:
            images = torch.stack([self.image(index) for index in indices])
            posterior = vae.encode(images.to(device, vae.dtype)).latent_dist
            both = torch.cat([posterior.mean, posterior.logvar], dim=1).float()
            return {"posterior": both.contiguous(), "colours": colour_statistics(images).contiguous()}

        cache = FeatureCache(self.folder, fingerprint(described, vae.state_dict()))
        training = vae.training
        vae.to(device).eval()
        try:
            return cache.get(keys, compute, _BATCH)
        finally:
            vae.train(training)


def measured_scaling(posterior: torch.Tensor, shifted: bool) -> tuple[float, float]:
    """Shift and scale by which draws from these posteriors (N, 2 C, h, w) have mean 0 and deviation 1.

    The variance of a draw is that of the means plus the mean of the variances.

    Args:
        shifted: False for an autoencoder that diffusers' pipeline decodes with, which knows no shift: it is 0 then.
    """
    mean, logvar = posterior.double().chunk(2, dim=1)
    variance = mean.var(unbiased=False) + logvar.exp().mean()
    # Rounded, so that the last bits of a sum do not count as another model.
    shift = round(float(mean.mean()), 6) if shifted else 0.0
    return shift, float(f"{1 / max(float(variance) ** 0.5, 1e-6):.6g}")


def _decisive(name: str) -> bool:
    """Whether an entry of the autoencoder's config changes its posteriors."""
    return name not in ("scaling_factor", "shift_factor")
