"""The files that a row of shared/data names, as planes with masks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthmed.data.record import FileRef, Problem
from synthmed.data.slices import slice_indices
from synthmed.data.sources import shared_row
from synthmed.data.sources.cutting import Plane, cut
from synthmed.data.sources.dicom_series import stacks
from synthmed.data.sources.paths import inside


def masks_of(row: Mapping[str, Any], lungs: str) -> tuple[str, dict[int, str], list[str]]:
    """Which lung mask it is (``manual``, ``auto`` or ``""``), the names by value, and the files."""
    masks: dict[str, Any] = dict(row.get("masks") or {})
    if row.get("part") == "xray_notes":
        wanted = ("manual", "auto") if lungs == "best" else (lungs,)
        kind = next((kind for kind in wanted if f"lungs_{kind}" in masks), "")
        return kind, {1: "lungs"}, [str(masks[f"lungs_{kind}"])] if kind else []
    files = [str(name) for name in masks.values()]
    values = row.get("mask_values")
    if isinstance(values, dict) and len(files) == 1:
        return (
            "",
            {int(value): str(name) for value, name in values.items() if value.isdecimal() and len(value) < 6},
            files,
        )
    return "", dict(enumerate(masks, start=1)), files


def planes_of(folder: Path, row: Mapping[str, Any], masks: list[Path], rule: str, where: str) -> list[Plane] | Problem:
    """The row's images cut by the slice rule; a label map has a mask and no image."""
    modality = str(row.get("modality", ""))
    if row.get("files"):
        return _series(folder, row, rule, where)
    if row.get("arrays"):
        return Problem(where, "images and masks in one .npz; a record cannot point into it")
    if modality == "label map":
        found = inside(folder, str(row.get("volume", "")), where)
        planes = found if isinstance(found, Problem) else cut({"mri": found}, [found], rule, where)
        return planes if isinstance(planes, Problem) else [Plane(p.suffix, {}, p.masks) for p in planes]
    volumes = row.get("volumes") or {modality: row.get("volume") or row.get("image")}
    files: dict[str, Path] = {}
    for name, value in volumes.items():
        if field := shared_row.field_of(name):
            found = inside(folder, str(value or ""), where)
            if isinstance(found, Problem):
                return found
            files[field] = found
    if not files:
        return Problem(where, f"no image of a known kind ({', '.join(map(str, volumes))})")
    if row.get("channels"):
        return [_channels(row, next(iter(files.values())), masks)]
    return cut(files, masks, rule, where)


def _channels(row: Mapping[str, Any], image: Path, masks: list[Path]) -> Plane:
    missing = row.get("missing_channels") or ()
    named = [(number, shared_row.field_of(name)) for number, name in enumerate(row["channels"]) if name not in missing]
    images = {field: FileRef(image, channel=number) for number, field in named if field}
    return Plane("", images, tuple(map(FileRef, masks)))


def _series(folder: Path, row: Mapping[str, Any], rule: str, where: str) -> list[Plane] | Problem:
    files: list[Path] = []
    for name in row["files"]:
        found = inside(folder, str(name), where)
        if isinstance(found, Problem):
            return found
        files.append(found)
    field = shared_row.field_of(str(row.get("modality")))
    if not field:
        return Problem(where, f"no image of a known kind ({row.get('modality')})")
    planes: list[Plane] = []
    start = 0
    for stack in stacks(files):
        if isinstance(stack, Problem):
            return stack
        chosen = slice_indices(rule, len(stack.images))
        planes += [Plane(f"#{start + index:03d}", {field: stack.images[index]}, ()) for index in chosen]
        start += len(stack.images)
    return planes
