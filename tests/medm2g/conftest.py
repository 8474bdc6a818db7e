"""An untrained ``debug`` model whose guidance layers act as if they were trained."""

from __future__ import annotations

import pytest
import torch

from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.sizes import make_config
from synthmed.medm2g.tokenizer import Tokenizers, train_tokenizer

SIDE = 32


@pytest.fixture(scope="session")
def model() -> MedM2G:
    """Text, film, CT with a mask, MRI in two contrasts; text-xray and ct-mri guide each other."""
    tokenizers = Tokenizers.same(train_tokenizer(["A nodule of 7 mm.", "No finding here."], 300))
    config = make_config(
        "debug",
        ["xray", "ct", "mri", "mri.t2"],
        image_size=SIDE,
        vocabulary=len(tokenizers.prompt),
        masks={"ct": ["lung", "nodule"]},
        guides=[("text", "xray"), ("ct", "mri")],
        labels=("mass", "nodule"),
        boxed=("nodule",),
        sampler={"steps": 3},
        prompts={"templates": {"*": "A film with {labels}."}, "sets": [(("nodule",), 3.0), ((), 1.0)]},
    )
    parts = build_parts(config)
    with torch.no_grad():
        for name, part in parts.items():
            if name.startswith("layers_"):  # new layers are the identity
                for parameter in part.parameters():
                    parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return MedM2G(config, parts, tokenizers)
