"""What the networks before the flows hold of the findings: what no flow can make up for.

    python benchmarks/medm2g/networks.py RECIPE RUN --data PHANTOM [--n 600] [--out DIR]

RUN is the folder of `synthmed train RECIPE … --out RUN`, finished or not: stages that are finished are measured.
- image autoencoder: a judge's macro AUROC on reconstructed test images, as (reconstructed - 0.5) / (real - 0.5);
- text autoencoder: micro F1 of the findings that `synthmed.phantom.parse` reads in a report's reconstruction from the
  mean of its posterior, against those that it reads in the report;
- prompt encoders: macro AUROC and micro F1 of a logistic regression from an embedding to the findings (of the patient
  for text, of what the image shows for images), fitted on the training rows' first 3,000.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from judge_folder import CLASSIFIED, JudgeFolder, add_judges, from_arguments
from judges import auroc_ratio, keep, macro_auroc, micro_f1, parsed, pixels, rows, scores, truth
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from synthmed.medm2g.tokenizer import Tokenizers, encode
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.setup import Setup, set_up
from synthmed.medm2g.values import value_range
from synthmed.recipe import read_recipe
from synthmed.sample import Sample
from synthmed.training.records import read_done

PROBED = 3000


def trained(setup: Setup, run: Path) -> nn.ModuleDict:
    """The parts of the finished stages, in evaluation mode."""
    for planned in setup.planned:
        if read_done(run / "stages" / planned.name) is not None:
            setup.store.finish(run / "stages" / planned.name, planned.trains)
    return setup.store.load(setup.store.changed).eval()


def reconstructed(autoencoder: Any, judges: JudgeFolder, test: Sequence[Sample], name: str) -> float:
    """The ratio of a judge's AUROC on reconstructions."""
    images, known, judge = pixels(test, name), truth(test, name, judges.labels), judges.classifier(name)
    made = torch.cat(
        [autoencoder.decode(autoencoder.encode(part).latent_dist.mean).sample for part in images.split(64)]
    )
    return auroc_ratio(known, scores(judge, made.clamp(-1, 1)), scores(judge, images))


def retold(optimus: Any, tokenizers: Tokenizers, length: int, texts: Sequence[str]) -> list[str]:
    """Each text from the mean of its own posterior."""
    found: list[str] = []
    decoder: Any = tokenizers.decoder
    for start in range(0, len(texts), 50):
        tokens = encode(tokenizers.encoder, texts[start : start + 50], length)
        mean = optimus.encode(**tokens).mean
        ids = optimus.generate(mean, decoder.bos_token_id, decoder.eos_token_id, decoder.pad_token_id, length)
        found += decoder.batch_decode(ids, skip_special_tokens=True)
    return found


def probe(train: np.ndarray, known: np.ndarray, test: np.ndarray, truths: np.ndarray) -> dict[str, float]:
    """Of embeddings (n, dim) and labels (n, labels)."""
    score = []
    for place in range(known.shape[1]):
        net = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300)).fit(train, known[:, place])
        score.append(net.decision_function(test))
    found = np.stack(score, 1)
    return {"macro AUROC": macro_auroc(truths, found), "micro F1": micro_f1(truths, (found > 0).astype(int))}


def embedded(encoder: Any, setup: Setup, tokenizers: Tokenizers, name: str, samples: Sequence[Sample]) -> np.ndarray:
    """(n, dim) of reports, or of a modality's images: those contrasts that the model's encoder sees."""
    if name == "text":
        texts, length = [str(sample.report) for sample in samples], setup.config.text_length
        parts = [encode(tokenizers.prompt, texts[start : start + 50], length) for start in range(0, len(texts), 50)]
        return torch.cat([encoder.embed(**part)[:, 0] for part in parts]).numpy()
    flow = setup.config.flow(name)
    low, high = value_range(flow)
    stacked = np.concatenate(
        [
            np.stack([sample.images[field] for sample in samples])
            for field in flow.fields
            if not field.endswith(".mask")
        ],
        axis=1,
    )
    images = ((torch.from_numpy(stacked) - low) / (high - low)).clamp(0, 1) * 2 - 1
    return torch.cat([encoder.embed(part)[:, 0] for part in images.split(100)]).numpy()


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("run", type=Path)
    add_judges(parser)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("."))
    arguments = parser.parse_args()
    data = read_recipe(arguments.recipe)
    data["data"]["root"] = str(arguments.data)
    recipe = train_recipe(data, arguments.recipe)
    setup = set_up(recipe, arguments.run / "tokenizer", trust=False, dry=True, note=print)
    parts, judges, test = (
        trained(setup, arguments.run),
        from_arguments(arguments),
        rows(arguments.data / "test", arguments.n),
    )
    labels, some = judges.labels, judges.train[:PROBED]
    results: dict[str, Any] = {"n": len(test)}
    if "autoencoder_grey" in parts:
        results["image autoencoder"] = {
            name: reconstructed(parts["autoencoder_grey"], judges, test, name) for name in CLASSIFIED
        }
    if "autoencoder_text" in parts:
        texts = [str(sample.report) for sample in test]
        again = retold(parts["autoencoder_text"], setup.tokenizers, setup.config.text_length, texts)
        results["text autoencoder"] = {
            "micro F1": micro_f1(parsed(texts, labels), parsed(again, labels)),
            "examples": list(zip(texts[:4], again[:4], strict=True)),
        }
    for name in ("text", *CLASSIFIED):
        if f"encoder_{name}" in parts:
            seen = [
                np.array([[label in sample.labels for label in labels] for sample in samples], int)
                if name == "text"
                else truth(samples, name, labels)
                for samples in (some, test)
            ]
            vectors = [embedded(parts[f"encoder_{name}"], setup, setup.tokenizers, name, part) for part in (some, test)]
            results[f"encoder of {name}"] = probe(vectors[0], seen[0], vectors[1], seen[1])
    keep(arguments.out / "networks.json", results)
    print(results)


if __name__ == "__main__":
    main()
