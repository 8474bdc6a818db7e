"""Units, grey images in an RGB autoencoder, and the scaling of latents."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL

from synthmed.medart.config import Config
from synthmed.medart.latents import decode, latent_shape, scaled, set_scaling, unscaled
from synthmed.medart.values import from_network, to_network
from synthmed.models.autoencoder import LightAutoencoder


@pytest.mark.parametrize(
    ("entries", "image"),
    [
        ({"image": "photo"}, torch.rand(2, 3, 4, 5)),
        ({"image": "xray"}, torch.rand(2, 1, 4, 5)),
        ({"image": "ct", "window": (-1000, 400)}, torch.rand(2, 1, 4, 5) * 1400 - 1000),
    ],
)
def test_units_come_back(entries: dict[str, object], image: torch.Tensor) -> None:
    config = Config(pixels=(16, 16), **entries)
    seen = to_network(config, image)
    assert seen.shape == (2, 3, 4, 5)
    assert -1 <= float(seen.min()) < -0.5 < 0.5 < float(seen.max()) <= 1
    torch.testing.assert_close(from_network(config, seen), image, atol=1e-3, rtol=1e-5)


def test_grey_is_the_mean_of_what_an_rgb_autoencoder_gives_and_ends_in_range() -> None:
    config = Config(pixels=(16, 16), image="xray")
    colours = torch.tensor([-1.0, 0.0, 0.4]).reshape(1, 3, 1, 1)
    assert float(from_network(config, colours)) == pytest.approx(0.4)
    assert float(from_network(config, torch.full((1, 3, 1, 1), 7.0))) == 1.0


@pytest.mark.parametrize("kind", ["light", "kl"])
def test_scaled_latents_have_mean_0_and_deviation_1_and_come_back(kind: str) -> None:
    vae = LightAutoencoder(3, latent_channels=4, channels=[8, 8], blocks=1) if kind == "light" else AutoencoderKL()
    z = torch.randn(50, 4, 3, 3) * 2.5 + 3
    set_scaling(vae, float(z.mean()), 1 / float(z.std()))
    seen = scaled(vae, z)
    assert float(seen.mean()) == pytest.approx(0, abs=1e-5)
    assert float(seen.std()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(unscaled(vae, seen), z)
    assert latent_shape(vae, (64, 32)) == ((4, 8, 4) if kind == "light" else (4, 64, 32))
    few = torch.randn(1, 4, 8, 4) * 2.5 + 3
    torch.testing.assert_close(decode(vae, scaled(vae, few)), vae.decode(few).sample, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match=r"multiples of"):
        latent_shape(LightAutoencoder(3, channels=[8, 8], blocks=1), (20, 32))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"image": "ct"}, "needs a window"),
        ({"image": "photo.mask"}, "one image"),
        ({"image": "mri.t1"}, "one image"),
        ({"image": "hologram"}, "hologram"),
        ({"window": (400, -1000)}, "low is below high"),
        ({"window": (0, 400)}, "is not in HU"),
        ({"spacing": (1, -1)}, "spacing"),
        ({"pixels": (10**9, 16)}, "pixels"),
        ({"sampler": {"guidance": 0.5}}, "guidance"),
        ({"sampler": {"steps": 1001}}, "steps"),
        ({"scheduler": {"beta_end": 2.0}}, "beta_end"),
        ({"lora": {"vae": {}}}, "vae"),
        ({"scheduler": {"prediction_type": "v_prediction"}}, "prediction_type"),
    ],
)
def test_a_config_that_cannot_be_is_refused(entries: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**({"pixels": (16, 16)} | entries))
