"""Which files a folder really holds: nothing that a link or a name takes out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from synthmed.data.record import Problem, Split
from synthmed.data.sources.tables import listed_file
from synthmed.errors import UserError

PIXELS = (".png", ".jpg", ".jpeg", ".bmp")
VOLUMES = (".nii", ".nii.gz", ".mhd", ".mha")
IMAGES = (*PIXELS, *VOLUMES)

_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_named(word: str) -> Split:
    """The split that a folder's or a cell's word stands for; ``""`` for any other word."""
    return _SPLITS.get(word.strip().lower(), "")


def is_image(path: Path) -> bool:
    """Whether the name ends as an image's or a volume's does, in either case."""
    return path.name.lower().endswith(IMAGES)


def require_folder(root: Path) -> None:
    """Refuse a ``root`` that is no folder.

    Raises:
        UserError: names it.
    """
    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder; give the one that holds the images")


def inside(folder: Path, name: str, where: str, root: Path | None = None) -> Path | Problem:
    """The file that a row names, relative to ``folder``; a missing one, an absolute name and ``..`` are problems.

    Args:
        root: what a link may not leave; ``folder`` if None.
    """
    found = listed_file(folder, name, where) if "\0" not in name else Problem(where, "a file name with a zero byte")
    if isinstance(found, Problem):
        return found
    root = root or folder
    return found if _within(found, root) else Problem(where, f"{name[:200]!r} is a link that leaves {root.name}")


def files_below(root: Path) -> Iterator[Path | Problem]:
    """Every file below ``root``, folders and names in sorted order; hidden ones are left out.

    A link that leaves ``root``, leads nowhere, or goes back to a folder that it is in, is a `Problem`; so is a folder
    that cannot be listed.
    """
    yield from _walk(root, root, (os.path.realpath(root),))


def _walk(folder: Path, root: Path, above: tuple[str, ...]) -> Iterator[Path | Problem]:
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        yield Problem(str(folder), f"cannot be listed: {error.strerror}")
        return
    for name in names:
        path = folder / name
        if path.is_symlink():
            if not os.path.exists(path):
                yield Problem(str(path), "a link that leads nowhere")
                continue
            if not _within(path, root):
                yield Problem(str(path), f"a link that leaves {root.name}")
                continue
        if path.is_dir():
            real = os.path.realpath(path)
            if real in above:
                yield Problem(str(path), "a link to a folder that it is in")
            else:
                yield from _walk(path, root, (*above, real))
        elif path.is_file():
            yield path


def _within(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
