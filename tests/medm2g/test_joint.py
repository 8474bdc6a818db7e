"""Joint denoising against the same calls made by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synthmed.diffusion.sampler import Sampler
from synthmed.medm2g.joint import Joint
from synthmed.medm2g.model import MedM2G

T = torch.tensor(400)
B = 2


def token(seed: int) -> torch.Tensor:
    vector = torch.randn(B, 1, 16, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vector, dim=-1)


def latent(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(B, *shape, generator=torch.Generator().manual_seed(seed))


CT, MRI = latent(1, 4, 4, 4), latent(2, 4, 4, 4)
XRAY, TEXT = latent(3, 2, 4, 4), latent(4, 16)
NULL = token(9)[:1]


def joint(model: MedM2G, names: list[str], guidance: float = 1.0, **more: Any) -> Joint:
    return Joint(
        parts=model.parts,
        config=model.config,
        process=model.config.process.make(),
        sampler=Sampler(guidance=guidance),
        conditions={name: token(seed) for seed, name in enumerate(names)},
        null=NULL,
        **more,
    )


def call(model: MedM2G, name: str, z: torch.Tensor, condition: torch.Tensor, tokens: Any = None) -> torch.Tensor:
    flow: Any = model.parts[f"flow_{name}"]
    if tokens is None:
        out: torch.Tensor = flow.denoise(z, T.expand(B), condition)
        return out
    layers: Any = model.parts[f"layers_{name}"]
    with layers.context(tokens):
        guided: torch.Tensor = flow.denoise(z, T.expand(B), condition)
    return guided


def context(model: MedM2G, name: str, z: torch.Tensor, t: torch.Tensor, embedding: torch.Tensor | None) -> torch.Tensor:
    adaptive: Any = model.parts[f"adaptive_{name}"]
    f = adaptive.unknown(B) if embedding is None else adaptive(embedding)
    tokens: torch.Tensor = model.parts[f"context_{name}"](z, t.expand(B), f)
    return tokens


@torch.no_grad()
def test_each_attends_to_the_other_not_to_itself(model: MedM2G) -> None:
    both = joint(model, ["ct", "mri"])
    found = both({"ct": CT, "mri": MRI}, T)
    from_mri = context(model, "mri", MRI, T, None)
    from_ct = context(model, "ct", CT, T, None)
    torch.testing.assert_close(found["ct"], call(model, "ct", CT, token(0), from_mri))
    torch.testing.assert_close(found["mri"], call(model, "mri", MRI, token(1), from_ct))
    assert not torch.allclose(found["ct"], call(model, "ct", CT, token(0), from_ct))


@torch.no_grad()
def test_flows_that_were_not_trained_together_leave_each_other_alone(model: MedM2G) -> None:
    found = joint(model, ["xray", "ct"])({"xray": XRAY, "ct": CT}, T)
    torch.testing.assert_close(found["ct"], call(model, "ct", CT, token(1)))
    torch.testing.assert_close(found["xray"], call(model, "xray", XRAY, token(0)))
    off = joint(model, ["ct", "mri"], cross=False)({"ct": CT, "mri": MRI}, T)
    torch.testing.assert_close(off["ct"], call(model, "ct", CT, token(0)))


@torch.no_grad()
def test_a_given_modality_guides_clean_and_by_its_embedding(model: MedM2G) -> None:
    found = joint(model, ["ct"], clean={"mri": MRI}, embeddings={"mri": token(5)})({"ct": CT}, T)
    tokens = context(model, "mri", MRI, torch.tensor(0), token(5))
    torch.testing.assert_close(found["ct"], call(model, "ct", CT, token(0), tokens))
    text = joint(model, ["xray"], clean={"text": TEXT})({"xray": XRAY}, T)
    torch.testing.assert_close(
        text["xray"], call(model, "xray", XRAY, token(0), context(model, "text", TEXT, torch.tensor(0), None))
    )


@torch.no_grad()
@pytest.mark.parametrize("guidance", [0.0, 2.0])
def test_guidance_is_two_calls_in_one(model: MedM2G, guidance: float) -> None:
    found = joint(model, ["ct", "mri"], guidance)({"ct": CT, "mri": MRI}, T)
    tokens = context(model, "mri", MRI, T, None)
    without = call(model, "ct", CT, NULL.expand(B, -1, -1), tokens)
    with_prompt = call(model, "ct", CT, token(0), tokens)
    torch.testing.assert_close(found["ct"], without + guidance * (with_prompt - without), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_without_a_prompt_guidance_costs_nothing(model: MedM2G) -> None:
    unprompted = joint(model, ["ct"], 3.0)
    unprompted.conditions = {"ct": NULL.expand(B, -1, -1)}
    flow: Any = model.parts["flow_ct"]
    sizes: list[int] = []
    handle = flow.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    found = unprompted({"ct": CT}, T)
    handle.remove()
    assert sizes == [B]
    torch.testing.assert_close(found["ct"], call(model, "ct", CT, NULL.expand(B, -1, -1)))


@torch.no_grad()
def test_what_is_given_is_read_once(model: MedM2G) -> None:
    guided = joint(model, ["ct"], clean={"mri": MRI}, embeddings={"mri": token(5)})
    calls: list[int] = []
    handle = model.parts["context_mri"].register_forward_pre_hook(lambda *_: calls.append(1))
    first, second = guided({"ct": CT}, T), guided({"ct": CT}, T - 100)
    handle.remove()
    assert len(calls) == 1
    assert not torch.allclose(first["ct"], second["ct"])


@torch.no_grad()
def test_known_groups_are_clean_and_flagged(model: MedM2G) -> None:
    values = latent(7, 4, 4, 4)
    given = torch.tensor([[False, True], [True, False]])  # the image's two channels, then the mask's
    flow: Any = model.parts["flow_ct"]
    seen = CT.clone()
    seen[0, 2:] = values[0, 2:]
    seen[1, :2] = values[1, :2]
    found = joint(model, ["ct"], known={"ct": (values, given)})({"ct": CT}, T)
    torch.testing.assert_close(found["ct"], flow.denoise(seen, T.expand(B), token(0), given))
