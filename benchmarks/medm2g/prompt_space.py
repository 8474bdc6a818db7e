"""The prompt space of one or several models: PCA and t-SNE of reports and images, retrieval, silhouettes.

    python benchmarks/medm2g/prompt_space.py MODEL [MODEL …] --data PHANTOM --out DIR [--n 400]

Reports and images of n test patients through each model's prompt encoders, as tokens of length 1. Numbers, by modality:
recall@1 and @10 of a patient's image among all by the patient's report (chance is k / n), and the silhouette (cosine,
-1 to 1), mean over findings, of what shows a finding against what does not; of reports, of patients who have it. The
picture has a row a model: PCA and t-SNE (scikit-learn), coloured by modality and, of the images, by the patient's
finding. Beside ablation.py, its cells with and without the invariant: DIR/cells/ca1-vi0-seed0/model and
DIR/cells/ca1-vi1-seed0/model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from judges import keep, pixels, rows, truth
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from synthmed import load_model
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.prompts import embed_images, embed_text
from synthmed.medm2g.tokenizer import encode
from synthmed.sample import NO_FINDING, Sample

mpl.use("Agg")
from matplotlib import pyplot as plt  # behind the choice of a backend without a screen

TEXT, BATCH = "text", 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    test, labels = rows(arguments.data / "test", arguments.n), load_model("phantom").labels
    patients = np.array([[label in sample.labels for label in labels] for sample in test], int)
    titles = [_short(folder) for folder in arguments.models]
    if len(set(titles)) < len(titles):
        raise SystemExit(f"the folders' names do not tell the models apart: {', '.join(titles)}")
    spaces = {title: embedded(load_model(folder), test) for title, folder in zip(titles, arguments.models, strict=True)}
    results: dict[str, object] = {"n": len(test)}
    for title, space in spaces.items():
        results[title] = {
            name: {
                **({} if name == TEXT else {f"recall@{k}": recall(space[TEXT], space[name], k) for k in (1, 10)}),
                "silhouette": silhouette(space[name], patients if name == TEXT else truth(test, name, labels)),
            }
            for name in space
        }
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw(arguments.out / "prompt_space.png", spaces, [_finding(sample) for sample in test])
    keep(arguments.out / "prompt_space.json", results)


@torch.no_grad()
def embedded(model: MedM2G, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """(n, dim) of length 1, by ``text`` and modality."""
    found: dict[str, list[torch.Tensor]] = {}
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        reports = [str(sample.report) for sample in batch]
        tokens = encode(model.tokenizers.prompt, reports, model.config.text_length)
        found.setdefault(TEXT, []).append(embed_text(model.parts, tokens)[:, 0])
        for flow in model.config.images():
            images = {name: pixels(batch, name) for name in flow.fields if not name.endswith(".mask")}
            found.setdefault(flow.name, []).append(embed_images(model.parts, flow, images)[:, 0])
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def recall(texts: np.ndarray, images: np.ndarray, k: int) -> float:
    """How often a text's own image is among its k nearest; what is as near as its own counts as nearer."""
    near = texts @ images.T
    rank = (near >= np.diag(near)[:, None]).sum(1)
    return float((rank <= k).mean())


def silhouette(vectors: np.ndarray, known: np.ndarray) -> float:
    """Mean over the findings that at least five have and five have not."""
    kept = [i for i in range(known.shape[1]) if 5 <= known[:, i].sum() <= len(known) - 5]
    if not kept:
        return float("nan")
    return float(np.mean([silhouette_score(vectors, known[:, i], metric="cosine") for i in kept]))


def draw(path: Path, spaces: Mapping[str, Mapping[str, np.ndarray]], findings: Sequence[str]) -> None:
    """A row a model: PCA and t-SNE by modality, and of the images by finding."""
    figure, axes = plt.subplots(len(spaces), 4, figsize=(18, 4.5 * len(spaces)), squeeze=False)
    for line, (title, space) in zip(axes, spaces.items(), strict=True):
        kinds = np.repeat(list(space), [len(vectors) for vectors in space.values()])
        vectors = np.concatenate(list(space.values()))
        said = np.array(list(findings) * len(space))
        places = {
            "PCA": PCA(2, random_state=0).fit_transform(vectors),
            "t-SNE": TSNE(2, metric="cosine", init="random", random_state=0).fit_transform(vectors),
        }
        for column, (method, points) in enumerate(places.items()):
            _scatter(line[2 * column], points, kinds, f"{method}, by modality")
            images = kinds != TEXT
            _scatter(line[2 * column + 1], points[images], said[images], f"{method}, images by finding")
        line[0].set_ylabel(title)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _scatter(axis: plt.Axes, points: np.ndarray, classes: np.ndarray, title: str) -> None:
    for place, name in enumerate(sorted(set(classes))):
        chosen = points[classes == name]
        axis.scatter(chosen[:, 0], chosen[:, 1], s=5, color=plt.get_cmap("tab20")(place % 20), label=name)
    axis.set(title=title, xticks=[], yticks=[])
    axis.legend(fontsize=6, markerscale=2, loc="upper left", bbox_to_anchor=(1, 1))  # beside the points, not on them


def _finding(sample: Sample) -> str:
    found = [label for label in sample.labels if label != NO_FINDING]
    return found[0] if len(found) == 1 else ("several" if found else "none")


def _short(folder: Path) -> str:
    """The run's name: results hold no path."""
    place = folder.resolve()
    return place.parent.name if place.name == "model" else place.name


if __name__ == "__main__":
    main()
