"""A discriminator trained beside its generator, in one backward pass."""

from __future__ import annotations

import torch
from monai.losses import PatchAdversarialLoss
from torch import nn
from torch.func import functional_call


class Adversary:
    """The two terms of least squares of a GAN (Mao et al., ICCV 2017; MONAI's `PatchAdversarialLoss`).

    Their sum has, for the generator's parameters, the gradient of the first, and for the discriminator's that of the
    second: one optimiser trains both. Clipping the gradient's norm scales both alike.

    Args:
        discriminator: MONAI's `PatchDiscriminator`; the last of what it returns is its verdict.
    """

    def __init__(self, discriminator: nn.Module) -> None:
        # In a tuple: the one place where the discriminator is a submodule is the objective's ``trained``.
        self._discriminator = (discriminator,)
        self._loss = PatchAdversarialLoss(criterion="least_squares")

    def generator_loss(self, fake: torch.Tensor) -> torch.Tensor:
        """How little ``fake`` (B, C, H, W) is taken for real; moves nothing of the discriminator."""
        (network,) = self._discriminator
        constants = {name: value.detach() for name, value in network.named_parameters()}
        # Copies: the batch statistics are the discriminator's own term's to move.
        copies = {name: value.clone() for name, value in network.named_buffers()}
        verdict = functional_call(network, {**constants, **copies}, (fake,))[-1]
        loss: torch.Tensor = self._loss(verdict, target_is_real=True, for_discriminator=False)
        return loss

    def discriminator_loss(self, fake: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """How badly the discriminator tells the two apart: the mean of its errors on either."""
        (network,) = self._discriminator
        on_fake = self._loss(network(fake.detach())[-1], target_is_real=False, for_discriminator=True)
        on_real = self._loss(network(real)[-1], target_is_real=True, for_discriminator=True)
        loss: torch.Tensor = (on_fake + on_real) / 2
        return loss
