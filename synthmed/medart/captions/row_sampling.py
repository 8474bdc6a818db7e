"""Random sampling of a batch of texts in which each row's text is a function of its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn; the defaults are Med-Art's.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token always.
        top_k: only so many of the likeliest; 0 is all.
        top_p: of those, the likeliest that together have this probability; 1 is all.
        max_new_tokens: where a text is broken off.
    """

    temperature: float = 0.8
    top_k: int = 50
    top_p: float = 0.9
    max_new_tokens: int = 150


def row_sampling(sampling: Sampling, seeds: Sequence[int]) -> LogitsProcessorList:
    """What makes a greedy ``generate`` sample: transformers' own filters, then `RowNoise`.

    transformers' ``do_sample`` draws all rows from one stream, so a row's text would depend on its neighbours.
    """
    if sampling.temperature == 0:
        return LogitsProcessorList()
    filters = LogitsProcessorList([TemperatureLogitsWarper(float(sampling.temperature))])
    if sampling.top_k:
        filters.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        filters.append(TopPLogitsWarper(float(sampling.top_p)))
    filters.append(RowNoise(seeds))
    return filters


class RowNoise:
    """Adds Gumbel noise of each row's own generator, so that the largest score is a draw from their softmax.

    argmax_i (s_i - ln E_i) with E_i ~ Exp(1) is distributed as softmax(s) (the Gumbel-max trick: Gumbel 1954; Maddison,
    Tarlow and Minka, A* Sampling, 2014, section 2). Filtered tokens, -inf, stay -inf. The noise is made on the CPU, the
    same for every device.

    Args:
        seeds: of each row, 0 to 2^63 - 1.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores (B, V) with noise, float32."""
        rows = [torch.empty(scores.shape[-1]).exponential_(generator=generator) for generator in self._generators]
        return scores.float() - torch.stack(rows).log().to(scores.device)
