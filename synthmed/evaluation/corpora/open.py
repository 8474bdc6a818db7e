"""Any place that holds images, as a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from synthmed.data.record import Problem, Record
from synthmed.data.sources import SOURCES
from synthmed.data.sources.imagefolder import METADATA
from synthmed.data.sources.options import make_source, parse_options
from synthmed.data.sources.paths import is_image, split_named
from synthmed.data.split import split_by_patient
from synthmed.data.transforms.windows import read_window
from synthmed.errors import UserError
from synthmed.evaluation.corpora.records import RecordCorpus, only
from synthmed.evaluation.corpora.shards import ShardCorpus
from synthmed.evaluation.corpus import Corpus
from synthmed.modality import image_name

_FRACTIONS = {"train": 0.8, "val": 0.1, "test": 0.1}


def open_corpus(
    place: str,
    *,
    split: str | None = None,
    size: int | None = None,
    image: str | None = None,
    name: str | None = None,
    window: str | Sequence[float] = "none",
    options: Sequence[str] = (),
) -> Corpus:
    """A corpus from a folder of shards, a folder of images, or ``SOURCE:PATH`` of any registered data source.

    Args:
        place: a folder of ``synthmed generate``; a folder of images, plain, one a class, or Hugging Face's imagefolder;
            or ``kermany:PATH`` and the like.
        split: ``train``, ``val`` or ``test`` as the source has them; ``patient:test`` and the like for a deal by
            patient at 80, 10 and 10 %, as recipes have it by default. All rows if None.
        size: rows and columns that images are brought to; needed where they differ.
        image: the only image that is looked at; of a plain folder, what its images are.
        name: as a report calls it; the folder's by default.
        window: of CT images, a name or (low, high) HU; ``none`` leaves them as they are stored.
        options: of the source, as ``name=value``.

    Raises:
        UserError: nothing there, no such source, split, image or option, or no row.
    """
    shown = read_window(window)
    source, _, path = place.partition(":")
    if not (path and source in SOURCES and not Path(place).exists()):
        folder = Path(place)
        if not folder.is_dir():
            kinds = ", ".join(SOURCES.names())
            raise UserError(f"{place}: no such folder; or write SOURCE:PATH with a source of: {kinds}")
        if (folder / "dataset.json").is_file():
            if split is not None or options:
                raise UserError(f"{place}: a folder of shards has no splits and no options")
            image = str(image_name(image)) if image else None
            # The protocol's digest is settable; these two come when they are asked for.
            return ShardCorpus(folder, size=size, window=shown, image=image, name=name)
        source, path = _kind(folder), place
        if image is None:
            raise UserError(
                f"{place}: a folder of images does not say what they are; name the image, as xray or mri.t2"
            )
        options = [*options, f"modality={image}"]
    rows: Iterable[Record | Problem] = make_source(source, parse_options(source, options)).records(Path(path))
    if image is not None:
        rows = only(str(image_name(image)), rows)
    title = name or Path(path).resolve().name
    if split is not None:
        rows = _in_split(rows, split, title)
    return RecordCorpus(rows, title, size=size, window=shown)


def _kind(folder: Path) -> str:
    """Which source reads a folder of images, by what lies on top."""
    inside = sorted(folder.iterdir())
    tops = [folder, *(path for path in inside if path.is_dir() and split_named(path.name))]
    if any((top / table).is_file() for top in tops for table in METADATA):
        return "imagefolder"
    flat = any(path.is_file() and is_image(path) for top in tops for path in top.iterdir())
    return "folder" if flat or not any(path.is_dir() for path in inside) else "class_folders"


def _in_split(rows: Iterable[Record | Problem], split: str, name: str) -> Iterator[Record | Problem]:
    by_patient = split.startswith("patient:")
    wanted = split.removeprefix("patient:")
    if wanted not in _FRACTIONS:
        raise UserError(f"split {split!r}: write train, val or test, or patient:test for a deal by patient")
    seen: set[str] = set()
    found = False
    for row in rows:
        if isinstance(row, Problem):
            yield row
            continue
        own: str = row.split
        if by_patient:
            own = next(part for part, dealt in split_by_patient([row], _FRACTIONS, 0).items() if dealt)
        seen.add(own)
        if own == wanted:
            found = True
            yield row
    if not found:
        there = ", ".join(sorted(seen - {""})) or "none"
        raise UserError(f"{name}: no row in split {split!r}; its splits: {there}; patient:{wanted} deals by patient")
