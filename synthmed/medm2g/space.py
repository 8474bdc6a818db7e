"""The prompt encoders' space, in which central alignment has put texts and images side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import torch

from synthmed.errors import UserError
from synthmed.fields import ImageField
from synthmed.medm2g.config import TEXT, FlowConfig
from synthmed.medm2g.prompts import embed_images, embed_text
from synthmed.medm2g.rendering import Networks
from synthmed.medm2g.tokenizer import encode
from synthmed.medm2g.values import to_network
from synthmed.modality import MODALITIES, image_name


class PromptSpace:
    """A model's C_text and C_m (section 3.2 of MedM2G), as `synthmed.evaluation.agreement.space.AlignedSpace` asks.

    Args:
        source: of the model; its last part names the space.
        fingerprint: of the model.
    """

    def __init__(self, networks: Networks, source: str, fingerprint: str) -> None:
        self._networks = networks
        self.name = f"prompt encoders of {PurePath(source).name or 'medm2g'}"
        self.digest = fingerprint

    def has(self, image: str) -> bool:
        """Whether some flow has that image, an encoder, and the texts theirs."""
        flow = self._flow(image)
        return flow is not None and {f"encoder_{TEXT}", f"encoder_{flow.name}"} <= set(self._networks.parts)

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, dim) of the texts, cut off at the model's length."""
        networks = self._networks
        tokens = encode(networks.tokenizers.prompt, texts, networks.config.text_length)
        found = embed_text(networks.parts, {name: ids.to(networks.device) for name, ids in tokens.items()})
        return _rows(found)

    @torch.inference_mode()
    def images(self, field: ImageField, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, dim) of (n, C, H, W) pixels in the field's unit, at the model's size; other contrasts are black.

        Raises:
            UserError: the model has no such image, or the pixels have another number of channels.
        """
        flow = self._flow(field.name)
        if flow is None:
            raise UserError(f"{self.name}: knows no {field.name}")
        values = _in_modalitys_unit(field, pixels)
        stacked = torch.cat([to_network(flow, field.name, image) for image in values])
        return _rows(embed_images(self._networks.parts, flow, {field.name: stacked.to(self._networks.device)}))

    def _flow(self, image: str) -> FlowConfig | None:
        if image.endswith(".mask"):
            return None
        return next((flow for flow in self._networks.config.images() if image in flow.fields), None)


def _in_modalitys_unit(field: ImageField, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A windowed CT's [0, 1] as the HU that they stand for, as far as the window goes."""
    if field.window is None or MODALITIES.get(image_name(field.name).modality).unit != "HU":
        return pixels
    low, high = field.window
    found: npt.NDArray[np.float32] = (pixels * (high - low) + low).astype(np.float32)
    return found


def _rows(embedding: torch.Tensor) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = embedding[:, 0].float().cpu().numpy()
    return found
