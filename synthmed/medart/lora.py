"""Low-rank adapters (Hu et al., 2106.09685) on Med-Art's transformer and text encoder, through peft."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

import pydantic
import torch
from diffusers import PixArtTransformer2DModel
from peft import LoraConfig, PeftModel, get_base_model_state_dict, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from torch import nn
from transformers import T5EncoderModel

from synthmed.errors import UserError

TRANSFORMER_TARGETS = (
    "to_q",
    "to_k",
    "to_v",
    "to_out.0",
    "proj_out",
    "ff.net.0.proj",
    "ff.net.2",
    "proj",
    "linear",
    "linear_1",
    "linear_2",
)
"""The paper's, without ``proj_in``, a name that PixArt does not have: 6,882,688 parameters on PixArt-XL-2 at rank 8."""
TEXT_ENCODER_TARGETS = ("q", "k", "v", "o", "wo")
"""The paper's, without ``wi``, which T5 v1.1's gated layers call wi_0 and wi_1: 9,043,968 on T5-XXL at rank 8."""
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class LoraSpec(pydantic.BaseModel):
    """W + (alpha / rank) B A, with B = 0 at the start.

    Attributes:
        rank: of B A.
        alpha: see above.
        targets: names of modules, or ends of their paths; None for the paper's of the network.
        dora: whether the length of W's rows is a parameter of its own (DoRA, 2402.09353).
        init: A ~ N(0, 1 / rank²) as the paper has it, or ``kaiming``, uniform.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rank: pydantic.PositiveInt = 8
    alpha: pydantic.PositiveFloat = 8
    targets: tuple[str, ...] | None = None
    dora: bool = False
    init: Literal["gaussian", "kaiming"] = "gaussian"

    def targets_of(self, module: nn.Module) -> tuple[str, ...]:
        """The targets, the paper's where none is named.

        Raises:
            UserError: none is named, and the paper has none of such a network.
        """
        if self.targets is not None:
            return self.targets
        if isinstance(module, PixArtTransformer2DModel):
            return TRANSFORMER_TARGETS
        if isinstance(module, T5EncoderModel):
            return TEXT_ENCODER_TARGETS
        raise UserError(f"lora: name the targets of a {type(module).__name__}; the paper has none")


def add_adapter(module: nn.Module, spec: LoraSpec, seed: int = 0) -> PeftModel:
    """The module with a new adapter; its own weights are frozen. The module is changed in place.

    Args:
        seed: of A.

    Raises:
        UserError: a target that the module does not have.
    """
    targets = spec.targets_of(module)
    names = [name for name, _ in module.named_modules()]
    for target in targets:
        if not any(_ends(name, target) for name in names):
            raise UserError(f"lora.targets: {target!r} is no module of a {type(module).__name__}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _adapted(module, spec, targets)


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write ``adapter_config.json`` and ``adapter_model.safetensors`` as peft does, without its empty model card.

    No path of this machine is written, which peft would take from the base.
    """
    config = model.peft_config["default"]
    config.base_model_name_or_path = ""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    # peft writes a set in the order that this process happens to have; models are to be equal to the byte.
    file = folder / CONFIG
    stored = json.loads(file.read_text(encoding="utf-8"))
    stored["target_modules"] = sorted(stored["target_modules"])
    file.write_text(f"{json.dumps(stored, indent=2, sort_keys=True)}\n", encoding="utf-8")


def load_adapter(module: nn.Module, folder: Path, *, trainable: bool = False) -> PeftModel:
    """The module with the adapter of a folder that peft wrote; the module is changed in place.

    Raises:
        UserError: a file is missing or damaged, does not fit the module, or is no LoRA or DoRA. No pickle is read.
    """
    spec = read_spec(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
        # Before peft makes room for what a stranger's config claims.
        if _claimed(module, spec) > sum(tensor.numel() for tensor in tensors.values()):
            raise ValueError(f"the weights do not fit: fewer than rank {spec.rank} has on the targets of {CONFIG}")
        # It is asked for what it leaves as it was, and not told what it does not know.
        model = _adapted(module, spec, spec.targets or ())
        found: Any = set_peft_model_state_dict(model, tensors)
        missing = [name for name in found.missing_keys if "lora_" in name]
        if wrong := [*missing, *found.unexpected_keys]:
            raise ValueError(f"the weights do not fit the module: {wrong[0]}, and {len(wrong) - 1} more")
    except Exception as error:  # whatever peft and safetensors make of a stranger's folder
        raise UserError(f"{folder}: not an adapter of the model: {' '.join(str(error).split())[:300]}") from None
    for parameter in adapter_parameters(model):
        parameter.requires_grad_(trainable)
    return model


def adapter_parameters(model: PeftModel) -> Iterator[nn.Parameter]:
    """What an adapter adds to its module."""
    return (parameter for name, parameter in model.named_parameters() if "lora_" in name)


def without_adapter(module: nn.Module, dtype: torch.dtype | None = None) -> Any:
    """The module as it was before an adapter; its tensors are shared where ``dtype`` is theirs.

    Only to be saved: what is not saved, such as buffers, it has not.
    """
    if isinstance(module, PeftModel):
        base: Any = module.get_base_model()
        state = get_base_model_state_dict(module)
    else:
        base, state = module, module.state_dict()
    with torch.device("meta"):
        bare = base.from_config(base.config) if hasattr(base, "from_config") else type(base)(base.config)
    bare.load_state_dict(state, assign=True)
    if hasattr(bare, "tie_weights"):  # T5 has its embedding under two names
        bare.tie_weights()
    return bare if dtype is None else nn.Module.to(bare, dtype)  # diffusers' own ``to`` warns of nothing


def read_spec(folder: Path) -> LoraSpec:
    """What adapter a folder of peft's holds.

    Raises:
        UserError: the file is missing or damaged, or is not plain LoRA or DoRA of linear layers.
    """
    file = folder / CONFIG
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise UserError(f"{file}: over {_MOST_BYTES} bytes; this is not an adapter's config")
        stored = json.loads(file.read_text(encoding="utf-8"))
        plain = LoraConfig().to_dict()
        for name, value in stored.items():
            if name not in _READ | _WITHOUT_EFFECT and value != plain.get(name) and value:
                raise UserError(f"{file}: {name} is {value!r}; only plain LoRA and DoRA are read")
        if stored.get("peft_type") != "LORA":
            raise UserError(f"{file}: peft_type is {stored.get('peft_type')!r}; only LORA is read")
        if stored.get("init_lora_weights", True) not in (True, False, "gaussian"):  # others change the base
            raise UserError(f"{file}: init_lora_weights is {stored['init_lora_weights']!r}; only plain LoRA is read")
        targets = stored["target_modules"]
        return LoraSpec(
            rank=stored["r"],
            alpha=stored["lora_alpha"],
            targets=tuple(sorted(targets)) if isinstance(targets, list) else targets,
            dora=stored.get("use_dora", False),
            init="gaussian" if stored.get("init_lora_weights") == "gaussian" else "kaiming",
        )
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: not an adapter's config: {' '.join(str(error).split())[:200]}") from None


_MOST_BYTES = 2**20
_READ = {"peft_type", "r", "lora_alpha", "target_modules", "use_dora", "init_lora_weights"}
_WITHOUT_EFFECT = {
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "lora_dropout",
    "peft_version",
    "revision",
    "task_type",
}


def _ends(name: str, target: str) -> bool:
    """peft's rule for a list of targets."""
    return name == target or name.endswith(f".{target}")


def _claimed(module: nn.Module, spec: LoraSpec) -> int:
    """Weights of A and B on all targets of the module."""
    named = ((name, getattr(part, "weight", None)) for name, part in module.named_modules())
    weights = [
        weight
        for name, weight in named
        if isinstance(weight, torch.Tensor) and any(_ends(name, target) for target in spec.targets or ())
    ]
    return sum(spec.rank * (len(weight) + weight[0].numel()) for weight in weights)


def _adapted(module: nn.Module, spec: LoraSpec, targets: tuple[str, ...]) -> PeftModel:
    alpha: Any = spec.alpha  # a fraction, which peft's annotation leaves out
    config = LoraConfig(
        r=spec.rank,
        lora_alpha=alpha,
        target_modules=list(targets),
        use_dora=spec.dora,
        init_lora_weights="gaussian" if spec.init == "gaussian" else True,
    )
    base: Any = module  # any module is as good as a PreTrainedModel
    adapted: Any = get_peft_model(base, config)
    return cast(PeftModel, adapted)
