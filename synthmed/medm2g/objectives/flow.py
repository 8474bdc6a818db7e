"""The stage that trains one modality's flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from synthmed.diffusion.process import Process
from synthmed.medm2g.objectives.conditions import choose_condition
from synthmed.medm2g.objectives.noised import check_parametrisation, noised
from synthmed.medm2g.objectives.subsets import draw_given
from synthmed.models.flow import LatentFlow


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

    Raises:
        ValueError: the flow predicts something else than the process asks for.
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
    ) -> None:
        super().__init__()
        check_parametrisation(flow, process)
        self.process, self.drop, self.given_probability = process, drop, given_probability
        self.names = tuple(encoders or ())
        networks: dict[str, Any] = {f"encoder_{name}": encoder for name, encoder in (encoders or {}).items()}
        self.trained = nn.ModuleDict({"flow": flow} | networks).requires_grad_(True)
        self.register_buffer("null", null.detach().clone(), persistent=False)

    def forward(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """``loss``.

        Args:
            batch: see `noised`; ``conditions`` (B, K, 1, dim) and ``has`` (B, K) bool. With encoders, ``inputs`` by
                name in place of ``conditions``: images (B, C, H, W), or a mapping of a text encoder's tensors.
        """
        flow: Any = self.trained["flow"]
        mean, present = batch["mean"], batch["present"]
        t = self.process.draw_times(len(mean), generator).to(mean.device)
        given = draw_given(present, self.given_probability, generator)
        state = noised(self.process, flow, batch, t, given, generator)
        conditions = self._embedded(batch["inputs"]) if self.names else batch["conditions"]
        return {"loss": state.loss(flow, choose_condition(conditions, batch["has"], self.null, self.drop, generator))}

    def _embedded(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        tokens = []
        for name in self.names:
            encoder: Any = self.trained[f"encoder_{name}"]
            value = inputs[name]
            tokens.append(encoder.embed(**value) if isinstance(value, Mapping) else encoder.embed(value))
        return torch.stack(tokens, dim=1)
