"""The ``data`` section of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from synthmed.data.record import Split

Window = tuple[float, float]


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class PartSpec(_Section):
    """One data set of several.

    Attributes:
        source: a name that ``synthmed ls sources`` shows.
        path: its folder, relative to the section's ``root``.
        options: the source's.
        keep: the splits that are used; of those left out nothing is read, not even for the leak check.
        split: the source's ``official`` one, or by ``patient`` with ``fractions`` and ``seed``; or all rows in one of
            ``train``, ``val`` and ``test``.
        images: image names that are kept; all by default.
        window: (low, high) HU that is assumed for 8-bit CT images whose row does not say theirs.
        pipeline: which of ``pipelines`` its items run through; the modality's default where none is named.
        limit: the first so many records of each split, by the order of their ids' hashes.
    """

    source: str
    path: str = "."
    options: dict[str, Any] = {}
    keep: tuple[Split, ...] = ("train", "val", "test")
    split: Literal["official", "patient", "train", "val", "test"] = "official"
    fractions: dict[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
    seed: int = 0
    images: tuple[str, ...] | None = None
    window: Window | None = None
    pipeline: str = ""
    limit: pydantic.PositiveInt | None = None


class DataSpec(_Section):
    """Real data: which rows, in which splits, through which MONAI transforms.

    Attributes:
        root: where the parts' paths begin; ``~`` is the user's folder, which shells leave alone in ``data.root=~/x``.
        parts: the data sets.
        pipelines: by name, the transforms after reading: mappings with ``_target_``; see
            `synthmed.data.pipeline.build_pipeline`.
        size: rows and columns of the default pipelines' images.
        labels, mask_names, box_names: the vocabularies; by default what the kept records have, sorted.
        box_image: the image whose boxes are read; "" for none.
        problems: ``skip`` rows and files that cannot be used and list them, or ``refuse`` the data.
        allow_leak: go on with splits that share patients or pictures, and record them.
        cache: decoded items stay in ``memory`` (MONAI's CacheDataset), on ``disk`` (PersistentDataset; tensors alone,
            without their affines), or are read again each time.
        cache_folder: of the disk cache.
    """

    root: Annotated[Path, pydantic.AfterValidator(Path.expanduser)]
    parts: tuple[PartSpec, ...]
    pipelines: dict[str, list[dict[str, Any]]] = {}
    size: pydantic.PositiveInt = 128
    labels: tuple[str, ...] | None = None
    mask_names: tuple[str, ...] | None = None
    box_names: tuple[str, ...] | None = None
    box_image: str = ""
    problems: Literal["skip", "refuse"] = "skip"
    allow_leak: bool = False
    cache: Literal["memory", "disk", "none"] = "memory"
    cache_folder: Path | None = None

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> DataSpec:
        if not self.parts:
            raise ValueError("parts is empty; name at least one source")
        missing = [part.pipeline for part in self.parts if part.pipeline and part.pipeline not in self.pipelines]
        if missing:
            raise ValueError(f"no pipeline {missing[0]!r}; there are: {', '.join(self.pipelines) or 'none'}")
        if self.cache == "disk" and self.cache_folder is None:
            raise ValueError("cache: disk needs a cache_folder")
        return self
