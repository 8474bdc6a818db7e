"""SyntheticDataset inside MONAI's own loader, cache and engine, and the README's loop as it is printed there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers.samples import fixed_dataset
from monai.data import CacheDataset, DataLoader, MetaTensor
from monai.engines import SupervisedTrainer
from monai.networks.nets import DenseNet121
from monai.transforms import Compose, RandFlipd, Resized, ScaleIntensityd

from synthmed import SyntheticDataset

README = Path(__file__).parents[2] / "README.md"
TRANSFORM = Compose(
    [ScaleIntensityd("ct"), Resized(["xray", "xray.mask"], (16, 24)), RandFlipd(["xray", "xray.mask"], prob=0.5)]
)


def test_inside_monais_data_loader() -> None:
    generator = fixed_dataset(6)
    generator.model = generator  # type: ignore[attr-defined]  # MONAI's seeding of workers follows such circles for ever
    dataset = SyntheticDataset(generator, 6, transform=TRANSFORM)
    for workers in (0, 2):
        batches = list(DataLoader(dataset, batch_size=3, num_workers=workers))
        assert [batch["xray"].shape for batch in batches] == [(3, 1, 16, 24)] * 2
        assert isinstance(batches[0]["xray"], MetaTensor)
        assert batches[0]["xray"].affine.shape == (3, 4, 4)
        assert [index for batch in batches for index in batch["index"].tolist()] == list(range(6))


def test_inside_cache_dataset() -> None:
    generator = fixed_dataset(6)
    dataset = SyntheticDataset(generator, 6, shard_size=6)
    cached = CacheDataset(dataset, TRANSFORM, num_workers=2, progress=False)
    calls = len(generator.calls)
    assert calls == 2
    for i in range(6):
        assert cached[i]["index"] == i
        assert cached[i]["xray"].shape == (1, 16, 24)
    assert len(generator.calls) == calls


def test_inside_a_supervised_trainer() -> None:
    dataset = SyntheticDataset(fixed_dataset(6), 6)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(240, len(dataset.label_names)))
    before = net[1].weight.detach().clone()
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=2,
        train_data_loader=DataLoader(dataset, batch_size=2, shuffle=True),
        network=net,
        optimizer=torch.optim.SGD(net.parameters(), 0.1),
        loss_function=torch.nn.BCEWithLogitsLoss(),
        prepare_batch=lambda batch, device, non_blocking, **_: (batch["xray"].to(device), batch["labels"].to(device)),
    )
    trainer.run()
    assert trainer.state.iteration == 6
    assert not torch.equal(net[1].weight, before)


LOOP = """\
import torch
from monai.data import DataLoader
from monai.networks.nets import DenseNet121
from synthmed import SyntheticDataset, mix

synthetic = SyntheticDataset("phantom", n=1000, to=["xray"])
loader = DataLoader(mix(real, synthetic, ratio=0.5, keys=["xray", "labels"]), batch_size=16, shuffle=True)
net = DenseNet121(spatial_dims=2, in_channels=1, out_channels=len(synthetic.label_names))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
for batch in loader:
    optimizer.zero_grad()
    torch.nn.functional.binary_cross_entropy_with_logits(net(batch["xray"]), batch["labels"]).backward()
    optimizer.step()
"""


def test_the_loop_stands_in_the_readme() -> None:
    section = README.read_text(encoding="utf-8").partition("In a MONAI loop")[2]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert block is not None
    assert block[1] == LOOP


def test_the_loop_of_the_readme_trains() -> None:
    statements = [line for line in LOOP.splitlines() if line and not line.startswith(("import", "from"))]
    assert len(statements) == 8
    labels = SyntheticDataset("phantom", 1, to=["xray"]).label_names
    rng = np.random.default_rng(0)
    real = [
        {"xray": torch.from_numpy(rng.random((1, 128, 128), np.float32)), "labels": torch.zeros(len(labels))}
        for _ in range(8)
    ]
    names: dict[str, Any] = {"real": real}
    exec(compile(LOOP, str(README), "exec"), names)
    assert len(names["loader"].dataset) == 12
    assert isinstance(names["net"], DenseNet121)
    steps = [state["step"].item() for state in names["optimizer"].state.values()]
    assert len(steps) == len(list(names["net"].parameters()))
    assert set(steps) == {1}
    assert all(torch.isfinite(parameter).all() for parameter in names["net"].parameters())
