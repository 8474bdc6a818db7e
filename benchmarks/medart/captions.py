"""The caption command on every image part of the shared data, and what a probe reads from the captions.

python benchmarks/medart/captions.py [--data FOLDER] [--each 50] [--parts NAME …]

For each part: pictures, failures, words (median, 5th and 95th percentile), and the share of captions that differ from
all others once numbers are masked. For colour_isic, all pictures: a probe (tf-idf of words and pairs, logistic
regression) from the caption without its class sentence to melanoma, trained on `train`, judged on `val` and `test`:
AUC with a bootstrap interval, against the same probe trained on captions that were shuffled among the pictures.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from synthmed.medart.captions.domain import load_domain
from synthmed.medart.captions.run import run_captions
from synthmed.medart.captions.settings import Settings
from synthmed.medart.captions.table import CaptionTable, Row

DOMAINS = {"colour_isic": "dermoscopy", "colour_bccd": "blood_smear", "colour_chase": "fundus"}
PARTS = (
    "colour_isic colour_bccd colour_chase xray_notes xray_hannover xray_nih256 xray_nih64 xray_pneumonia "
    "xray_pneumonia_large mri_tumor mri_tumor_large mri_lgg mri_hippocampus3d mri_multicontrast3d ct_slices ct_organs "
    "ct_volumes3d dicom_samples"
).split()
SHUFFLES = 20
RESAMPLES = 2000


def describe(data: Path, part: str, limit: int, folder: Path) -> tuple[list[Row], int, float]:
    begin = time.monotonic()
    table = folder / part / "metadata.csv"
    settings = Settings(
        data, table, "shared", {"part": part}, DOMAINS.get(part, ""), limit=limit, copy=part != "colour_isic"
    )
    summary = run_captions(settings)
    with CaptionTable(table) as rows:
        return list(rows.rows.values()), len(summary.failed), time.monotonic() - begin


def probe(train: list[str], truth: np.ndarray, test: list[str]) -> np.ndarray:
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=3), LogisticRegression(class_weight="balanced", max_iter=1000)
    )
    return np.asarray(model.fit(train, truth).predict_proba(test)[:, 1])


def melanoma(rows: list[Row]) -> None:
    domain = load_domain("dermoscopy")
    texts = [row.text.removeprefix(domain.sentence(row.label)).strip() for row in rows]
    truth = np.array([row.label == "melanoma" for row in rows])
    in_train = np.array(["/train/" in row.file_name for row in rows])
    train = [text for text, kept in zip(texts, in_train, strict=True) if kept]
    test = [text for text, kept in zip(texts, in_train, strict=True) if not kept]
    if any("melanoma" in text or "benign" in text for text in texts):
        raise SystemExit("a class is in the text without its class sentence")
    scores = probe(train, truth[in_train], test)
    right = truth[~in_train]
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, len(right), len(right)) for _ in range(RESAMPLES)]
    spread = np.percentile([roc_auc_score(right[i], scores[i]) for i in drawn], (2.5, 97.5))
    shuffled = [
        roc_auc_score(right, probe([train[i] for i in rng.permutation(len(train))], truth[in_train], test))
        for _ in range(SHUFFLES)
    ]
    print(
        f"probe, melanoma, n = {len(train)} / {len(test)}: AUC {roc_auc_score(right, scores):.3f} "
        f"({spread[0]:.3f} to {spread[1]:.3f}); shuffled captions, {SHUFFLES} times: mean {np.mean(shuffled):.3f}, "
        f"highest {max(shuffled):.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--parts", nargs="+", default=PARTS)
    chosen = parser.parse_args()
    pooled: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in chosen.parts:
            limit = 0 if part == "colour_isic" else chosen.each
            rows, failed, seconds = describe(chosen.data, part, limit, Path(folder))
            words = np.array([len(row.text.split()) for row in rows])
            pooled += words.tolist()
            masked = [re.sub(r"\d+", "#", row.text) for row in rows]
            low, middle, high = np.percentile(words, (5, 50, 95))
            print(
                f"{part}: n = {len(rows)}, failed {failed}, words {middle:.0f} ({low:.0f} to {high:.0f}, most "
                f"{words.max()}), distinct {len(set(masked)) / len(masked):.1%}, {seconds / len(rows):.2f} s each",
                flush=True,
            )
            if part == "colour_isic":
                melanoma(rows)
    print(f"all: n = {len(pooled)}, median {np.median(pooled):.0f} words, {min(pooled)} to {max(pooled)}")


if __name__ == "__main__":
    main()
