"""OPTIMUS: a BERT encoder, a GPT-2 decoder, one latent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

from synthmed.models.clip_encoders import ClipImagePromptEncoder, ClipTextPromptEncoder
from synthmed.models.text_posterior import TextPosterior
from synthmed.models.text_vae import Optimus

ENCODER: dict[str, Any] = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
DECODER: dict[str, Any] = {
    "vocab_size": 40,
    "n_embd": 24,
    "n_layer": 3,
    "n_head": 2,
    "n_positions": 21,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.4,  # so that the likeliest token is never close to a tie
}


def small(seed: int = 0) -> Optimus:
    torch.manual_seed(seed)
    return Optimus(ENCODER, DECODER, latent_dim=8).eval()


def by_hand(model: Optimus, z: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The decoder written out: layer norms, attention with one more position in front, feed-forward."""
    gpt2, heads = model.gpt2, 2
    batch, length = ids.shape
    x = gpt2.wte(ids) + model.to_embedding(z)[:, None] + gpt2.wpe(torch.arange(1, length + 1))
    for layer, memory in zip(gpt2.h, model.to_memory(z).chunk(3, dim=-1), strict=True):
        query, key, value = layer.attn.c_attn(layer.ln_1(x)).chunk(3, dim=-1)
        key, value = (torch.cat([memory[:, None], part], dim=1) for part in (key, value))
        query, key, value = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (query, key, value))
        scores = query @ key.transpose(2, 3) / key.shape[-1] ** 0.5
        seen = torch.ones(length, length + 1).tril(diagonal=1).bool()
        mixed = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value
        x = x + layer.attn.c_proj(mixed.transpose(1, 2).reshape(batch, length, -1))
        x = x + layer.mlp(layer.ln_2(x))
    return gpt2.ln_f(x) @ gpt2.wte.weight.T


def test_the_latent_enters_as_memory_and_as_embedding() -> None:
    model = small()
    z, ids = torch.randn(3, 8), torch.randint(0, 40, (3, 7))
    torch.testing.assert_close(model.logits(z, ids), by_hand(model, z, ids), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model(z, ids, torch.ones_like(ids)), model.logits(z, ids))
    assert model.to_memory.bias is model.to_embedding.bias is model.to_moments.bias is None


@pytest.mark.parametrize("closed", ["to_memory", "to_embedding"])
def test_gradients_reach_the_latent_through_either_path(closed: str) -> None:
    model = small().train()
    z = torch.randn(2, 8, requires_grad=True)
    torch.nn.init.zeros_(getattr(model, closed).weight)
    model.logits(z, torch.randint(0, 40, (2, 5))).square().mean().backward()
    assert z.grad is not None
    assert z.grad.abs().min() > 0


def test_padding_changes_nothing() -> None:
    model = small()
    z, ids = torch.randn(2, 8), torch.randint(3, 30, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    changed = torch.where(mask == 1, ids, 0)
    torch.testing.assert_close(model.logits(z, changed, mask)[1, :4], model.logits(z[1:], ids[1:, :4])[0])
    whole, short = model.encode(changed, mask), model.encode(ids[1:, :4])
    torch.testing.assert_close(whole.mean[1:], short.mean)
    torch.testing.assert_close(whole.logvar[1:], short.logvar)


def test_the_encoder_is_bert_with_a_linear_map_of_its_pooled_output() -> None:
    model = small()
    ids = torch.randint(0, 30, (2, 6))
    pooled = torch.tanh(model.bert.pooler.dense(model.bert(input_ids=ids).last_hidden_state[:, 0]))
    posterior = model.encode(ids)
    torch.testing.assert_close(torch.cat([posterior.mean, posterior.logvar], 1), pooled @ model.to_moments.weight.T)


def greedy(model: Optimus, z: torch.Tensor, bos: int, eos: int, pad: int, length: int) -> list[list[int]]:
    ids = torch.full((len(z), 1), bos)
    for _ in range(length):
        ids = torch.cat([ids, model.logits(z, ids)[:, -1:].argmax(dim=-1)], dim=1)
    texts = [text[: text.index(eos) + 1] if eos in text else text for text in ids[:, 1:].tolist()]
    longest = max(map(len, texts))
    return [text + [pad] * (longest - len(text)) for text in texts]


def test_greedy_generation_is_argmax_by_whole_passes() -> None:
    model, bos, pad = small(3), 1, 0
    z = 20 * torch.randn(12, 8)
    free = model.generate(z, bos, eos=-1, pad=pad, max_length=20)
    assert free.tolist() == greedy(model, z, bos, -1, pad, 20)
    # An end that some texts reach early, some late.
    eos = int(free[:, 1:12].flatten().mode().values)
    assert eos != pad
    ended = model.generate(z, bos, eos, pad, max_length=20)
    assert ended.tolist() == greedy(model, z, bos, eos, pad, 20)
    assert len({(row == pad).sum().item() for row in ended}) > 1


def test_generation_stops_when_all_have_ended() -> None:
    model = small()
    z = torch.zeros(2, 8)
    first = int(model.generate(z, 1, eos=-1, pad=0, max_length=1)[0, 0])
    assert model.generate(z, 1, eos=first, pad=0, max_length=20).tolist() == [[first], [first]]


def test_a_drawn_text_does_not_hang_on_its_batch() -> None:
    model = small()
    z = torch.randn(4, 8)

    def generators(*seeds: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    together = model.generate(z, 1, 2, 0, max_length=20, temperature=1.5, generators=generators(0, 1, 2, 3))
    for i in range(4):
        alone = model.generate(z[i : i + 1], 1, 2, 0, max_length=20, temperature=1.5, generators=generators(i))[0]
        assert together[i, : len(alone)].tolist() == alone.tolist()
    others = model.generate(z, 1, 2, 0, max_length=20, temperature=1.5, generators=generators(9, 1, 8, 7))
    shared = min(together.shape[1], others.shape[1])
    assert together[1, :shared].tolist() == others[1, :shared].tolist()
    assert together[0, :shared].tolist() != others[0, :shared].tolist()


def test_draws_follow_the_softmax_at_a_temperature() -> None:
    model = small()
    n, z = 4000, torch.randn(1, 8)
    generators = [torch.Generator().manual_seed(i) for i in range(n)]
    drawn = model.generate(z.expand(n, -1), 1, -1, 0, max_length=1, temperature=3.0, generators=generators)
    expected = (model.logits(z, torch.tensor([[1]]))[0, 0] / 3.0).softmax(-1)
    shares = torch.bincount(drawn.flatten(), minlength=40) / n
    assert (shares - expected).abs().max() < 5 * (0.25 / n) ** 0.5


def test_what_is_refused() -> None:
    model, z = small(), torch.zeros(2, 8)
    assert model.logits(z, torch.zeros(2, 20, dtype=torch.int64)).shape == (2, 20, 40)
    with pytest.raises(ValueError, match="positions for 20"):
        model.logits(z, torch.zeros(2, 21, dtype=torch.int64))
    with pytest.raises(ValueError, match="positions for 20"):
        model.generate(z, 1, 2, 0, max_length=21)
    for generators in (None, [torch.Generator()]):
        with pytest.raises(ValueError, match="one generator a text, 2"):
            model.generate(z, 1, 2, 0, max_length=5, temperature=1.0, generators=generators)


def test_from_folders_of_bert_and_gpt2(tmp_path: Path) -> None:
    """Weights and vocabularies are the folders'; the tied output layer is the embedding."""
    torch.manual_seed(0)
    bert, gpt2 = BertModel(BertConfig(**ENCODER)), GPT2LMHeadModel(GPT2Config(**DECODER))
    bert.save_pretrained(tmp_path / "bert")
    gpt2.save_pretrained(tmp_path / "gpt2")
    model = Optimus.from_parts(tmp_path / "bert", tmp_path / "gpt2", latent_dim=4).eval()
    for ours, theirs in ((model.bert, bert), (model.gpt2, gpt2.transformer)):
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        assert all(torch.equal(ours.state_dict()[name], value) for name, value in theirs.state_dict().items())
    torch.nn.init.zeros_(model.to_embedding.weight)
    states = model.gpt2(input_ids=torch.tensor([[1, 5, 6]])).last_hidden_state
    torch.testing.assert_close(states @ model.gpt2.wte.weight.T, gpt2.eval()(torch.tensor([[1, 5, 6]])).logits)

    model.save_pretrained(tmp_path / "optimus")
    other = Optimus.from_pretrained(tmp_path / "optimus")
    z, ids = torch.randn(2, 4), torch.randint(0, 30, (2, 5))
    assert torch.equal(other.logits(z, ids), model.logits(z, ids))
    assert torch.equal(other.encode(ids).mean, model.encode(ids).mean)
    assert other.config.scaling_factor == 4.3108


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    for name, config in (("bert", BertConfig(**ENCODER)), ("gpt2", GPT2Config(**DECODER))):
        config.save_pretrained(tmp_path / name)
        torch.save({}, tmp_path / name / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        Optimus.from_parts(tmp_path / "bert", tmp_path / "gpt2")


def test_posterior_against_torch_distributions() -> None:
    torch.manual_seed(0)
    posterior = TextPosterior(torch.randn(3, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64))
    normal = torch.distributions.Normal(posterior.mean, posterior.logvar.exp().sqrt())
    reference = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(posterior.kl(), reference)
    noise = torch.randn(3, 5, dtype=torch.float64)
    torch.testing.assert_close(normal.cdf(posterior.sample(noise)), torch.special.ndtr(noise))


def test_an_encoder_with_norms_in_front_means_over_the_tokens() -> None:
    torch.manual_seed(0)
    entries = {**ENCODER, "model_type": "roberta-prelayernorm", "pad_token_id": 0}
    model = Optimus(entries, DECODER, latent_dim=8).eval()
    ids = torch.randint(1, 20, (2, 7))
    states = model.bert(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    mean, logvar = model.to_moments(states.mean(dim=1)).chunk(2, dim=-1)
    alone = model.encode(ids)
    assert torch.allclose(alone.mean, mean, atol=1e-6)
    assert torch.allclose(alone.logvar, logvar, atol=1e-6)
    # Padding does not count.
    padded = model.encode(F.pad(ids, (0, 3)), F.pad(torch.ones_like(ids), (0, 3)))
    assert torch.allclose(padded.mean, alone.mean, atol=1e-5)


def test_new_texts_begin_with_little_noise() -> None:
    ids = torch.randint(1, 20, (2, 7))
    plain, quiet = (_with_log_variance(value).encode(ids) for value in (0.0, -4.0))
    assert torch.equal(quiet.mean, plain.mean)
    assert torch.allclose(quiet.logvar, plain.logvar - 4.0)


def _with_log_variance(value: float) -> Optimus:
    torch.manual_seed(0)
    return Optimus(ENCODER, DECODER, latent_dim=8, log_variance=value).eval()


def test_another_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="there are bert and roberta-prelayernorm"):
        Optimus({**ENCODER, "model_type": "gpt2"}, DECODER, latent_dim=8)


@pytest.mark.parametrize("name", ["attn_implementation", "_attn_implementation", "experts_implementation"])
@pytest.mark.parametrize("kind", ["bert", "roberta-prelayernorm"])
def test_a_config_does_not_name_the_code_that_computes_it(kind: str, name: str) -> None:
    """transformers would fetch a repository's and run it."""
    evil = {name: "stranger/kernel"}
    bert = {"model_type": kind, "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    gpt2 = {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 24}
    for encoder, decoder in ((bert | evil, gpt2), (bert, gpt2 | evil)):
        with pytest.raises(ValueError, match=f"{name}: a model folder does not say what code computes it"):
            Optimus(encoder, decoder, latent_dim=4)
    for tower in (ClipTextPromptEncoder, ClipImagePromptEncoder):
        with pytest.raises(ValueError, match="does not say what code"):
            tower(evil)
