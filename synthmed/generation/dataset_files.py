"""The files that make shards a dataset: dataset.json, sizes.json and the README card."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq

from synthmed.codec import json_model
from synthmed.errors import SynthmedError
from synthmed.generation.plan import FORMAT, PREFIX, Plan, shard_name
from synthmed.generation.shard import read_stats
from synthmed.generation.storage import Store

DATASET = "dataset.json"


def write_dataset_files(plan: Plan, labels: Sequence[str], store: Store) -> None:
    """Write them once every shard is there; they are functions of the plan, so whoever is last may write them again."""
    stats = [_stats(shard_name(shard), store) for shard in range(plan.shards)]
    counts: Counter[str] = Counter()
    for entry in stats:
        counts.update(entry["labels"])
    dataset = {
        "format": FORMAT,
        "synthetic": True,
        "n": plan.n,
        "shards": plan.shards,
        "accepted": sum(entry["accepted"] for entry in stats),
        "duplicates": _duplicates(plan, store),
        "labels": list(labels),
        "label_counts": dict(sorted(counts.items())),
        "fields": plan.layout.to_json(),
        "json_schema": json_model(plan.layout).model_json_schema(),
        "plan": plan.content(),
    }
    sizes = {f"{shard_name(shard)}.tar": len(plan.shard(shard)) for shard in range(plan.shards)}
    store.write("sizes.json", json.dumps(sizes, indent=2) + "\n")
    store.write("README.md", _card(plan, dataset))
    # Last: a folder with a dataset.json is whole.
    store.write(DATASET, json.dumps(dataset, indent=2, sort_keys=True) + "\n")


def _stats(name: str, store: Store) -> dict[str, Any]:
    stats = read_stats(name, store)
    if stats is None:
        raise SynthmedError(f"{store}/{name}.stats.json went missing; run the same command again")
    return stats


def _duplicates(plan: Plan, store: Store) -> int:
    """Samples whose images, masks and report all equal an earlier sample's, over the whole set."""
    seen: set[bytes] = set()
    for shard in range(plan.shards):
        data = store.read(f"{shard_name(shard)}.parquet") or b""
        for value in pq.read_table(io.BytesIO(data), columns=["content_hash"]).column(0).to_pylist():
            seen.add(bytes.fromhex(value[:32]))
    return plan.n - len(seen)


def _card(plan: Plan, dataset: dict[str, Any]) -> str:
    images = plan.layout.images.values()
    rows = [
        f"| `{image.name}.png` | {image.bits}-bit, {image.channels} channel{'s' * (image.channels > 1)} | "
        f"value = level × {image.slope!r} + {image.intercept!r}"
        f"{f' {image.unit}' if image.unit != '1' else ''} |"
        for image in images
        if image.name not in plan.layout.mask_only
    ]
    rows += [
        f"| `{image.name}.mask.png` | 8-bit label map | "
        + ", ".join(f"{value} {label}" for value, label in enumerate(image.mask))
        + " |"
        for image in images
        if image.mask
    ]
    if plan.layout.report:
        rows.append("| `report.txt` | UTF-8 | the report |")
    rows.append(
        "| `json` | `json_schema` in `dataset.json` | labels, boxes (a JSON string), prompt, seed, provenance |"
    )
    last = shard_name(plan.shards - 1).removeprefix(f"{PREFIX}-")
    shards = f"{PREFIX}-{{000000..{last}}}.tar" if plan.shards > 1 else f"{shard_name(0)}.tar"
    stored = [image for image in images if image.name not in plan.layout.mask_only]
    lines = ['    print(sample["__key__"], record["labels"], json.loads(record["boxes"]))']
    if stored:
        deepest = max(stored, key=lambda image: image.bits)
        png = f'np.asarray(Image.open(io.BytesIO(sample["{deepest.name}.png"])))'
        lines.insert(0, f"    image = {png} * {deepest.slope!r} + {deepest.intercept!r}")
    labels = "\n".join(f"| {label} | {count} |" for label, count in dataset["label_counts"].items())
    return _CARD.format(
        size=_size_category(plan.n),
        n=plan.n,
        model=plan.model_name,
        fingerprint=plan.model_fingerprint,
        seed=plan.seed,
        accepted=dataset["accepted"],
        duplicates=dataset["duplicates"],
        rows="\n".join(rows),
        labels=labels,
        shards=shards,
        reader="\n".join(lines),
    )


def _size_category(n: int) -> str:
    for limit, name in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")):
        if n < limit:
            return name
    return "n>1M"


_CARD = """---
pretty_name: {n} synthetic samples of {model}
tags:
- synthetic
- medical
- webdataset
size_categories:
- {size}
configs:
- config_name: default
  data_files:
  - split: train
    path: {prefix}-*.tar
---

# {n} synthetic samples

Made by synthmed with the model `{model}` (fingerprint `{fingerprint}`) from seed {seed}. Every sample is synthetic; no
row is a patient. For research, not for diagnosis. {accepted} of {n} passed the per-sample checks (`quality` in the
record says why not), {duplicates} repeat an earlier one exactly.

## Members of a sample

| member | stored as | holds |
| --- | --- | --- |
{rows}

Boxes are COCO's (x, y, width, height) in pixels of the image that they name: x is the column, y the row.

## Reading

```python
import io, json, numpy as np, webdataset as wds
from PIL import Image
for sample in wds.WebDataset("{shards}", shardshuffle=False):
    record = json.loads(sample["json"])
{reader}
```

Do not use webdataset's `.decode("pil")` here: it cuts 16-bit images to 8 bits. Its `.decode()` also unpickles any
member named `.pkl`; leave it out for shards from strangers. `datasets.load_dataset` reads this folder as it is, and
`synthmed.SyntheticDataset.from_shards` gives MONAI dictionaries.

## Labels

| label | samples |
| --- | --- |
{labels}
""".replace("{prefix}", PREFIX)
