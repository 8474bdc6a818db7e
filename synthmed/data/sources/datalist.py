"""MONAI's and the Medical Segmentation Decathlon's datalist JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.nifti import nifti_volume
from synthmed.data.record import MaskRef, Problem, Record, Split
from synthmed.data.sources.cutting import Plane, cut, is_volume
from synthmed.data.sources.fields import image_field, labels_from
from synthmed.data.sources.paths import inside, is_image, require_folder
from synthmed.data.sources.tables import read_text, required_file
from synthmed.data.sources.volumes import check_rule
from synthmed.errors import UserError

_SECTIONS: tuple[tuple[str, Split], ...] = (
    ("training", "train"),
    ("validation", "val"),
    ("test", "test"),
    ("testing", "test"),
)
_CONTRASTS = {"flair": "mri.flair", "t1w": "mri", "t1": "mri", "t1gd": "mri.t1c", "t2w": "mri.t2", "t2": "mri.t2"}
MAX_BYTES = 2**26


@dataclass(frozen=True)
class Datalist:
    """The lists ``training``, ``validation`` and ``test`` of a JSON file, with ``image`` and ``label`` in each item.

    Read as MONAI's ``load_decathlon_datalist`` reads it (Project-MONAI/MONAI:monai/data/decathlon_datalist.py): paths
    are relative to the file's folder, a test item may be a bare path. A ``label`` that names an image file is a mask,
    whose values the file's ``labels`` explain; any other label is a class. A volume's fourth axis (BRATS,
    Prostate) gives one image a channel, where the file's ``modality`` names each: FLAIR, T1w, t1gd, T2w.

    Attributes:
        file: the JSON file, relative to the root; ``dataset.json`` or ``datalist.json`` if ``""``.
        modality: what the images are.
        slices: the rule by which volumes give slices.

    Raises:
        UserError: no such file, not JSON, none of the lists in it, or an option that is none.
    """

    summary: ClassVar[str] = "MONAI or Decathlon datalist JSON (training, validation, test)"

    file: str = ""
    modality: str = "mri"
    slices: str = "central"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The items in the file's order, one record a slice of a volume; an item's id is its image's path."""
        field = image_field(self.modality)
        check_rule(self.slices)
        require_folder(root)
        path = required_file(root, *([self.file] if self.file else ["dataset.json", "datalist.json"]))
        content = _load(path)
        seen: set[str] = set()
        for section, split in _SECTIONS:
            items = content.get(section, [])
            if not isinstance(items, list):
                yield Problem(str(path), f"{section} is not a list")
                continue
            for number, item in enumerate(items):
                where = f"{path}: {section}[{number}]"
                item = {"image": item} if isinstance(item, str) else item
                name = item.get("image") if isinstance(item, dict) else None
                if isinstance(name, list) and len(name) == 1:
                    name = name[0]
                if not isinstance(name, str):
                    yield Problem(where, "no image, or more than one")
                elif name in seen:
                    yield Problem(where, f"image {name[:200]!r} is there already")
                else:
                    seen.add(name)
                    yield from self._item(root, path.parent, content, item, name, field, split, where)

    def _item(
        self,
        root: Path,
        folder: Path,
        content: Mapping[str, Any],
        item: Mapping[str, Any],
        name: str,
        field: str,
        split: Split,
        where: str,
    ) -> Iterator[Record | Problem]:
        found = inside(folder, name, where, root)
        if isinstance(found, Problem):
            yield found
            return
        label = item.get("label")
        masks: list[Path] = []
        if isinstance(label, str) and is_image(Path(label)):
            mask = inside(folder, label, where, root)
            if isinstance(mask, Problem):
                yield mask
                return
            masks.append(mask)
        names = _names(content.get("labels"))
        planes = cut({field: found}, masks, self.slices, where)
        if not isinstance(planes, Problem) and found.name.endswith((".nii", ".nii.gz")):
            planes = _by_channel(planes, found, content.get("modality"), where)
        if isinstance(planes, Problem):
            yield planes
            return
        patient = str(item.get("patient") or (name if is_volume(found) else ""))
        for plane in planes:
            yield Record(
                name.removeprefix("./") + plane.suffix,
                plane.images,
                patient=pseudonym("datalist", patient),
                split=split,
                masks=dict.fromkeys(plane.images, MaskRef(plane.masks, names or {1: "label"})) if masks else {},
                labels=() if masks else _classes(label, names),
                licence=str(content.get("licence") or content.get("license") or ""),
            )


def _load(path: Path) -> Mapping[str, Any]:
    text = read_text(path, MAX_BYTES)
    if isinstance(text, Problem):
        raise UserError(str(text))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict) or not any(section in content for section, _ in _SECTIONS):
        raise UserError(f"{path}: no list named training, validation or test in it")
    return content


def _by_channel(planes: list[Plane], path: Path, modality: Any, where: str) -> list[Plane] | Problem:
    """The planes of a volume with a fourth axis, each with an image a channel; others as they are."""
    channels = nifti_volume(path).channels
    if channels == 1:
        return planes
    given = [str(modality.get(str(k), "")).lower() for k in range(channels)] if isinstance(modality, dict) else []
    fields = [_CONTRASTS[name] for name in given if name in _CONTRASTS]
    if len(set(fields)) != channels:
        return Problem(where, f"{channels} channels, which the file's modality does not name as FLAIR, T1w, t1gd, T2w")
    return [
        replace(
            plane,
            images={name: replace(ref, channel=k) for ref in plane.images.values() for k, name in enumerate(fields)},
        )
        for plane in planes
    ]


def _names(labels: Any) -> dict[int, str]:
    """Names by value, from ``{"1": "liver"}`` or nnU-Net's ``{"liver": 1}``, without the background."""
    if not isinstance(labels, dict):
        return {}
    pairs = [(key, value) if _small(key) else (value, key) for key, value in labels.items()]
    return {int(value): str(name) for value, name in pairs if _small(value) and int(value) > 0}


def _small(value: Any) -> bool:
    return str(value).isdecimal() and len(str(value)) < 6


def _classes(label: Any, names: Mapping[int, str]) -> tuple[str, ...]:
    values = label if isinstance(label, list) else [] if label is None else [label]
    return labels_from((names.get(value, str(value)) if isinstance(value, int) else str(value) for value in values), "")
