"""The aligned space against the same encoders called by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthmed.errors import UserError
from synthmed.evaluation.agreement.space import HasSpace
from synthmed.fields import ImageField
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.space import PromptSpace
from synthmed.medm2g.tokenizer import encode

RNG = np.random.default_rng(0)


def test_texts_are_the_text_encoders(model: MedM2G) -> None:
    assert isinstance(model, HasSpace)
    space, words = model.aligned_space(), ["A nodule.", "No finding here."]
    tokens = encode(model.tokenizers.prompt, words, model.config.text_length)
    with torch.no_grad():
        expected = model.parts["encoder_text"](tokens["input_ids"], tokens["attention_mask"]).numpy()
    found = space.texts(words)
    assert found.shape == (2, model.config.dim)
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines == pytest.approx(1, abs=1e-5)


def test_images_are_brought_from_their_unit_to_the_networks(model: MedM2G) -> None:
    space, films = model.aligned_space(), RNG.random((3, 1, 32, 32), np.float32)
    found = space.images(ImageField.of("xray"), films)
    with torch.no_grad():
        expected = model.parts["encoder_xray"].embed(torch.from_numpy(films) * 2 - 1)[:, 0].numpy()  # type: ignore[operator]  # a part
    assert found == pytest.approx(expected, abs=1e-5)
    # One contrast of two: the other one is black.
    slices = RNG.random((2, 1, 32, 32), np.float32)
    both = torch.cat([torch.full((2, 1, 32, 32), -1.0), torch.from_numpy(slices) * 2 - 1], dim=1)
    with torch.no_grad():
        expected = model.parts["encoder_mri"].embed(both)[:, 0].numpy()  # type: ignore[operator]  # a part
    assert space.images(ImageField.of("mri.t2"), slices) == pytest.approx(expected, abs=1e-5)


def test_a_windowed_ct_is_the_same_as_its_hu(model: MedM2G) -> None:
    flow = next(flow for flow in model.config.images() if flow.name == "ct")
    assert flow.window is not None
    low, high = flow.window
    hu = (low + (high - low) * RNG.random((2, 1, 32, 32))).astype(np.float32)
    space, stored = model.aligned_space(), ImageField.of("ct", window=(low, high))
    one = space.images(ImageField.of("ct"), hu)
    assert space.images(stored, (hu - low) / (high - low)) == pytest.approx(one, abs=1e-4)
    assert not np.allclose(space.images(replace(stored, window=(low, high + 2000)), (hu - low) / (high - low)), one)


def test_what_it_knows_and_is_called(model: MedM2G) -> None:
    space = model.aligned_space()
    assert [name for name in ("xray", "ct", "mri", "mri.t2", "mri.pd", "photo", "ct.mask") if space.has(name)] == [
        "xray",
        "ct",
        "mri",
        "mri.t2",
    ]
    assert space.digest == model.fingerprint
    named = PromptSpace(space._networks, "somewhere/of/mine/chest", "f")
    assert named.name == "prompt encoders of chest"
    with pytest.raises(UserError, match="knows no photo"):
        space.images(ImageField.of("photo"), np.zeros((1, 3, 8, 8), np.float32))
