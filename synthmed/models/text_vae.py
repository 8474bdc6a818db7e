"""OPTIMUS (Li et al., EMNLP 2020): a BERT encoder and a GPT-2 decoder around one latent vector a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    DynamicCache,
    GPT2Config,
    GPT2Model,
    RobertaPreLayerNormConfig,
    RobertaPreLayerNormModel,
)

from synthmed.models.entries import plain_entries
from synthmed.models.text_posterior import TextPosterior

# The latent is added to every token. At GPT-2's own start (0.02 for all) it drowns the token and its place: a decoder
# of the phantom's reports was at 3.7 nats a token after 250 steps, with these and a rate of 3e-3 for 1e-3 at 1.6.
# Published GPT-2's table has a deviation of 0.14.
_TABLE, _TO_EMBEDDING = 0.1, 0.002


class Optimus(ModelMixin, ConfigMixin):
    """A text autoencoder with one latent vector, which enters the decoder in two ways.

    *Memory*: a linear map of the latent to layers × hidden, whose slice l is the past key and the past value of layer
    l, one position before the text. *Embedding*: a linear map of the latent that is added to every token's embedding.
    Encoder and decoder may have vocabularies of their own; texts are padded on the right.

    GPT-2's output layer is its token embedding, as in `GPT2LMHeadModel`; it is kept once.

    Published weights need BERT, whose norms stand behind attention and feed-forward, and whose latent is made of the
    first token. From scratch that learns late: after 300 steps on the phantom's reports, a linear probe of the latent
    found their labels with an AUROC of 0.76; with ``roberta-prelayernorm`` and the mean of its tokens after 100 steps
    with 0.98.

    Args:
        encoder: entries of transformers' `BertConfig`; with ``model_type: roberta-prelayernorm`` of
            `RobertaPreLayerNormConfig`, whose tokens' mean is then taken.
        decoder: entries of transformers' `GPT2Config`; ``n_positions`` counts the latent's position too.
        latent_dim: D, the size of the latent.
        scaling_factor: for the caller: flows see mean · scaling_factor. 4.3108 is CoDi's, for its own weights.
        log_variance: added to the encoder's logarithm of the variance. New networks begin with means far below 1: under
            a standard normal's noise the decoder learns its language without the latent, and never comes back to it.
    """

    @register_to_config
    def __init__(
        self,
        encoder: dict[str, Any],
        decoder: dict[str, Any],
        latent_dim: int = 768,
        scaling_factor: float = 4.3108,
        log_variance: float = 0.0,
    ) -> None:
        super().__init__()
        # Not named as the configuration's entries are: ModelMixin would answer with those.
        self.bert = _encoder(encoder)
        self.gpt2 = GPT2Model(GPT2Config.from_dict(plain_entries(decoder)))
        hidden = self.gpt2.config.n_embd
        self.to_moments = nn.Linear(self.bert.config.hidden_size, 2 * latent_dim, bias=False)
        self.to_memory = nn.Linear(latent_dim, self.gpt2.config.n_layer * hidden, bias=False)
        self.to_embedding = nn.Linear(latent_dim, hidden, bias=False)
        read = self.bert.embeddings
        for table in (self.gpt2.wte, self.gpt2.wpe, read.word_embeddings, read.position_embeddings):
            nn.init.normal_(table.weight, std=_TABLE)
        nn.init.normal_(self.to_embedding.weight, std=_TO_EMBEDDING)

    @classmethod
    def from_parts(cls, encoder_folder: str | Path, decoder_folder: str | Path, latent_dim: int = 768) -> Optimus:
        """With the weights of a BERT and of a GPT-2 folder that transformers saved; the maps of the latent are new.

        Raises:
            OSError: a folder has no ``config.json`` or no safetensors file; pickled weights are not read.
        """
        # A stranger's folder: no pickle, no code, nothing from the network; of attention's kernels, torch's own.
        safe: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "attn_implementation": "sdpa"}
        safe["dtype"] = torch.float32
        encoder = BertModel.from_pretrained(encoder_folder, **safe)
        decoder = GPT2Model.from_pretrained(decoder_folder, **safe)
        model: Optimus = cls(encoder.config.to_diff_dict(), decoder.config.to_diff_dict(), latent_dim=latent_dim)
        model.bert.load_state_dict(encoder.state_dict())
        model.gpt2.load_state_dict(decoder.state_dict())
        return model

    def encode(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> TextPosterior:
        """The posteriors of texts in the encoder's vocabulary.

        Args:
            input_ids: (B, L) int64.
            attention_mask: (B, L), 1 at tokens and 0 at padding; None for no padding.
        """
        found = self.bert(input_ids=input_ids, attention_mask=attention_mask)
        pooled = found.pooler_output
        if pooled is None:
            kept = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            weights = kept[:, :, None].to(found.last_hidden_state)
            pooled = (found.last_hidden_state * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1.0)
        mean, logvar = self.to_moments(pooled).chunk(2, dim=-1)
        return TextPosterior(mean, logvar + self.config["log_variance"])

    def logits(
        self, z: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Scores of the token after each of ``input_ids`` (teacher forcing), (B, L, vocabulary).

        Args:
            z: (B, D), unscaled.
            input_ids: (B, L) int64 in the decoder's vocabulary, from the token that begins a text.
            attention_mask: (B, L), 1 at tokens and 0 at padding; None for no padding.

        Raises:
            ValueError: more tokens than the decoder has positions, one of which is the latent's.
        """
        self._check_length(input_ids.shape[1])
        if attention_mask is not None:
            attention_mask = F.pad(attention_mask, (1, 0), value=1)
        return self._step(z, input_ids, self._memory(z), attention_mask)

    def forward(
        self, z: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`logits`."""
        return self.logits(z, input_ids, attention_mask)

    @torch.no_grad()
    def generate(
        self,
        z: torch.Tensor,
        bos: int,
        eos: int,
        pad: int,
        max_length: int = 100,
        temperature: float = 0.0,
        generators: Sequence[torch.Generator] | None = None,
    ) -> torch.Tensor:
        """Texts of latents (B, D): ids (B, L ≤ ``max_length``) after ``bos``, each ended by ``eos``, then ``pad``.

        Args:
            z: (B, D), unscaled.
            bos: the token that begins a text; not in the result.
            eos: the token that ends a text; missing from a text that ``max_length`` cuts.
            pad: fills the texts that end before the longest.
            max_length: tokens at most.
            temperature: 0 takes the likeliest token; else logits are divided by it and tokens drawn.
            generators: one a text where tokens are drawn, so that a text does not hang on its batch's other draws.

        Raises:
            ValueError: ``max_length`` is more than the decoder has positions for, or tokens are to be drawn and there
                is not one generator a text.
        """
        self._check_length(max_length)
        if temperature > 0 and (generators is None or len(generators) != len(z)):
            raise ValueError(f"temperature {temperature} needs one generator a text, {len(z)} in all")
        cache = self._memory(z)
        token = torch.full((len(z), 1), bos, dtype=torch.int64, device=z.device)
        ended = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        texts: list[torch.Tensor] = []
        while len(texts) < max_length and not ended.all():
            scores = self._step(z, token, cache)[:, -1]
            chosen = scores.argmax(dim=-1)
            if temperature > 0 and generators is not None:
                chosen = _draw(scores / temperature, generators, ended)
            chosen = torch.where(ended, pad, chosen)
            ended = ended | (chosen == eos)
            texts.append(chosen)
            token = chosen[:, None]
        return torch.stack(texts, dim=1)

    def _memory(self, z: torch.Tensor) -> DynamicCache:
        config = self.gpt2.config
        slices = self.to_memory(z).reshape(len(z), config.n_layer, config.n_head, 1, -1)
        cache = DynamicCache()
        for layer in range(config.n_layer):
            cache.update(slices[:, layer], slices[:, layer], layer)
        return cache

    def _step(
        self, z: torch.Tensor, input_ids: torch.Tensor, cache: DynamicCache, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        embeddings = self.gpt2.wte(input_ids) + self.to_embedding(z)[:, None]
        states = self.gpt2(
            inputs_embeds=embeddings, past_key_values=cache, attention_mask=attention_mask, use_cache=True
        ).last_hidden_state
        return F.linear(states, self.gpt2.wte.weight)

    def _check_length(self, tokens: int) -> None:
        room = self.gpt2.config.n_positions - 1
        if tokens > room:
            raise ValueError(f"{tokens} tokens; the decoder has positions for {room} after the latent's")


def _encoder(entries: dict[str, Any]) -> BertModel | RobertaPreLayerNormModel:
    kind = entries.get("model_type", "bert")
    if kind == "bert":
        return BertModel(BertConfig.from_dict(plain_entries(entries)))
    if kind == "roberta-prelayernorm":
        config = RobertaPreLayerNormConfig.from_dict(plain_entries(entries))
        return RobertaPreLayerNormModel(config, add_pooling_layer=False)
    raise ValueError(f"encoder.model_type = {kind!r}: there are bert and roberta-prelayernorm")


def _draw(scores: torch.Tensor, generators: Sequence[torch.Generator], ended: torch.Tensor) -> torch.Tensor:
    """One token a text, each from its own generator, on the generator's device."""
    chosen = scores.argmax(dim=-1)
    for i, generator in enumerate(generators):
        if not ended[i]:
            odds = scores[i].float().softmax(dim=-1).to(generator.device)
            chosen[i] = torch.multinomial(odds, 1, generator=generator).to(scores.device)
    return chosen
