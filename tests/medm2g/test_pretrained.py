"""``paper``: its published counts, and tiny folders in the originals' formats loaded into its kinds of network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.pipelines.deprecated.versatile_diffusion.modeling_text_unet import UNetFlatConditionModel
from helpers.hub import Hub, cached, served
from huggingface_hub import constants
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModelWithProjection, GPT2Config, GPT2LMHeadModel

from synthmed.errors import UserError
from synthmed.medm2g.parts import build_parts
from synthmed.medm2g.pretrained import start_from
from synthmed.medm2g.sizes import make_config, projector_widths
from synthmed.models.autoencoder import LightAutoencoder
from synthmed.models.clip_encoders import ClipTextPromptEncoder
from synthmed.models.flow import LatentFlow
from synthmed.models.projector import Projector
from synthmed.models.text_vae import Optimus

UNET: dict[str, Any] = {
    "sample_size": 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "cross_attention_dim": 16,
    "attention_head_dim": 2,
}
TOKEN = torch.nn.functional.normalize(torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
TIMES = torch.tensor([5, 800])


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_papers_counts() -> None:
    """Without masks: Stable Diffusion 1.5's UNet, its autoencoder, Versatile Diffusion's text UNet; on no memory."""
    pairs = [("text", "xray"), ("text", "ct"), ("ct", "mri")]
    with torch.device("meta"):
        config = make_config(
            "paper", ["xray", "ct", "mri"], image_size=512, vocabulary=1, guides=pairs, share_autoencoder=False
        )
        parts = build_parts(config)
        projector = Projector(projector_widths("paper"))
    assert {count(parts[f"flow_{name}"]) for name in ("xray", "ct", "mri")} == {859_520_964}
    assert count(parts["flow_text"]) == 1_708_848_448
    # 83,653,863 with RGB; grey takes 2 x 3 x 3 x 128 off the first layer, as many and 2 biases off the last.
    assert count(parts["autoencoder_ct"]) == 83_653_863 - 2 * 2 * 9 * 128 - 2
    assert count(projector) == pytest.approx(13.7e6, rel=0.03)
    assert config.flow("xray").groups[0].channels == 4
    assert config.flow("text").groups[0].channels == 768


def test_the_papers_image_tower_takes_as_many_channels_as_there_are_contrasts() -> None:
    with torch.device("meta"):
        config = make_config("paper", ["xray", "mri", "mri.t2"], image_size=512, vocabulary=1)
        parts: Any = build_parts(config, only=["encoder_xray", "encoder_mri"])
    assert parts["encoder_xray"].clip.config.num_channels == 3  # one channel is repeated
    assert parts["encoder_mri"].clip.config.num_channels == 2


def test_stable_diffusions_unet_starts_a_flow(tmp_path: Path) -> None:
    published = UNet2DConditionModel(**UNET).eval()
    published.save_pretrained(tmp_path / "unet")
    plain: Any = LatentFlow({"class": "UNet2DConditionModel", **UNET}, [4]).eval()
    start_from(plain, tmp_path, "flow_ct")
    z = torch.randn(2, 4, 8, 8)
    assert torch.equal(plain.denoise(z, TIMES, TOKEN), published(z, TIMES, TOKEN * 4).sample)
    more = {"class": "UNet2DConditionModel", **UNET, "in_channels": 4 + 2 + 2, "out_channels": 6}
    masked: Any = LatentFlow(more, [4, 2]).eval()
    start_from(masked, tmp_path, "flow_ct")
    wide = torch.cat([z, torch.randn(2, 2, 8, 8)], dim=1)
    torch.testing.assert_close(masked.denoise(wide, TIMES, TOKEN)[:, :4], published(z, TIMES, TOKEN * 4).sample)


def test_a_repository_of_the_hub_starts_a_flow_with_the_files_of_the_part_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = UNet2DConditionModel(**UNET)
    published.save_pretrained(tmp_path / "sd/unet")
    weights = "unet/diffusion_pytorch_model"
    for name in (f"{weights}.fp16.safetensors", f"{weights}.bin", "vae/config.json"):
        (tmp_path / "sd" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "sd" / name).write_text("not to be fetched")
    flow: Any = LatentFlow({"class": "UNet2DConditionModel", **UNET}, [4])
    with served(Hub(tmp_path / "sd", "lab/stable")) as hub:
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        url = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
        start_from(flow, Path("lab/stable"), "flow_ct")
        assert sorted(hub.fetched) == ["unet/config.json", "unet/diffusion_pytorch_model.safetensors"]
        with pytest.raises(UserError, match=r"model\.pretrained\.flow_ct: lab/none: no such folder here"):
            start_from(flow, Path("lab/none"), "model.pretrained.flow_ct")
    for name, value in published.state_dict().items():
        assert torch.equal(flow.network.state_dict()[name], value)


def test_its_autoencoder_reads_grey_as_rgb(tmp_path: Path) -> None:
    shape: dict[str, Any] = {"block_out_channels": [8, 8], "layers_per_block": 1, "norm_num_groups": 4}
    shape |= {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    published = AutoencoderKL(in_channels=3, out_channels=3, **shape).eval()
    published.save_pretrained(tmp_path / "vae")
    grey = AutoencoderKL(in_channels=1, out_channels=1, **shape).eval()
    start_from(grey, tmp_path, "autoencoder_grey")
    image = torch.rand(2, 1, 16, 16) * 2 - 1
    with torch.no_grad():
        theirs = published.encode(image.expand(-1, 3, -1, -1)).latent_dist.mean
        torch.testing.assert_close(grey.encode(image).latent_dist.mean, theirs)
        torch.testing.assert_close(grey.decode(theirs).sample, published.decode(theirs).sample.mean(1, keepdim=True))


def test_versatile_diffusions_text_unet_starts_the_text_flow(tmp_path: Path) -> None:
    flat: dict[str, Any] = {
        "in_channels": [12, 1, 1],
        "out_channels": [12, 1, 1],
        "block_out_channels": [8, 16],
        "down_block_types": ["CrossAttnDownBlockFlat", "DownBlockFlat"],
        "up_block_types": ["UpBlockFlat", "CrossAttnUpBlockFlat"],
        "layers_per_block": 1,
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    published = UNetFlatConditionModel(**flat).eval()
    published.save_pretrained(tmp_path / "text_unet")
    ours = {"class": "FlatUNet", "latent_dim": 12, "channels": [8, 16], "layers_per_block": 1, "heads": 2}
    ours |= {"cross_attention_dim": 16, "attention_levels": [0], "norm_groups": 4}
    flow: Any = LatentFlow(ours, [12], spatial_dims=0).eval()
    start_from(flow, tmp_path, "flow_text")
    z = torch.randn(2, 12)
    with torch.no_grad():
        theirs = published(z[:, :, None, None], TIMES, TOKEN * 4).sample.flatten(1)
        torch.testing.assert_close(flow.denoise(z, TIMES, TOKEN), theirs, atol=1e-5, rtol=1e-4)
    other: Any = LatentFlow(ours | {"channels": [8, 32]}, [12], spatial_dims=0)
    with pytest.raises(UserError, match="channels is"):
        start_from(other, tmp_path, "flow_text")


def test_bert_and_gpt2_start_optimus(tmp_path: Path) -> None:
    bert = {
        "vocab_size": 30,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    gpt2 = {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24}
    encoder, decoder = BertModel(BertConfig(**bert)), GPT2LMHeadModel(GPT2Config(**gpt2))
    encoder.save_pretrained(tmp_path / "encoder")
    decoder.save_pretrained(tmp_path / "decoder")
    ours: Any = Optimus(bert, {**gpt2, "vocab_size": 43}, latent_dim=8)
    before = ours.gpt2.wte.weight.detach().clone()
    start_from(ours, tmp_path, "autoencoder_text")
    assert torch.equal(ours.bert.embeddings.word_embeddings.weight, encoder.embeddings.word_embeddings.weight)
    assert torch.equal(ours.gpt2.wte.weight[:40], decoder.transformer.wte.weight)
    assert torch.equal(ours.gpt2.wte.weight[40:], before[40:])
    assert torch.equal(ours.gpt2.h[1].mlp.c_fc.weight, decoder.transformer.h[1].mlp.c_fc.weight)


def test_clip_starts_a_prompt_encoder(tmp_path: Path) -> None:
    tower = {"vocab_size": 30, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    tower |= {"num_attention_heads": 2, "projection_dim": 16, "max_position_embeddings": 12, "eos_token_id": 29}
    published = CLIPTextModelWithProjection(CLIPTextConfig(**tower)).eval()
    published.save_pretrained(tmp_path)
    # Where the package `kernels` is installed, transformers would fetch that repository's code and run it.
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "attn_implementation": "stranger/kernel"}))
    ours: Any = ClipTextPromptEncoder(tower).eval()
    start_from(ours, tmp_path, "encoder_text")
    ids = torch.tensor([[1, 5, 29]])
    assert torch.equal(ours(ids), published(ids).text_embeds)


def test_a_path_that_is_not_there_is_not_looked_for_in_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers would find this one there."""
    tower = {"vocab_size": 30, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    tower |= {"num_attention_heads": 2, "projection_dim": 16, "max_position_embeddings": 12, "eos_token_id": 29}
    CLIPTextModelWithProjection(CLIPTextConfig(**tower)).save_pretrained(tmp_path / "clip")
    cached(tmp_path / "clip", tmp_path / "cache")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    ours: Any = ClipTextPromptEncoder(tower).eval()
    with pytest.raises(UserError, match="encoder_text: lab/tiny: no such folder"):
        start_from(ours, "lab/tiny", "encoder_text")


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    flow: Any = LatentFlow({"class": "UNet2DConditionModel", **UNET}, [4])
    with pytest.raises(UserError, match="flow_ct"):
        start_from(flow, tmp_path / "nowhere", "flow_ct")
    with pytest.raises(UserError, match="nothing published starts a LightAutoencoder"):
        start_from(LightAutoencoder(), tmp_path, "autoencoder_grey")
    UNet2DConditionModel(**UNET | {"block_out_channels": [8, 24]}).save_pretrained(tmp_path / "unet")
    with pytest.raises(UserError, match=r"flow_ct: .*size mismatch"):
        start_from(flow, tmp_path, "flow_ct")
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(flow.network.state_dict(), tmp_path / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(UserError, match="flow_ct"):
        start_from(flow, tmp_path, "flow_ct")
