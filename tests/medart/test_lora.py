"""Adapters: what they are, that peft reads them, and that a stranger's cannot do more than adapt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import T5Config, T5EncoderModel

from synthmed.errors import UserError
from synthmed.medart.lora import (
    LoraSpec,
    adapter_parameters,
    add_adapter,
    load_adapter,
    read_spec,
    save_adapter,
    without_adapter,
)

IDS = torch.tensor([[5, 9, 3, 1]])


def encoder() -> T5EncoderModel:
    torch.manual_seed(3)
    config = T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2, dropout_rate=0.0)
    return T5EncoderModel(config).eval()


def trained(spec: LoraSpec) -> PeftModel:
    model = add_adapter(encoder(), spec)
    with torch.no_grad():
        for parameter in adapter_parameters(model):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)))
    return model


def states(module: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        output: torch.Tensor = module(input_ids=IDS)[0]
    return output


def test_an_adapted_layer_is_w_plus_scaled_b_a() -> None:
    model = trained(LoraSpec(rank=4, alpha=6))
    layer = model.get_base_model().encoder.block[0].layer[0].SelfAttention.q
    x = torch.randn(2, 8)
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = x @ (layer.base_layer.weight + 6 / 4 * b @ a).T
    torch.testing.assert_close(layer(x), expected)


def test_a_new_adapter_is_the_identity_and_alone_is_trained() -> None:
    plain = states(encoder())
    model = add_adapter(encoder(), LoraSpec())
    assert torch.equal(states(model), plain)
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trainable
    assert all("lora_" in name for name in trainable)
    gaussian, again, other = (add_adapter(encoder(), LoraSpec(), seed).state_dict() for seed in (0, 0, 1))
    name = next(name for name in gaussian if "lora_A" in name)
    assert torch.equal(gaussian[name], again[name])
    assert not torch.equal(gaussian[name], other[name])


def test_the_first_draw_has_the_papers_deviation() -> None:
    wide = add_adapter(nn.Sequential(nn.Linear(4000, 4)), LoraSpec(targets=("0",)))
    kaiming = add_adapter(nn.Sequential(nn.Linear(4000, 4)), LoraSpec(targets=("0",), init="kaiming"))
    (a,), (uniform,) = ([p for n, p in m.named_parameters() if "lora_A" in n] for m in (wide, kaiming))
    assert float(a.std()) == pytest.approx(1 / 8, rel=0.02)
    assert float(uniform.abs().max()) == pytest.approx(1 / 4000**0.5, rel=0.02)


@pytest.mark.parametrize("spec", [LoraSpec(), LoraSpec(dora=True), LoraSpec(rank=2, alpha=5, targets=("q", "wo"))])
def test_what_is_saved_is_read_back_here_and_by_peft(spec: LoraSpec, tmp_path: Path) -> None:
    model = trained(spec)
    assert not torch.allclose(states(model), states(encoder()), atol=1e-2)
    save_adapter(model, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    loaded = load_adapter(encoder(), tmp_path)
    assert torch.equal(states(loaded), states(model))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    by_peft = PeftModel.from_pretrained(encoder(), str(tmp_path))
    assert torch.equal(states(by_peft), states(model))
    found = read_spec(tmp_path)
    assert (found.rank, found.alpha, found.dora) == (spec.rank, spec.alpha, spec.dora)
    assert any(parameter.requires_grad for parameter in load_adapter(encoder(), tmp_path, trainable=True).parameters())


def test_without_its_adapter_a_module_is_what_it_was(tmp_path: Path) -> None:
    bare = without_adapter(trained(LoraSpec(dora=True)))
    for name, value in encoder().state_dict().items():
        assert torch.equal(bare.state_dict()[name], value)
    assert {tensor.dtype for tensor in without_adapter(encoder(), torch.float16).state_dict().values()} == {
        torch.float16
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "only LORA is read"),
        ({"modules_to_save": ["shared"]}, "modules_to_save is"),
        ({"init_lora_weights": "olora"}, "init_lora_weights is 'olora'"),
        ({"use_rslora": True}, "use_rslora is True"),
        ({"target_modules": ".*"}, "not an adapter's config"),
        ({"r": 4}, "not an adapter of the model"),
        ({"r": -1}, "not an adapter's config"),
        ({"target_modules": ["q", "k", "v"]}, "not an adapter of the model"),
        ({"target_modules": ["nothing"]}, "not an adapter of the model"),
    ],
)
def test_a_strangers_config_is_refused_in_one_line(tmp_path: Path, change: dict[str, object], message: str) -> None:
    save_adapter(trained(LoraSpec()), tmp_path)
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UserError, match=message) as caught:
        load_adapter(encoder(), tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_are_read_from_safetensors_alone_and_whole(tmp_path: Path) -> None:
    save_adapter(trained(LoraSpec()), tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    tensors = load_file(weights)
    first = next(iter(tensors))
    save_file({name: value for name, value in tensors.items() if name != first}, weights)
    with pytest.raises(UserError, match="the weights do not fit"):
        load_adapter(encoder(), tmp_path)
    weights.unlink()
    torch.save(tensors, tmp_path / "adapter_model.bin")  # what peft itself would go on with
    with pytest.raises(UserError, match="not an adapter of the model"):
        load_adapter(encoder(), tmp_path)
