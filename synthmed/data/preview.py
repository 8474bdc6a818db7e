"""``synthmed data preview``: what a network will see of a recipe's data, before any training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydantic
import torch

from synthmed.data.assemble import Assembled, assemble, write_summary
from synthmed.data.datasets import RecordDataset
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.report.grid import contact_sheet, grey_levels
from synthmed.report.html import Part, Picture, Section, page, text
from synthmed.report.table import Cell, Table

SHOWN = 32
"""Items of each split that run through the transforms."""


class PreviewRecipe(pydantic.BaseModel):
    """The part of a recipe that this command reads; training's sections stand beside it."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)

    data: DataSpec


def run_preview(
    spec: DataSpec,
    out: Path | None = None,
    *,
    title: str = "data",
    trust: bool = False,
    overwrite: bool = False,
    on_item: Callable[[], None] = lambda: None,
) -> str:
    """Assemble the data, run some items of each split through the pipelines, and describe them; gives the text.

    Args:
        out: a folder for ``preview.html``, ``data.json`` (counts, vocabularies, problems, allowed leaks) and one PNG a
            split and image.
        trust: see `synthmed.data.pipeline.build_pipeline`.

    Raises:
        UserError: as `assemble` and `RecordDataset`; or a preview that is there already.
    """
    if out is not None and (out / "preview.html").exists() and not overwrite:
        raise UserError(f"{out / 'preview.html'} is there already; name another folder, or replace it with --overwrite")
    found = assemble(spec)
    few = spec.model_copy(update={"cache": "none"})
    sections = [_counts(found)]
    for split in found.splits:
        dataset = RecordDataset(few, found, split, trust=trust)
        dataset.transform.set_random_state(0)
        places = np.unique(np.linspace(0, len(dataset) - 1, SHOWN).astype(int))
        items = []
        for place in places:
            items.append(dataset[int(place)])
            on_item()
        sections.append(Section(f"Items of {split}", _items(items)))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "preview.html").write_text(page(title, sections), encoding="utf-8", errors="backslashreplace")
        write_summary(found, out / "data.json")
        for section in sections:
            for picture in [part for part in section.parts if isinstance(part, Picture)]:
                name = f"{section.title.removeprefix('Items of ')}-{picture.caption.split(' ', 1)[0]}.png"
                (out / name).write_bytes(picture.png)
    return text(title, sections)


def _counts(found: Assembled) -> Section:
    summary = found.summary()
    rows: list[list[Cell]] = [[split, n, summary["patients"][split]] for split, n in summary["records"].items()]
    lines = [f"weights trained on these rows may be given away: {'yes' if summary['shippable'] else 'no'}"]
    lines += [f"{name}: {', '.join(getattr(found, name))}" for name in ("labels", "mask_names", "box_names")]
    problems = [f"left out: {problem}" for problem in found.problems[:SHOWN]]
    if len(found.problems) > SHOWN:
        problems.append(f"and {len(found.problems) - SHOWN} more")
    leaks = [f"allowed leak: {leak}" for leak in found.leaks[:SHOWN]]
    return Section("Records", [Table(["split", "records", "patients"], rows), *lines, *problems, *leaks])


def _items(items: Sequence[Mapping[str, Any]]) -> list[Part]:
    keys = sorted({key for item in items for key in item})
    rows: list[list[Cell]] = []
    pictures: list[Part] = []
    for key in keys:
        values = [item[key] for item in items if key in item]
        rows.append([key, len(values), *_described(values)])
        images = [_shown(value) for value in values if _is_image(value)]
        if images:
            pictures.append(Picture(contact_sheet(images), f"{key} of {len(images)} items"))
    return [Table(["key", "items", "shapes", "least", "greatest"], rows), *pictures]


def _described(values: Sequence[Any]) -> list[Cell]:
    tensors = [torch.as_tensor(value) for value in values if isinstance(value, torch.Tensor | np.ndarray)]
    if not tensors:
        return [type(values[0]).__name__, "", ""]
    shapes = sorted({" x ".join(map(str, tensor.shape)) or "scalar" for tensor in tensors})
    full = [tensor for tensor in tensors if tensor.numel()]
    shown = ", ".join(shapes[:3]) + (" …" if len(shapes) > 3 else "")
    if not full:
        return [shown, "", ""]
    return [shown, min(float(tensor.min()) for tensor in full), max(float(tensor.max()) for tensor in full)]


def _is_image(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == 3 and value.shape[0] in (1, 3) and value.numel() > 0


def _shown(image: torch.Tensor) -> npt.NDArray[np.uint8]:
    values = torch.as_tensor(image).detach().to(torch.float32).numpy()
    low, high = float(values.min()), float(values.max())
    # Within [0, 1] brightness is shown as it is; HU, label maps and standardised values from their own range.
    return grey_levels(values, 0.0, 1.0) if low >= 0 and high <= 1 else grey_levels(values, low, high)
