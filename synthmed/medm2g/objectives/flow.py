"""The stage that trains one modality's flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from synthmed.diffusion.process import Process
from synthmed.medm2g.losses.barlow_twins import barlow_twins
from synthmed.medm2g.objectives.conditions import choose_condition
from synthmed.medm2g.objectives.noised import check_parametrisation, noised
from synthmed.medm2g.objectives.subsets import draw_given
from synthmed.models.flow import LatentFlow
from synthmed.training.distributed import gather


@dataclass(frozen=True)
class Invariant:
    """The visual invariant (equation 4 of MedM2G) of image encoders that the diffusion loss trains.

    Attributes:
        projectors: `Projector` from the encoder's width, by the encoder's name; thrown away afterwards.
        weight: of the sum of the invariants.
        off_diagonal: λ of Barlow Twins.
    """

    projectors: Mapping[str, nn.Module]
    weight: float = 1.0
    off_diagonal: float = 0.0051


class FlowObjective(nn.Module):
    """The diffusion loss of a flow under random parts of its prompts and of its own groups.

    Each item: a draw of its latent, a time, noise; the average of some of its conditions, or the null token; some of
    its groups given clean. Absent groups are noise, and neither they nor given ones count.

    Args:
        flow: trained.
        process: of the flow's parametrisation.
        null: (1, 1, dim), the token of no prompt.
        drop: probability of the null token.
        given_probability: see `draw_given`.
        encoders: prompt encoders that this loss alone trains (the paper's "baseline" without central alignment); by
            name, in the order of ``has``. Without, prompts come ready made.
        invariant: of some of the encoders; None for no projector, and no second view.

    Raises:
        ValueError: the flow predicts something else than the process asks for, or there is a projector of no encoder.
    """

    null: torch.Tensor

    def __init__(
        self,
        flow: LatentFlow,
        process: Process,
        null: torch.Tensor,
        drop: float = 0.1,
        given_probability: float | Sequence[float] = 0.0,
        encoders: Mapping[str, nn.Module] | None = None,
        invariant: Invariant | None = None,
    ) -> None:
        super().__init__()
        check_parametrisation(flow, process)
        self.process, self.drop, self.given_probability = process, drop, given_probability
        self.names = tuple(encoders or ())
        networks: dict[str, Any] = {f"encoder_{name}": encoder for name, encoder in (encoders or {}).items()}
        self.invariant_weight, self.off_diagonal = 0.0, 0.0
        self.viewed: tuple[str, ...] = ()
        if invariant is not None:
            if unknown := sorted(set(invariant.projectors) - set(self.names)):
                raise ValueError(f"a projector of {unknown[0]}, which is none of the encoders")
            self.invariant_weight, self.off_diagonal = invariant.weight, invariant.off_diagonal
            self.viewed = tuple(invariant.projectors)
            networks |= {f"projector_{name}": projector for name, projector in invariant.projectors.items()}
        self.trained = nn.ModuleDict({"flow": flow} | networks).requires_grad_(True)
        self.register_buffer("null", null.detach().clone(), persistent=False)

    def forward(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``; with projectors its parts too, ``diffusion`` and ``invariant_<name>`` for each.

        Args:
            batch: see `noised`; ``conditions`` (B, K, 1, dim) and ``has`` (B, K) bool. With encoders, ``inputs`` by
                name in place of ``conditions``: images (B, C, H, W), or a mapping of a text encoder's tensors. For each
                projector ``view1_<name>`` and ``view2_<name>``, two augmentations of these images; items that have
                none, by ``has``, do not count.
        """
        flow: Any = self.trained["flow"]
        mean, present = batch["mean"], batch["present"]
        t = self.process.draw_times(len(mean), generator).to(mean.device)
        given = draw_given(present, self.given_probability, generator)
        state = noised(self.process, flow, batch, t, given, generator)
        conditions = self._embedded(batch["inputs"]) if self.names else batch["conditions"]
        condition = choose_condition(conditions, batch["has"], self.null, self.drop, generator)
        diffusion = state.loss(flow, condition)
        if not self.viewed:
            return {"loss": diffusion}
        invariants = {f"invariant_{name}": self._invariant(name, batch) for name in self.viewed}
        loss = diffusion + self.invariant_weight * sum(invariants.values())
        return {"loss": loss, "diffusion": diffusion, **invariants}

    def _embedded(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        tokens = []
        for name in self.names:
            encoder: Any = self.trained[f"encoder_{name}"]
            value = inputs[name]
            tokens.append(encoder.embed(**value) if isinstance(value, Mapping) else encoder.embed(value))
        return torch.stack(tokens, dim=1)

    def _invariant(self, name: str, batch: Mapping[str, Any]) -> torch.Tensor:
        encoder, projector = self.trained[f"encoder_{name}"], self.trained[f"projector_{name}"]
        # Gathered first, as the alignment does; every process gives as many rows, those without an image too.
        counted = gather(batch["has"][:, self.names.index(name)])
        views = [gather(encoder(batch[f"{view}_{name}"]))[counted] for view in ("view1", "view2")]
        if len(views[0]) < 2:  # which have no correlation
            return views[0].sum() * 0.0
        return barlow_twins(projector(views[0]), projector(views[1]), self.off_diagonal)
