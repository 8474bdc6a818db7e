"""Prompt encoders into one space."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from synthmed.models.clip_encoders import ClipImagePromptEncoder, ClipTextPromptEncoder
from synthmed.models.prompt_encoders import ImagePromptEncoder, TextPromptEncoder, combine
from synthmed.models.text_vae import Optimus

VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "projection_dim": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
}
TEXT: dict[str, Any] = {
    "vocab_size": 30,
    "hidden_size": 16,
    "intermediate_size": 32,
    "projection_dim": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 10,
    "bos_token_id": 27,
    "eos_token_id": 28,
    "pad_token_id": 29,
}


def image_encoder(**changes: Any) -> ImagePromptEncoder:
    torch.manual_seed(0)
    return ImagePromptEncoder(**{"dim": 12, "widths": (8, 8, 16, 16)} | changes)


def text_encoder() -> TextPromptEncoder:
    torch.manual_seed(0)
    return TextPromptEncoder(30, dim=12, hidden=16, layers=2, heads=2, max_length=10, pad_id=0).eval()


def test_images_do_not_hang_on_their_batch() -> None:
    """In training mode: MONAI's argument ``norm`` alone would leave batch norms in the residual blocks."""
    model = image_encoder(in_channels=2).train()
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    images = torch.randn(5, 2, 40, 56)
    together = model(images)
    assert together.shape == (5, 12)
    torch.testing.assert_close(together[2:3], model(images[2:3]), rtol=1e-4, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-2
    together.square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_embeddings_are_single_tokens_of_length_one() -> None:
    images, ids = torch.randn(3, 1, 32, 32), torch.randint(1, 30, (3, 6))
    image, text = image_encoder().eval(), text_encoder()
    for token, vector in ((image.embed(images), image(images)), (text.embed(ids), text(ids))):
        assert token.shape == (3, 1, 12)
        torch.testing.assert_close(token[:, 0] * vector.norm(dim=-1, keepdim=True), vector)
        torch.testing.assert_close(token.norm(dim=-1), torch.ones(3, 1))


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="resnet"):
        image_encoder(kind="vit")


def test_padding_of_a_text_changes_nothing() -> None:
    model = text_encoder()
    ids = torch.tensor([[3, 4, 5, 0, 0, 0], [3, 4, 5, 6, 7, 8]])
    vectors = model(ids)
    torch.testing.assert_close(vectors[:1], model(ids[:1, :3]))
    torch.testing.assert_close(vectors, model(ids, (ids != 0).long()))
    assert (vectors[0] - vectors[1]).abs().max() > 1e-3
    # The mean is over tokens: states of the unpadded text, written out.
    states = model.transformer(input_ids=ids[1:]).last_hidden_state
    torch.testing.assert_close(vectors[1:], model.projection(states.mean(dim=1)))


def test_a_text_encoder_may_begin_as_an_autoencoders_encoder() -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    encoder = {"model_type": "roberta-prelayernorm", "vocab_size": 30, "max_position_embeddings": 11, **shape}
    decoder = {"vocab_size": 30, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 12}
    optimus: Any = Optimus({**encoder, "pad_token_id": 0}, decoder, latent_dim=8).eval()
    model, ids = text_encoder(), torch.tensor([[3, 4, 5, 0]])
    before = model(ids)
    model.begin_from(optimus.bert)
    states = optimus.bert(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state
    torch.testing.assert_close(model(ids), model.projection(states[:, :3].mean(dim=1)))
    assert not torch.allclose(model(ids), before)
    larger = Optimus({**encoder, "pad_token_id": 0, "hidden_size": 32}, decoder, latent_dim=8)
    with pytest.raises(ValueError, match="size mismatch"):
        model.begin_from(cast(Any, larger).bert)


def test_the_empty_text_has_a_finite_vector_of_its_own() -> None:
    model = text_encoder()
    vectors = model(torch.tensor([[0, 0, 0], [0, 0, 0], [4, 5, 0]]))
    assert vectors.isfinite().all()
    torch.testing.assert_close(vectors[0], vectors[1])
    torch.testing.assert_close(vectors[:1], model(torch.tensor([[0]])))
    with pytest.raises(ValueError, match="takes 10"):
        model(torch.ones(1, 11, dtype=torch.int64))


def test_folders(tmp_path: Path) -> None:
    images, ids = torch.randn(2, 1, 32, 32), torch.randint(0, 27, (2, 6))
    cases: list[tuple[Any, torch.Tensor]] = [
        (image_encoder(), images),
        (text_encoder(), ids),
        (ClipImagePromptEncoder(VISION), images[..., :16, :16]),
        (ClipTextPromptEncoder(TEXT), torch.cat([ids, torch.full((2, 1), 28)], dim=1)),
    ]
    for i, (model, inputs) in enumerate(cases):
        model.eval().save_pretrained(tmp_path / str(i))
        loaded = type(model).from_pretrained(tmp_path / str(i))
        assert torch.equal(loaded.embed(inputs), model.embed(inputs))


def test_clip_towers_are_transformers_own() -> None:
    torch.manual_seed(0)
    vision, text = (
        CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION)),
        CLIPTextModelWithProjection(CLIPTextConfig(**TEXT)),
    )
    image_encoder, text_encoder = ClipImagePromptEncoder(VISION).eval(), ClipTextPromptEncoder(TEXT).eval()
    image_encoder.clip.load_state_dict(vision.state_dict())
    text_encoder.clip.load_state_dict(text.state_dict())
    grey = torch.rand(2, 1, 16, 16) * 2 - 1
    processor = CLIPImageProcessor(do_resize=False, do_center_crop=False, do_rescale=False)
    colour = processor(list((grey.repeat(1, 3, 1, 1) + 1) / 2), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(image_encoder(grey), vision.eval()(pixel_values=colour).image_embeds)
    flat = torch.full((1, 1, 40, 24), 0.3)
    torch.testing.assert_close(image_encoder(flat), image_encoder(flat[..., :16, :16]))
    ids = torch.tensor([[27, 3, 4, 28, 29], [27, 5, 6, 7, 28]])
    mask = (ids != 29).long()
    torch.testing.assert_close(text_encoder(ids, mask), text.eval()(input_ids=ids, attention_mask=mask).text_embeds)
    torch.testing.assert_close(text_encoder(ids[:1, :4]), text_encoder(ids, mask)[:1])
    assert text_encoder.embed(ids, mask).shape == (2, 1, 12)
    torch.testing.assert_close(image_encoder.embed(grey).norm(dim=-1), torch.ones(2, 1))


def test_a_text_longer_than_the_towers_positions_loses_its_end_and_not_its_end_token() -> None:
    encoder: Any = ClipTextPromptEncoder({**TEXT, "max_position_embeddings": 5}).eval()
    ids = torch.tensor([[27, 3, 4, 5, 6, 7, 28, 29], [27, 3, 4, 28, 29, 29, 29, 29], [27, 3, 4, 5, 28, 29, 29, 29]])
    mask = (ids != 29).long()
    short = torch.tensor([[27, 3, 4, 5, 28], [27, 3, 4, 28, 29], [27, 3, 4, 5, 28]])
    torch.testing.assert_close(encoder(ids, mask), encoder(short, (short != 29).long()))
    torch.testing.assert_close(encoder(ids[:1, :7]), encoder(short[:1]))


def test_conditions_combine_by_weights_that_sum_to_one() -> None:
    a, b = torch.randn(2, 1, 4), torch.randn(2, 1, 4)
    torch.testing.assert_close(combine([a, b], [3, 1]), 0.75 * a + 0.25 * b)
    torch.testing.assert_close(combine([a, b]), (a + b) / 2)
    torch.testing.assert_close(combine([a], [0.2]), a)
    for embeddings, weights in (([], None), ([a], [1, 1]), ([a, b], [1, -1]), ([a, b], [0, 0]), ([a, b], [2, -1])):
        with pytest.raises(ValueError, match="one each"):
            combine(embeddings, weights)
