"""The stages that train the autoencoders of images and of label maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from monai.losses import DiceCELoss
from monai.networks.utils import one_hot
from torch import nn

from synthmed.autoencoding.adversarial import Adversary
from synthmed.autoencoding.kl import gaussian_kl
from synthmed.training.noise import normal_like


class AutoencoderObjective(nn.Module):
    """L1 + perceptual distance + KL, and a patch discriminator's verdict if there is one (Rombach et al., CVPR 2022).

    L1 is a mean over pixels and KL a sum over an image's latent, as in MONAI's tutorials, whose weights these are.

    Args:
        autoencoder: `LightAutoencoder` or diffusers' `AutoencoderKL`; trained.
        kl_weight: of the KL.
        perceptual: `PerceptualDistance` or another of (reconstruction, image); never trained. None for none.
        perceptual_weight: of it.
        adversarial: MONAI's `PatchDiscriminator`, trained beside; None for none.
        adversarial_weight: of both sides' terms.
    """

    def __init__(
        self,
        autoencoder: nn.Module,
        kl_weight: float = 1e-6,
        perceptual: nn.Module | None = None,
        perceptual_weight: float = 0.1,
        adversarial: nn.Module | None = None,
        adversarial_weight: float = 0.01,
    ) -> None:
        super().__init__()
        self.kl_weight, self.perceptual_weight = kl_weight, perceptual_weight
        self.adversarial_weight = adversarial_weight
        self.trained = nn.ModuleDict({"autoencoder": autoencoder})
        self.adversary: Adversary | None = None
        if adversarial is not None:
            self.trained["discriminator"] = adversarial
            self.adversary = Adversary(adversarial)
        self.trained.requires_grad_(True)
        self.perceptual = None if perceptual is None else perceptual.requires_grad_(False).eval()

    def forward(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``, ``l1`` and ``kl``; ``perceptual``, ``generator`` and ``discriminator`` where there are such.

        Args:
            batch: ``image`` (B, C, H, W) in [-1, 1].
        """
        image = batch["image"]
        reconstruction, kl = reconstruct(self.trained["autoencoder"], image, generator)
        losses = {"l1": F.l1_loss(reconstruction, image), "kl": kl}
        loss = losses["l1"] + self.kl_weight * kl
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual(reconstruction, image)
            loss = loss + self.perceptual_weight * losses["perceptual"]
        if self.adversary is not None:
            losses["generator"] = self.adversary.generator_loss(reconstruction)
            losses["discriminator"] = self.adversary.discriminator_loss(reconstruction, image)
            loss = loss + self.adversarial_weight * (losses["generator"] + losses["discriminator"])
        return {"loss": loss, **losses}


class MaskObjective(nn.Module):
    """Dice + cross-entropy (MONAI's `DiceCELoss`) of an autoencoder's logits, and KL.

    Dice is taken over the whole batch: that of a label which an image lacks would hang on the smoothing term alone.

    Args:
        autoencoder: of ``classes`` channels; trained.
        classes: labels, the background 0 among them; at least 2.
        kl_weight: of the KL, summed over a map's latent.
    """

    def __init__(self, autoencoder: nn.Module, classes: int, kl_weight: float = 1e-6) -> None:
        super().__init__()
        self.classes, self.kl_weight = classes, kl_weight
        self.trained = nn.ModuleDict({"autoencoder": autoencoder}).requires_grad_(True)
        self.dice_ce = DiceCELoss(softmax=True, to_onehot_y=True, batch=True)

    def forward(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``, ``dice_ce`` and ``kl``.

        Args:
            batch: ``mask`` (B, 1, H, W), values 0 to ``classes`` - 1.
        """
        mask = batch["mask"]
        logits, kl = reconstruct(self.trained["autoencoder"], mask_planes(mask, self.classes), generator)
        dice_ce = self.dice_ce(logits, mask)
        return {"loss": dice_ce + self.kl_weight * kl, "dice_ce": dice_ce, "kl": kl}


def mask_planes(mask: torch.Tensor, classes: int) -> torch.Tensor:
    """A label map (B, 1, H, W) as the autoencoder takes it: (B, classes, H, W), 1 where it is and -1 elsewhere."""
    planes: torch.Tensor = 2 * one_hot(mask, classes) - 1
    return planes


def reconstruct(autoencoder: Any, image: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The decoded draw from the posterior, and the KL: a sum over an image's latent, a mean over the batch."""
    posterior = autoencoder.encode(image).latent_dist
    z = posterior.mean + posterior.std * normal_like(posterior.mean, generator)
    kl = gaussian_kl(posterior.mean, posterior.logvar).flatten(1).sum(dim=1).mean()
    return autoencoder.decode(z).sample, kl
