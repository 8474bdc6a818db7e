"""The phantom: a generator of procedural patients whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.generation.sugar import generate
from synthmed.modality import canonical
from synthmed.phantom.config import MODEL_TYPE, Config
from synthmed.phantom.given import checked_labels
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.study import FIELDS, IMAGES, render_sample
from synthmed.phantom.tissue import MASK_NAMES
from synthmed.protocols import Request, Task
from synthmed.registry import nearest
from synthmed.sample import Pairing, Sample, Scalar


class Phantom:
    """Procedural chest patients: report, radiograph, CT and MRI slices with masks, boxes and labels.

    A `synthmed.protocols.Generator` that needs no weights. Sample i is a function of its request and seed alone.

    ``labels`` are the patient's. An image's mask, boxes and ``labels_by_image`` have only those findings that the image
    shows (`synthmed.phantom.visibility`): an invisible finding leaves no trace in them. Boxes bound the components of
    the mask's findings; an enlarged heart is labelled ``cardiomegaly`` as a whole. A film's mask has one label a pixel:
    of overlapping findings the smaller, else heart, liver, mediastinum, lungs, bones, body.

    A given mask is kept as it is and its labels are the sample's; age, sex and build are then drawn at random.

    Args:
        size: (rows, columns) of every image, from 32 to 1024 each.
        wordings: the group of the reports' templates: ``all``, or ``a`` or ``b``, which share no template.

    Raises:
        UserError: a size or a group that does not exist.
    """

    def __init__(self, size: tuple[int, int] = (128, 128), wordings: str = "all") -> None:
        self.config = Config((int(size[0]), int(size[1])), wordings).check("phantom")
        self.source = MODEL_TYPE
        self.fingerprint = self.config.fingerprint
        self.tasks = _tasks(self.config.size)
        self.default_to = ("report", "xray", "xray.mask", "ct", "ct.mask", "mri", "mri.t2", "mri.pd", "mri.mask")
        self.labels = tuple(KINDS)
        self.attributes: Mapping[str, Scalar] = {"age": 0, "sex": "", "bmi": 0.0, "slice_mm": 0.0, "findings": "[]"}
        self.packages = ("scipy",)
        self.sampler: Mapping[str, Scalar] = {}
        self.batch_size = 16
        self.pairing: Pairing = "anatomy"

    generate = generate

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Phantom:
        """The phantom of a folder's ``config.json``, read strictly.

        Raises:
            UserError: the file is missing, no JSON, or has an unknown key or a wrong value.
        """
        config = Config.load(folder)
        phantom = cls(config.size, config.wordings)
        phantom.source = str(folder)
        return phantom

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` into the folder."""
        self.config.save(folder)

    def layout(self, to: Sequence[str]) -> Layout:
        """How a dataset of these fields is stored; ``mri.t2`` and ``mri.pd`` share the mask of ``mri``.

        Raises:
            UserError: a field that the phantom does not make.
        """
        names = [_known(name) for name in to]
        wanted = [name for name in IMAGES if name in names or f"{name}.mask" in names]
        images = {name: ImageField.of(name, mask=MASK_NAMES if f"{name}.mask" in names else ()) for name in wanted}
        return Layout(images, "report" in names, frozenset(name for name in wanted if name not in names))

    def prompt(self, given: Mapping[str, Any]) -> str:
        """A given report itself, given labels in a sentence, ``""`` where neither is given.

        Raises:
            UserError: the labels are not the phantom's.
        """
        if "report" in given:
            return str(given["report"])
        if "labels" not in given:
            return ""
        kinds = checked_labels(given["labels"])
        return f"Chest radiograph, CT and MRI of a patient with {' and '.join(kinds) or 'no finding'}."

    def render(self, requests: Sequence[Request], seeds: Sequence[int]) -> list[Sample]:
        """One sample a request, from its own seed (a whole number, not negative).

        Raises:
            UserError: a field that the phantom does not make, or a given value that it cannot use.
        """
        samples = []
        for request, seed in zip(requests, seeds, strict=True):
            to = frozenset(_known(name) for name in request.to)
            samples.append(render_sample(request, to, int(seed), self.config))
        return samples


def _tasks(size: tuple[int, int]) -> tuple[Task, ...]:
    everything = frozenset(FIELDS)
    bound = ((size[0], size[0]), (size[1], size[1]))
    return (
        Task(frozenset(), everything, size=bound),
        Task(frozenset({"labels"}), everything, size=bound),
        Task(frozenset({"report"}), everything, size=bound),
        *(
            Task(frozenset({f"{image}.mask"}), frozenset({*names, f"{image}.mask", "labels"}), size=bound)
            for image, names in (("xray", ("xray",)), ("ct", ("ct",)), ("mri", ("mri", "mri.t2", "mri.pd")))
        ),
    )


def _known(name: str) -> str:
    plain = canonical(name)
    if plain not in FIELDS:
        raise UserError(f"the phantom does not make {name!r}{nearest(plain, FIELDS)}")
    return plain
