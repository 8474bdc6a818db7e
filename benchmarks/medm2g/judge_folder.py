"""The judges of the proofs, trained once on the phantom's real training rows, and kept in a folder.

python benchmarks/medm2g/judge_folder.py --data PHANTOM [--judges DIR] [--steps 1500]

Trains all of them beforehand; the proofs train those that are missing. Classifiers (`judges.classifier`) of X-ray, CT
and MRI, segmenters (`judges.segmenter`) of CT and MRI.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from judges import classifier, classifier_net, pixels, rows, segmenter, segmenter_net, truth
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from synthmed import load_model
from synthmed.errors import UserError
from synthmed.sample import Sample

CLASSIFIED, SEGMENTED = ("xray", "ct", "mri"), ("ct", "mri")


def organs() -> tuple[str, ...]:
    """The names of the phantom's label maps, background first."""
    return tuple(load_model("phantom").layout(["ct", "ct.mask"]).images["ct"].mask)


@dataclass(frozen=True)
class JudgeFolder:
    """Judges by image name.

    Attributes:
        data: shards in ``train``.
        folder: where weights are kept.
        steps: of training; another number is another file's.

    Raises:
        UserError: when a judge is asked for that was trained on other rows than ``data``'s.
    """

    data: Path
    folder: Path
    steps: int

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What a classifier's logits mean."""
        return load_model("phantom").labels

    @cached_property
    def rows(self) -> str:
        """Which training rows these are, by what made them."""
        plan = json.loads((self.data / "train" / "plan.json").read_text())
        content = {key: plan[key] for key in ("model_fingerprint", "n", "seed", "to", "given")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def train(self) -> list[Sample]:
        """The rows that judges know."""
        return rows(self.data / "train")

    def classifier(self, name: str) -> nn.Module:
        """(n, 1, H, W) in [-1, 1] to (n, labels) logits."""
        return self._kept("classifier", name, classifier_net(1, len(self.labels)))

    def segmenter(self, name: str) -> nn.Module:
        """(n, 1, H, W) in [-1, 1] to (n, organs, H, W) logits."""
        return self._kept("segmenter", name, segmenter_net(1, len(organs())))

    def _kept(self, kind: str, name: str, net: nn.Module) -> nn.Module:
        file = self.folder / f"{kind}-{name}-{self.steps}.safetensors"
        if file.exists():
            with safe_open(file, "pt") as kept:
                known = (kept.metadata() or {}).get("rows", self.rows)
            if known != self.rows:
                raise UserError(f"{file}: was trained on other rows than {self.data / 'train'}; name another folder")
        if not file.exists():
            images = pixels(self.train, name)
            if kind == "classifier":
                net = classifier(images, truth(self.train, name, self.labels), self.steps)
            else:
                masks = torch.from_numpy(np.stack([sample.masks[name] for sample in self.train]))
                net = segmenter(images, masks, len(organs()), self.steps)
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(net.state_dict(), file.with_suffix(".tmp"), metadata={"rows": self.rows})
            file.with_suffix(".tmp").replace(file)
        net.load_state_dict(load_file(file))
        return net.eval()


def add_judges(parser: argparse.ArgumentParser) -> None:
    """``--data``, ``--judges`` and ``--judge-steps``, for `from_arguments`."""
    parser.add_argument("--data", type=Path, required=True, help="phantom shards: train/ and test/")
    parser.add_argument("--judges", type=Path, help="where judges are kept; PHANTOM/judges by default")
    parser.add_argument("--judge-steps", type=int, default=1500)


def from_arguments(arguments: argparse.Namespace) -> JudgeFolder:
    """The folder that the arguments name."""
    return JudgeFolder(arguments.data, arguments.judges or arguments.data / "judges", arguments.judge_steps)


def main() -> None:
    parser = argparse.ArgumentParser()
    add_judges(parser)
    folder = from_arguments(parser.parse_args())
    for name in CLASSIFIED:
        folder.classifier(name)
        print("classifier", name, flush=True)
    for name in SEGMENTED:
        folder.segmenter(name)
        print("segmenter", name, flush=True)


if __name__ == "__main__":
    main()
