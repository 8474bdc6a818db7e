"""Data sources: readers of a release's on-disk layout, one file each, open to third parties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from synthmed.data.record import Problem, Record
from synthmed.registry import Entry, Registry


@runtime_checkable
class Source(Protocol):
    """A data set's reader: a frozen dataclass whose fields are its options.

    Attributes:
        summary: one line for ``synthmed ls sources``; ends in "(layout from memory)" where no document was read.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    summary: str

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """The rows under ``root``, the folder as it was downloaded and unpacked, in a fixed order.

        A row or file that cannot be used is a `Problem`, and the next one follows; only metadata are read, no pixels.

        Raises:
            UserError: ``root`` does not hold this data set at all; names the file that is missed.
        """
        ...


_CLASSES = {
    "acdc": "ACDC",
    "bids": "Bids",
    "brain_mri_ct": "BrainMriCt",
    "brats2020": "BraTS2020",
    "chexpert": "CheXpert",
    "class_folders": "ClassFolders",
    "coco": "Coco",
    "datalist": "Datalist",
    "dicom_tree": "DicomTree",
    "folder": "Folder",
    "gold_atlas": "GoldAtlas",
    "imagefolder": "ImageFolder",
    "isic2017": "Isic2017",
    "iu_xray": "IuXray",
    "ixi": "IXI",
    "kermany": "Kermany",
    "kvasir": "Kvasir",
    "medicat": "Medicat",
    "mimic_cxr": "MimicCxr",
    "nih_chestxray14": "NihChestXray14",
    "roco": "Roco",
    "rsna_pneumonia": "RsnaPneumonia",
    "shared": "SharedData",
    "shards": "Shards",
    "siim_acr": "SiimAcr",
    "sliver07": "SLIVER07",
    "table": "Table",
}

# Each class says its own summary, for which it is imported when the sources are listed.
SOURCES: Registry[type[Source]] = Registry(
    "sources", [Entry(name, "", f"synthmed.data.sources.{name}:{kind}") for name, kind in _CLASSES.items()]
)
