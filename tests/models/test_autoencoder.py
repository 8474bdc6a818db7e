"""The light autoencoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL

from synthmed.models.autoencoder import LightAutoencoder


def test_shapes_and_size_are_those_of_the_measured_design() -> None:
    model = LightAutoencoder()
    assert model.downsampling == 8
    assert 1.6e6 < sum(parameter.numel() for parameter in model.parameters()) < 1.8e6
    posterior = model.encode(torch.zeros(2, 1, 128, 72)).latent_dist
    assert posterior.mean.shape == posterior.logvar.shape == (2, 8, 16, 9)
    assert model.decode(posterior.mode()).sample.shape == (2, 1, 128, 72)


def test_the_methods_are_those_of_autoencoder_kl() -> None:
    """The same calls on both give the same kinds of results."""
    kl = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8,) * 4,
        norm_num_groups=4,
    )
    light = LightAutoencoder(latent_channels=4, channels=(16, 16), blocks=1)
    x = torch.randn(1, 1, 32, 16)
    for model in (kl, light):
        posterior = model.encode(x).latent_dist
        (same,) = model.encode(x, return_dict=False)
        assert torch.equal(posterior.mean, same.mean)
        drawn = posterior.sample(torch.Generator().manual_seed(0))
        assert drawn.shape == (1, 4, 4, 2)
        (image,) = model.decode(drawn, return_dict=False, generator=None)
        assert torch.equal(image, model.decode(drawn).sample)
        assert torch.equal(model(x).sample, model.decode(posterior.mode()).sample)
        sampled = model(x, sample_posterior=True, generator=torch.Generator().manual_seed(0)).sample
        assert torch.equal(sampled, image)
        assert posterior.kl().shape == (1,)


def test_label_maps_have_their_own_channels() -> None:
    model = LightAutoencoder(in_channels=5, latent_channels=4, channels=(16, 32), blocks=1)
    assert model.decode(model.encode(torch.zeros(1, 5, 16, 24)).latent_dist.mode()).sample.shape == (1, 5, 16, 24)
    other = LightAutoencoder(in_channels=3, out_channels=2, channels=(8, 8, 8), unshuffle=2, blocks=1)
    assert other.downsampling == 8
    assert other(torch.zeros(1, 3, 8, 16)).sample.shape == (1, 2, 8, 16)


@pytest.mark.parametrize("shape", [(1, 1, 12, 16), (1, 1, 16, 20)])
def test_sides_must_be_multiples(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        LightAutoencoder(channels=(8, 8), blocks=1).encode(torch.zeros(shape))


def test_a_cell_sees_its_own_pixels() -> None:
    """Unshuffle and shuffle keep places; group norms, which see the whole image, are left out."""
    torch.manual_seed(0)
    model = LightAutoencoder(channels=(16, 16), blocks=1)
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.GroupNorm):
            model.get_submodule(name.rpartition(".")[0]).register_module(name.rpartition(".")[2], torch.nn.Identity())
    x, z = torch.randn(1, 1, 128, 256), torch.randn(1, 8, 16, 32)
    marked, lit = x.clone(), z.clone()
    marked[..., 120:, :8] += 1
    lit[..., 15, 0] += 1
    latents = (model.encoder(marked) - model.encoder(x)).abs().sum(dim=(0, 1))
    pixels = (model.decode(lit).sample - model.decode(z).sample).abs()[0, 0]
    for change, cell in ((latents, 1), (pixels, 8)):
        assert change[-cell:, :cell].min() > 0
        assert change[: 8 * cell].max() == change[:, 8 * cell :].max() == 0


def test_every_parameter_learns_and_an_image_is_fitted() -> None:
    torch.manual_seed(0)
    model = LightAutoencoder(channels=(16, 32), blocks=1)
    rows = torch.linspace(-1, 1, 32)
    x = torch.stack([rows[:, None] * rows, torch.sin(6 * rows)[:, None] + 0 * rows])[:, None]
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(30):
        loss = (model(x, sample_posterior=True).sample - x).square().mean()
        loss.backward()
        if step == 0:
            assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
            first = loss.item()
        optimiser.step()
        optimiser.zero_grad()
    assert loss.item() < 0.5 * first


def test_a_folder_gives_the_same_model(tmp_path: Path) -> None:
    model = LightAutoencoder(channels=(16, 16), blocks=1, scaling_factor=0.7, shift_factor=0.1)
    model.save_pretrained(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    other = LightAutoencoder.from_pretrained(tmp_path)
    assert (other.config.scaling_factor, other.config.shift_factor, other.downsampling) == (0.7, 0.1, 8)
    x = torch.randn(1, 1, 16, 16)
    assert torch.equal(other(x).sample, model(x).sample)
