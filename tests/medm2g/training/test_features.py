"""What cached features are known by."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import torch
from synthmed.medm2g.training.features import network_digest
from synthmed.models.autoencoder import LightAutoencoder
torch.manual_seed(0)
network = LightAutoencoder()
print(network_digest(network), list(network.config["_use_default_values"]))
torch.nn.init.zeros_(next(network.parameters()))
print(network_digest(network))
"""


def test_a_network_has_one_digest_in_every_process_and_another_with_other_weights() -> None:
    told = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(done.stdout.splitlines())
    (one, order), (two, other) = (lines[0].split(" ", 1) for lines in told)
    assert order != other, "diffusers keeps an order now; the digest may take the whole config"
    assert one == two
    assert told[0][1] == told[1][1] != one
