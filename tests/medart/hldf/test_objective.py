"""The training step: its two losses, and that each switch takes its part away."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from medart.hldf import tiny
from medart.hldf.solver import guided, unrolled

from synthmed.errors import UserError
from synthmed.medart.hldf.colour import ColourStep, colour_statistics
from synthmed.medart.hldf.objective import MedArtObjective
from synthmed.models.autoencoder import LightAutoencoder
from synthmed.training.objective import Stepped, set_training, trainable


def make(colour: ColourStep, **changes: Any) -> MedArtObjective:
    values: dict[str, Any] = {
        "transformer": tiny.adapted(tiny.transformer(), tiny.DIT_TARGETS),
        "text_encoder": tiny.adapted(tiny.text_encoder(), tiny.T5_TARGETS),
        "vae": tiny.vae(),
        "scheduler": tiny.scheduler(),
        "null_ids": tiny.empty()[0],
        "null_mask": tiny.empty()[1],
        "colour": colour,
    }
    return MedArtObjective(**{**values, **changes})


def batch(n: int = 3) -> dict[str, torch.Tensor]:
    ids, mask = tiny.prompts(n)
    image = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(4)) * 2 - 1
    return {"ids": ids, "mask": mask, "image": image}


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(9)


def gradients(objective: MedArtObjective, loss: torch.Tensor) -> list[torch.Tensor]:
    objective.zero_grad()
    loss.backward()
    return [value.grad.clone() for value in trainable(objective).values() if value.grad is not None]


def assert_close(one: list[torch.Tensor], other: list[torch.Tensor], relative: float = 1e-3) -> None:
    size = max(float(value.abs().max()) for value in other)
    assert size > 0
    assert max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True)) < relative * size


@pytest.mark.parametrize("adapted", ["both", "transformer", "none"])
def test_losses_and_gradients_are_the_formulas(adapted: str) -> None:
    """Written out with an unrolled solver: for both adapters, for one, and for whole networks."""
    whole = {"transformer": tiny.transformer(), "text_encoder": tiny.text_encoder()}
    frozen_text = {"text_encoder": tiny.text_encoder().requires_grad_(False)}
    changes = {"both": {}, "transformer": frozen_text, "none": whole}[adapted]
    objective = make(ColourStep(steps=5, batch=2), **changes).double()
    assert set(objective.trained) == ({"transformer"} if adapted == "transformer" else {"transformer", "text_encoder"})
    data = {**batch(), "image": batch()["image"].double()}
    losses = objective(data, generator())

    transformer, text_encoder = objective._network("transformer"), objective._network("text_encoder")
    vae: Any = objective.frozen["vae"]
    draws = generator()
    posterior = vae.encode(data["image"]).latent_dist
    z = (posterior.mean + posterior.std * torch.randn(3, 4, 4, 4, generator=draws)) * 0.18215
    noise = torch.randn(3, 4, 4, 4, generator=draws).double()
    t = torch.randint(1000, (3,), generator=draws)
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=draws)))
    fresh = torch.randn(2, 4, 4, 4, generator=own).double()
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)[t, None, None, None]
    embeds = text_encoder(data["ids"], attention_mask=data["mask"])[0]
    output = transformer(
        kept.sqrt() * z + (1 - kept).sqrt() * noise,
        encoder_hidden_states=embeds,
        encoder_attention_mask=data["mask"],
        timestep=t,
        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
    ).sample
    diffusion = ((output[:, :4] - noise) ** 2).mean()
    null = (text_encoder(objective.null_ids, attention_mask=objective.null_mask)[0], objective.null_mask)
    null = (null[0].repeat(2, 1, 1), null[1].repeat(2, 1))
    made = vae.decode(unrolled(guided(transformer, (embeds[:2], data["mask"][:2]), null), fresh, 5) / 0.18215).sample
    real = data["image"][:2]
    means = (made.mean((2, 3)) - real.mean((2, 3))) ** 2
    deviations = (made.std((2, 3)) - real.std((2, 3))) ** 2
    colour = (means + deviations).sum(1).mean()

    for name, value in {"diffusion": diffusion, "colour": colour, "loss": diffusion + colour / 5}.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-5)
    assert_close(gradients(objective, losses["loss"]), gradients(objective, diffusion + colour / 5), 1e-5)


def test_the_colour_step_is_taken_every_n_steps() -> None:
    objective = make(ColourStep(every=3, steps=2))
    assert isinstance(objective, Stepped)
    for at_start, expected in ((True, [0, 3, 6]), (False, [3, 6])):
        objective.colour = ColourStep(every=3, steps=2, at_start=at_start)
        coloured = []
        for step in range(8):
            objective.begin_step(step)
            losses = objective(batch(), generator())
            coloured += [step] if "colour" in losses else []
            assert set(losses) - {"colour"} == {"loss", "diffusion"}
        assert coloured == expected


def counted(objective: MedArtObjective, data: dict[str, torch.Tensor]) -> Counter[str]:
    """Calls of each network, forward and backward, with the rows that the text encoder saw."""
    calls: Counter[str] = Counter()
    vae: Any = objective.frozen["vae"]
    watched = {
        "transformer": objective._network("transformer"),
        "text": objective._network("text_encoder"),
        "encoder": vae.encoder,
        "decoder": vae.decoder,
        "decoder's middle": vae.decoder.mid_block if hasattr(vae.decoder, "mid_block") else vae.decoder[1],
    }

    def hook(name: str) -> Any:
        def count(module: Any, args: Any, kwargs: Any) -> None:
            calls[name] += 1
            if name == "text":
                calls["captions"] += len(kwargs["input_ids"])

        return count

    handles = [module.register_forward_pre_hook(hook(name), with_kwargs=True) for name, module in watched.items()]
    objective(data, generator())["loss"].backward()
    for handle in handles:
        handle.remove()
    return calls


NORMAL = {"transformer": 1, "text": 1, "captions": 3, "encoder": 1}


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (ColourStep(every=0), NORMAL),
        (ColourStep(at_start=False), NORMAL),
        (ColourStep(steps=4, checkpoint=False), {"transformer": 5, "text": 2, "captions": 5, "decoder": 1}),
        (ColourStep(steps=4), {"transformer": 9, "text": 2, "captions": 5, "decoder": 1, "decoder's middle": 2}),
        (ColourStep(steps=4, batch=2), {"transformer": 9, "text": 2, "captions": 6}),
        (ColourStep(steps=4, batch=9), {"transformer": 9, "text": 2, "captions": 7}),
        (ColourStep(steps=4, calls=2), {"transformer": 17, "text": 2, "captions": 5}),
        (ColourStep(steps=4, guidance=1), {"transformer": 9, "text": 2, "captions": 4}),
        (ColourStep(steps=4, last=1), {"transformer": 6, "text": 2, "captions": 5}),
    ],
)
def test_each_switch_takes_its_calls_away(colour: ColourStep, expected: dict[str, int]) -> None:
    calls = counted(make(colour), batch())
    if expected is NORMAL:
        assert calls == NORMAL
    assert {name: calls[name] for name in expected} == expected


def test_an_autoencoder_without_checkpoints_of_its_own() -> None:
    light = {"in_channels": 3, "latent_channels": 4, "channels": [8], "unshuffle": 2, "blocks": 1}
    results = []
    for checkpoint, runs in ((False, 1), (True, 2)):
        torch.manual_seed(5)
        vae = LightAutoencoder(**light, scaling_factor=0.5, shift_factor=0.1)  # type: ignore[arg-type]
        objective = make(ColourStep(steps=3, checkpoint=checkpoint), vae=vae)
        assert counted(objective, batch())["decoder's middle"] == runs
        results.append(gradients(objective, objective(batch(), generator())["loss"]))
    assert_close(*results, relative=1e-6)


@pytest.mark.parametrize("changes", [{"calls": 2}, {"checkpoint": False}, {"calls": 2, "checkpoint": False}])
def test_neither_calls_nor_checkpoints_change_the_gradient(changes: dict[str, Any]) -> None:
    """With dropout in T5, whose masks are the same in the second run of a network."""
    results = []
    for colour in (ColourStep(steps=4), ColourStep(steps=4, **changes)):
        text = tiny.adapted(tiny.text_encoder(dropout=0.2), tiny.T5_TARGETS)
        objective = make(colour, text_encoder=text)
        set_training(objective)
        assert text.training
        assert not objective.frozen["vae"].training
        torch.manual_seed(6)
        results.append(gradients(objective, objective(batch(), generator())["loss"]))
    assert_close(*results)


def test_what_a_cache_holds_takes_the_images_place() -> None:
    objective, data = make(ColourStep(steps=2)), batch()
    expected = objective(data, generator())["loss"]
    vae: Any = objective.frozen["vae"]
    cached = {
        "ids": data["ids"],
        "mask": data["mask"],
        "posterior": vae.encode(data["image"]).latent_dist.parameters.detach(),
        "colours": colour_statistics(data["image"]),
    }
    assert torch.equal(objective(cached, generator())["loss"], expected)
    assert counted(objective, cached)["encoder"] == 0


def test_captions_are_dropped_only_if_that_is_asked() -> None:
    never, always, data = make(ColourStep(every=0)), make(ColourStep(every=0), drop=1.0), batch()
    empty_ids, empty_mask = tiny.empty()
    nothing = {**data, "ids": empty_ids.repeat(3, 1), "mask": empty_mask.repeat(3, 1)}
    dropped = always(data, generator())["loss"]
    assert torch.equal(dropped, always(nothing, generator())["loss"])
    assert torch.allclose(dropped, never(nothing, generator())["loss"])
    assert not torch.allclose(dropped, never(data, generator())["loss"], rtol=1e-4)


def test_the_diffusion_losses_of_all_parts_do_not_depend_on_the_colour_step() -> None:
    """The parts of a step (``accumulate``) draw from one generator."""
    losses = []
    for colour in (ColourStep(every=0), ColourStep(steps=2)):
        objective, draws = make(colour), generator()
        losses.append(torch.stack([objective(batch(), draws)["diffusion"] for _ in range(2)]))
    assert torch.equal(*losses)
    assert losses[0][0] != losses[0][1]


def test_only_adapters_are_trained() -> None:
    names = trainable(make(ColourStep()))
    assert {name.split(".")[0] for name in names} == {"transformer", "text_encoder"}
    assert all("lora_" in name for name in names)


def test_another_prediction_is_refused() -> None:
    with pytest.raises(UserError, match="prediction_type is v_prediction"):
        make(ColourStep(), scheduler=DPMSolverMultistepScheduler(prediction_type="v_prediction"))
