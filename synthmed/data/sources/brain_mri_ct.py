"""Brain tumour MRI and CT pictures of Kaggle, healthy and tumour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.volumes import folder_with
from synthmed.sample import NO_FINDING

_FOLDERS = {"ct": "Brain Tumor CT scan Images", "mri": "Brain Tumor MRI images"}
_LABELS = {"Healthy": NO_FINDING, "Tumor": "brain tumour"}
_TYPES = ("glioma", "meningioma", "pituitary")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class BrainMriCt:
    """Kaggle "Brain tumor multimodal image (CT & MRI)", 2D pictures.

    Layout, from https://www.kaggle.com/datasets/murtozalikhon/brain-tumor-multimodal-image-ct-and-mri as several public
    scripts read it (folders and names such as ``ct_tumor (917).jpg``, ``mri_healthy (10).jpg``, ``glioma (246).jpg``)::

        [Dataset/]Brain Tumor CT scan Images/{Healthy,Tumor}/ct_healthy (1).jpg
        [Dataset/]Brain Tumor MRI images/{Healthy,Tumor}/mri_healthy (1).jpg

    The two modalities are of different people: nothing says which pictures belong together, nor whose they are, and MRI
    contrasts are mixed, so that each picture is a record of its own, without a patient, and every MRI is ``mri``.
    Near-duplicates are to be found by their pixels before the set is split. Its CT pictures alone are 4,618; whether
    the "4,500 2D slices" of the MedM2G paper are some of them is not said there.

    Attributes:
        low, high: HU of black and white in the CT pictures. The release does not say them; a brain window is assumed.
    """

    summary: ClassVar[str] = "Kaggle brain tumour CT and MRI pictures, healthy or tumour, unpaired"
    low: float = 0.0
    high: float = 80.0

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a picture; there is no official split.

        Raises:
            UserError: neither of the two folders is in ``root`` or ``root/Dataset``.
        """
        base = folder_with(root, ("", "Dataset"), "Brain Tumor * [Ii]mages")
        for name, folder in _FOLDERS.items():
            for kind, label in _LABELS.items():
                place = base / folder / kind
                if not place.is_dir():
                    yield Problem(str(place), "there is no such folder")
                    continue
                for path in sorted(place.iterdir()):
                    if path.suffix.lower() not in _PICTURES:
                        yield Problem(str(path), f"not a picture ({', '.join(_PICTURES)})")
                        continue
                    tumour = path.stem.split(" ")[0].lower()
                    yield Record(
                        id=path.relative_to(base).as_posix(),
                        images={name: FileRef(path)},
                        labels=(label, tumour) if tumour in _TYPES else (label,),
                        window={"ct": (self.low, self.high)} if name == "ct" else {},
                        licence="as the Kaggle page states; its pictures come from several other sets",
                    )
