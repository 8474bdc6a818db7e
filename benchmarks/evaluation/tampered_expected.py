"""What each tampered set must move, and what it must leave; a figure that is in neither list may do either.

Names are ``metric.part``, with ``@task`` of a judge, and ``*`` for any end. ``agreement.labels`` is the number of
labels that the classifier could be asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

WORDS = ("bleu*", "rouge_l", "distinct_n*", "text_duplicates*", "text_length*")
TEXTS = (*WORDS, "label_f1*")
PAIRED = ("psnr", "ssim", "bleu*", "rouge_l")
# Similarity within equal labels looks at labels too.
FILMS = (
    "kid", "fid", "precision_recall*", "density_coverage*", "intensity*", "texture*", "vendi", "ms_ssim.random",
    "duplicates*", "copy_rate*", "psnr", "ssim",
)  # fmt: skip
CLASSIFIER, SEGMENTER, DETECTOR = ("agreement.*@classification", "agreement.*@segmentation", "agreement.*@detection")


@dataclass(frozen=True)
class Expected:
    """Patterns of figures' names."""

    moves: tuple[str, ...]
    stays: tuple[str, ...]

    def of(self, name: str) -> str:
        """``moves``, ``stays`` or ``""`` for what may do either."""
        if any(fnmatchcase(name, pattern) for pattern in self.moves):
            return "moves"
        return "stays" if any(fnmatchcase(name, pattern) for pattern in self.stays) else ""


EXPECTED: Mapping[str, Expected] = {
    # Whether a spoilt film still shows its finding to a judge depends on the finding's size.
    "blurred": Expected(("kid", "fid", "texture*", "psnr", "ssim"), (*TEXTS, "duplicates.exact", "agreement.labels*")),
    # Features averaged over the film hardly know where things lie: only pairs must tell.
    "shifted": Expected(("psnr", "ssim"), (*TEXTS, "duplicates.exact", "agreement.labels*")),
    "noisy": Expected(("kid", "fid", "texture*", "psnr", "ssim"), (*TEXTS, "duplicates.exact", "agreement.labels*")),
    # The difference hash compares neighbours, which a gain and an offset leave in their order.
    "grey cast": Expected(("intensity*", "psnr"), (*TEXTS, "duplicates*", "agreement.labels*")),
    "labels shuffled": Expected(
        ("agreement.score@classification", "agreement.relative@classification", "label_f1*"),
        (*WORDS, *FILMS, SEGMENTER, DETECTOR, "retrieval*"),
    ),
    "reports shuffled": Expected(
        ("bleu*", "rouge_l", "label_f1*", "retrieval*"),
        (*FILMS, "ms_ssim*", "agreement*", "distinct_n*", "text_duplicates*", "text_length*"),
    ),
    "masks shifted": Expected(
        ("agreement.score@segmentation", "agreement.relative@segmentation"),
        (*TEXTS, *FILMS, "ms_ssim*", CLASSIFIER, DETECTOR, "retrieval*"),
    ),
    # One finding of ten is not seen in a distance of all films; the judge has no row of it left.
    "class dropped": Expected(
        ("agreement.labels@classification",),
        (*PAIRED, "duplicates*", "copy_rate*", "text_duplicates*", "label_f1.micro"),
    ),
    # Repeats also lower what counts modes (recall, coverage) and bend distances that compare pairs of a set (KID, FID).
    "duplicated": Expected(
        ("duplicates.exact", "duplicates.near", "vendi", "distinct_n*", "text_duplicates.repeated"),
        (*PAIRED, "intensity*", "texture*", "copy_rate*", "label_f1*", "text_length*", "text_duplicates.in training"),
    ),
    # They have no pairs.
    "training copied": Expected(
        ("copy_rate*", "text_duplicates.in training"),
        (
            "kid",
            "fid",
            "precision_recall*",
            "density_coverage*",
            "intensity*",
            "texture*",
            "vendi",
            "ms_ssim*",
            "duplicates*",
            "agreement*",
            "label_f1*",
            "distinct_n*",
            "text_duplicates.repeated",
            "text_length*",
            "retrieval*",
        ),
    ),
}
