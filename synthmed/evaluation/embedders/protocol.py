"""What turns images into features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch


@runtime_checkable
class Embedder(Protocol):
    """A frozen network whose features are compared; its scaling of pixels is its own.

    Attributes:
        name: as reports and models' lists of training networks call it: ``efficientnet-lite0``.
        width: features an image.
        digest: sha256 of its weights; features are cached by it.
        size: rows and columns that it resizes images to.
    """

    name: str
    width: int
    digest: str
    size: int

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Features of images (n, 3, H, W) float32 in [0, 1]: (n, width) float32, each row of its own image alone."""
        ...
