"""The stages of the autoencoders."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from medm2g.objectives.tiny import changed, generator
from monai.losses import PatchAdversarialLoss
from monai.networks.nets import PatchDiscriminator
from torch import nn
from torch.distributions import Normal, kl_divergence
from torchvision.models import squeezenet1_0

from synthmed.autoencoding.objective import AutoencoderObjective, MaskObjective, mask_planes, reconstruct
from synthmed.autoencoding.perceptual import PerceptualDistance
from synthmed.models.autoencoder import LightAutoencoder
from synthmed.training.objective import set_training

IMAGES = {"image": torch.rand(4, 1, 32, 32, generator=generator(8)) * 2 - 1}


def light(in_channels: int = 1) -> LightAutoencoder:
    torch.manual_seed(0)
    return LightAutoencoder(in_channels, latent_channels=2, channels=(8, 8), blocks=1)


def discriminator() -> PatchDiscriminator:
    torch.manual_seed(1)
    return PatchDiscriminator(spatial_dims=2, channels=4, in_channels=1, num_layers_d=1)


def perceptual() -> PerceptualDistance:
    torch.manual_seed(2)
    return PerceptualDistance(squeezenet1_0().features)


def test_the_loss_is_what_it_says() -> None:
    model, distance = light(), perceptual()
    losses = AutoencoderObjective(model, 1e-3, distance, 0.2)(IMAGES, generator())
    posterior = model.encode(IMAGES["image"]).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=generator())
    decoded = model.decode(posterior.mean + posterior.std * noise).sample
    torch.testing.assert_close(losses["l1"], (decoded - IMAGES["image"]).abs().mean())
    kl = kl_divergence(Normal(posterior.mean, posterior.std), Normal(0.0, 1.0)).sum() / 4
    torch.testing.assert_close(losses["kl"], kl)
    torch.testing.assert_close(losses["perceptual"], distance(decoded, IMAGES["image"]))
    torch.testing.assert_close(losses["loss"], losses["l1"] + 1e-3 * losses["kl"] + 0.2 * losses["perceptual"])
    torch.testing.assert_close(reconstruct(model, IMAGES["image"], generator())[0], decoded)


def test_parts_that_are_off_are_not_there(tmp_path: Path) -> None:
    model, judge, distance = light(), discriminator(), perceptual()
    networks: dict[str, Any] = {"autoencoder": model, "discriminator": judge, "perceptual": distance}
    plain = AutoencoderObjective(model)
    assert set(plain(IMAGES, generator())) == {"loss", "l1", "kl"}
    assert [name for name, _ in plain.named_children()] == ["trained"]
    assert changed(plain, IMAGES, networks, tmp_path / "plain") == {"autoencoder"}
    whole = AutoencoderObjective(model, perceptual=distance, adversarial=judge)
    assert changed(whole, IMAGES, networks, tmp_path / "whole") == {"autoencoder", "discriminator"}
    assert set(whole.trained) == {"autoencoder", "discriminator"}
    assert not distance.training


def separate(model: nn.Module, judge: nn.Module, weight: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both sides' gradients as two optimisers would compute them: one backward each."""
    adversarial = PatchAdversarialLoss(criterion="least_squares")
    image = IMAGES["image"]
    fake, kl = reconstruct(model, image, generator())
    loss = (fake - image).abs().mean() + 1e-6 * kl
    loss = loss + weight * adversarial(judge(fake)[-1], target_is_real=True, for_discriminator=False)
    of_model = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        fake, _ = reconstruct(model, image, generator())
    wrong = adversarial(judge(fake)[-1], target_is_real=False, for_discriminator=True)
    wrong = wrong + adversarial(judge(image)[-1], target_is_real=True, for_discriminator=True)
    of_judge = torch.autograd.grad(weight * wrong / 2, list(judge.parameters()))
    names = [[name for name, _ in network.named_parameters()] for network in (model, judge)]
    return dict(zip(names[0], of_model, strict=True)), dict(zip(names[1], of_judge, strict=True))


def test_one_backward_gives_each_side_the_gradient_of_its_own() -> None:
    model, judge = light(), discriminator()
    expected = separate(copy.deepcopy(model), copy.deepcopy(judge).train(), 0.5)
    objective = AutoencoderObjective(model, adversarial=judge, adversarial_weight=0.5)
    set_training(objective)
    objective(IMAGES, generator())["loss"].backward()
    for network, gradients in zip((model, judge), expected, strict=True):
        for name, value in network.named_parameters():
            torch.testing.assert_close(value.grad, gradients[name], rtol=1e-3, atol=1e-7, msg=name)
    assert max(float(gradient.abs().max()) for gradient in expected[1].values()) > 1e-3


def test_the_generators_term_does_not_move_the_judges_statistics() -> None:
    """They are of one fake and one real batch, as in separate training's discriminator step."""
    judge = discriminator()
    objective = AutoencoderObjective(light(), adversarial=judge)
    set_training(objective)
    objective(IMAGES, generator())
    counts = {name: int(value) for name, value in judge.named_buffers() if name.endswith("num_batches_tracked")}
    assert counts
    assert set(counts.values()) == {2}


MASK = torch.randint(0, 3, (4, 1, 16, 16), generator=generator(9)).to(torch.uint8)


def test_masks_are_one_hot_and_their_loss_is_dice_and_cross_entropy(tmp_path: Path) -> None:
    model = light(3)
    planes = mask_planes(MASK, 3)
    assert planes.shape == (4, 3, 16, 16)
    assert set(planes.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(planes.argmax(1, keepdim=True), MASK.long())
    objective = MaskObjective(model, 3, kl_weight=1e-3)
    losses = objective({"mask": MASK}, generator())
    logits, kl = reconstruct(model, planes, generator())
    odds, truth = logits.double().softmax(1), (planes.double() + 1) / 2
    cross_entropy = -(truth * odds.log()).sum(1).mean()
    overlap, total = (odds * truth).sum((0, 2, 3)), (odds + truth).sum((0, 2, 3))
    expected = cross_entropy + (1 - 2 * overlap / total).mean()
    assert float(losses["dice_ce"].detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    torch.testing.assert_close(losses["loss"], losses["dice_ce"] + 1e-3 * kl)
    assert changed(objective, {"mask": MASK}, {"autoencoder": model}, tmp_path) == {"autoencoder"}
