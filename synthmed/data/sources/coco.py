"""COCO object detection."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.fields import box_from, image_field
from synthmed.data.sources.paths import inside, require_folder, split_named
from synthmed.data.sources.tables import read_text
from synthmed.errors import UserError
from synthmed.sample import Box

MAX_BYTES = 2**29


@dataclass(frozen=True)
class Coco:
    """``annotations/instances_<split>.json`` with the images in ``<split>/``, or a JSON file beside its images.

    Format: cocodataset/cocodataset.github.io:dataset/format-data.htm: ``images``, ``annotations`` with ``bbox`` (x, y,
    width, height from the top left), ``categories``, ``licenses``, ``iscrowd``. Segmentations are not read.

    Attributes:
        annotations: the JSON file, relative to the root; every ``*.json`` with images in the root, its
            ``annotations/`` and its other folders if ``""``.
        images: the images' folder, relative to the root; looked for beside the file, in ``<split>/``, in ``images/``
            and in the root if ``""``.
        modality: what the images are.
        crowd: keep boxes with ``iscrowd``, which are drawn around groups; left out by default.

    Raises:
        UserError: no such folder, or no COCO file in it.
    """

    summary: ClassVar[str] = "COCO detection JSON: images, annotations with boxes, categories"

    annotations: str = ""
    images: str = ""
    modality: str = "photo"
    crowd: bool = False

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The images in each file's order; labels are the categories of an image's boxes, in the order of their ids."""
        field = image_field(self.modality)
        require_folder(root)
        named = [root / self.annotations] if self.annotations else [*root.glob("*.json"), *root.glob("*/*.json")]
        seen: set[str] = set()
        found = False
        for path in sorted(named):
            content = _load(path)
            if content is None:
                continue
            if isinstance(content, Problem):
                yield content
                continue
            found = True
            for record in self._file(root, path, content, field):
                if isinstance(record, Record) and record.id in seen:
                    yield Problem(f"{path}: image {record.id[:200]}", "its file is there already")
                    continue
                if isinstance(record, Record):
                    seen.add(record.id)
                yield record
        if not found:
            raise UserError(f"{root}: no JSON file with COCO's images, annotations and categories in it")

    def _file(self, root: Path, path: Path, content: Mapping[str, Any], field: str) -> Iterator[Record | Problem]:
        names = {entry["id"]: entry["name"] for entry in content["categories"] if _has(entry, id=int, name=str)}
        order = {name: number for number, name in sorted(names.items())}
        licences = {
            entry["id"]: entry["name"] for entry in content.get("licenses") or [] if _has(entry, id=int, name=str)
        }
        pictures: dict[int, Mapping[str, Any]] = {}
        for number, entry in enumerate(content["images"]):
            if not _has(entry, id=int, file_name=str):
                yield Problem(f"{path}: images[{number}]", "no id or no file_name")
            elif entry["id"] in pictures:
                yield Problem(f"{path}: images[{number}]", f"id {entry['id']} is there already")
            else:
                pictures[entry["id"]] = entry
        boxes: dict[int, list[Box]] = {number: [] for number in pictures}
        crowded: set[int] = set()
        for number, entry in enumerate(content["annotations"]):
            where = f"{path}: annotations[{number}]"
            if not _has(entry, image_id=int, category_id=int) or entry["image_id"] not in pictures:
                yield Problem(where, "no category, or an image that is not listed")
            elif entry.get("iscrowd") and not self.crowd:
                crowded.add(entry["image_id"])
            else:
                box = box_from(names.get(entry["category_id"]), entry.get("bbox"), field)
                if isinstance(box, str):
                    yield Problem(where, box)
                else:
                    boxes[entry["image_id"]].append(box)
        split, folders = self._folders(root, path)
        for number, entry in pictures.items():
            where = f"{path}: image {number}"
            options = [inside(folder, entry["file_name"], where, root) for folder in folders]
            file = next((option for option in options if isinstance(option, Path)), None)
            if file is None:
                yield next(option for option in options if isinstance(option, Problem))
                continue
            yield Record(
                file.relative_to(root).as_posix(),
                {field: FileRef(file)},
                split=split,
                boxes=tuple(boxes[number]),
                labels=tuple(sorted({box.category for box in boxes[number]}, key=order.__getitem__)),
                licence=licences.get(entry["license"], "") if _has(entry, license=int) else "",
                attributes={"crowd": True} if number in crowded else {},
            )

    def _folders(self, root: Path, path: Path) -> tuple[Any, list[Path]]:
        """The split that the file's name or folder tells, and where its images may be."""
        stem = path.stem.removeprefix("instances_")
        words = [path.parent.name, *re.findall(r"[a-z]+", stem.lower())]
        split = next((split_named(word) for word in words if split_named(word)), "")
        if self.images:
            return split, [root / self.images]
        options = [path.parent, root / stem, root / "images" / stem, root / "images", root]
        return split, [folder for folder in dict.fromkeys(options) if folder.is_dir()]


def _load(path: Path) -> Mapping[str, Any] | Problem | None:
    """The file's content; None for JSON of another kind."""
    text = read_text(path, MAX_BYTES)
    if isinstance(text, Problem):
        return text
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Problem(str(path), f"not JSON: {error}")
    keys = ("images", "annotations", "categories")
    return content if isinstance(content, dict) and all(isinstance(content.get(key), list) for key in keys) else None


def _has(entry: Any, **kinds: type) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), kind) for key, kind in kinds.items())
