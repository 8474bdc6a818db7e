"""An embedder's features of a corpus's images: computed once, and kept in memory-mapped files."""

from __future__ import annotations

import errno
import hashlib
import json
import mmap
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.errors import UserError
from synthmed.evaluation.corpora.batches import BATCH, batches
from synthmed.evaluation.corpus import Corpus
from synthmed.evaluation.embedders.protocol import Embedder
from synthmed.evaluation.scale import unit

_VALUES, _DONE = "features.npy", "done.npy"
_FLUSH = 16
"""Batches between two marks on disk, and what an interruption loses at most."""


def features(
    corpus: Corpus,
    image: str,
    embedder: Embedder,
    cache: Path,
    places: Sequence[int] | npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float32]:
    """Features of the rows that have ``image``, in the order of ``corpus.having(image)``.

    They lie in ``cache/features/<key>``, by the corpus's digest, the image, and the embedder's name and digest; any
    number of processes may fill the same file, since equal rows have equal features.

    Args:
        places: of the corpus's rows, all of which have the image; only these are computed, and given in their order.

    Returns:
        (n, width) float32, memory-mapped and read-only for all rows, a copy for ``places``.

    Raises:
        UserError: an image cannot be read, ``places`` has a row without it, or the cache cannot be written.
    """
    having = corpus.having(image)
    wanted = np.arange(len(having)) if places is None else _positions(having, np.asarray(places, np.int64), image)
    folder = _folder(corpus, image, embedder, cache, len(having))
    values, done = _open(folder / _VALUES, (len(having), embedder.width)), _open(folder / _DONE, (len(having),))
    missing = np.unique(wanted[~done[wanted].astype(bool)])
    waiting: list[slice] = []
    for part, pixels in batches(corpus, image, having[missing], BATCH):
        values[missing[part]] = _embedded(embedder, unit(corpus.images[image], pixels))
        waiting.append(part)
        if len(waiting) == _FLUSH or part.stop == len(missing):
            # A row counts as done only once its features are on disk.
            values.flush()
            done[missing[waiting[0].start : part.stop]] = 1
            done.flush()
            _let_go(values)
            waiting.clear()
    if places is not None:
        return take(values, wanted)
    values.flags.writeable = False
    whole: npt.NDArray[np.float32] = values
    return whole


def take(values: npt.NDArray[np.float32], places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """A copy of some rows of what `features` gives; the file's pages do not stay in memory."""
    chosen: npt.NDArray[np.float32] = np.array(values[places])
    _let_go(values)
    return chosen


def _let_go(values: npt.NDArray[np.float32]) -> None:
    # They are read from the file again when they are needed; else the process seems to hold the whole of it.
    pages = getattr(values, "_mmap", None)
    if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def _embedded(embedder: Embedder, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import torch

    colour = images if images.shape[1] == 3 else np.repeat(images, 3, axis=1)
    with torch.no_grad():
        found: npt.NDArray[np.float32] = embedder(torch.from_numpy(np.ascontiguousarray(colour))).cpu().numpy()
    if found.shape != (len(images), embedder.width) or not np.isfinite(found).all():
        raise UserError(f"{embedder.name}: gave {found.shape} for {len(images)} images, or values that are not finite")
    return found


def _positions(having: npt.NDArray[np.int64], places: npt.NDArray[np.int64], image: str) -> npt.NDArray[np.int64]:
    at = np.searchsorted(having, places)
    wrong = (at >= len(having)) | (having[np.minimum(at, len(having) - 1)] != places) if len(having) else places >= 0
    if wrong.any():
        raise UserError(f"row {int(places[wrong][0])} has no {image}")
    return at


def _folder(corpus: Corpus, image: str, embedder: Embedder, cache: Path, rows: int) -> Path:
    """The folder of these features; made whole under another name first."""
    about = {"corpus": corpus.digest, "image": image, "embedder": embedder.name, "weights": embedder.digest}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache / "features" / key
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            (made / "about.json").write_text(json.dumps(about | {"rows": rows}, indent=1) + "\n")
            _make(made / _VALUES, (rows, embedder.width), "<f4")
            _make(made / _DONE, (rows,), "|u1")
            os.rename(made, folder)
        except OSError as error:
            shutil.rmtree(made, ignore_errors=True)
            # Another process was first: its files are as good.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; the features' cache") from None
    return folder


def _make(path: Path, shape: tuple[int, ...], kind: str) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
        start, length = file.tell(), int(np.prod(shape)) * np.dtype(kind).itemsize
        file.truncate(start + length)
        if length and hasattr(os, "posix_fallocate"):
            # A full disk shows now, as an error; under a memory map it would end the process.
            os.posix_fallocate(file.fileno(), start, length)


def _open(path: Path, shape: tuple[int, ...]) -> Any:
    try:
        # Nothing of no rows cannot be mapped.
        found = np.load(path, mmap_mode="r+" if shape[0] else None, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}; remove its folder, and the features are computed again") from None
    if found.shape != shape:
        raise UserError(f"{path}: {found.shape}, not {shape}; remove its folder, and they are computed again")
    return found
