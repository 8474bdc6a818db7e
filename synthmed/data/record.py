"""The Record: one row of real data, as paths and facts. Pixels are read later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from synthmed.sample import Box, Scalar

Split = Literal["train", "val", "test", ""]


@dataclass(frozen=True)
class FileRef:
    """Where one array is: a 2D image file, a plane of a volume, a channel of a colour file, a PNG within a tar.

    Attributes:
        plane: (axis, index) of a volume's slice along the file's own array axes; None for a 2D file.
        channel: the colour channel that holds this image alone; None takes all.
        span: (offset, length) of the PNG's bytes within the file; None for the whole file.
    """

    path: Path
    plane: tuple[int, int] | None = None
    channel: int | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class MaskRef:
    """A label map, or one binary map a label, aligned with its image.

    Attributes:
        files: one file whose values stand for the names, or one file a name, any value above 0 being the name; so it is
            too where the only name is that of 1.
        names: names by stored value: ``{1: "liver"}``; with one file a name, in the files' order from 1.
        rle: run lengths in place of files (SIIM-ACR), with the image's rows and columns; see its source.
    """

    files: tuple[FileRef, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    rle: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """One row of a source.

    Attributes:
        id: the row's name in its source, unique there: a relative path or a file's stem. It stays on this machine: what
            leaves it names rows by the sha256 of their pixels.
        patient: `synthmed.data.identity.pseudonym` of the patient; ``""`` where the source does not tell them apart.
        split: the source's official one; ``""`` where it has none.
        images: by canonical field name (``xray``, ``mri.t2``, ``ct``, ``photo``).
        masks: by the image's name.
        boxes: in pixels of the stored image.
        labels: the findings; empty where the source says nothing, ``("no finding",)`` where it says there are none.
        labels_by_image: which of them each image shows, where the source knows; the same rule.
        text: a report or caption; None for none. ``text_kind`` tells which, and whether a template wrote it.
        spacing: (row, column) mm by image name, where the source says so outside the file.
        window: (low, high) HU of a CT image that has lost them, by image name.
        licence: as the source words it. ``shippable``: weights trained on the row may be given away.
        attributes: age, sex, view and the like.
    """

    id: str
    images: Mapping[str, FileRef] = field(default_factory=dict)
    patient: str = ""
    split: Split = ""
    masks: Mapping[str, MaskRef] = field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    labels: tuple[str, ...] = ()
    labels_by_image: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: str | None = None
    text_kind: Literal["report", "caption", "template", ""] = ""
    spacing: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    window: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    licence: str = ""
    shippable: bool = False
    attributes: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """A row or file that gives no record.

    Attributes:
        where: file, with the row or key where there is one.
        reason: one line; never holds a value from a DICOM header.
    """

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"
