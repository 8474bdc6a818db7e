"""Which row each picture will have, before it is described."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthmed.data.record import Problem
from synthmed.errors import UserError
from synthmed.medart.captions.labels import Labels
from synthmed.medart.captions.pictures import Wanted
from synthmed.medart.captions.settings import Settings
from synthmed.medart.captions.table import Row, encoded

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]|\A\.")
COPIES = "images"


@dataclass(frozen=True)
class Task:
    """A picture, and its row without the text."""

    wanted: Wanted
    row: Row


def plan_tasks(
    wanted: Sequence[Wanted], settings: Settings, domain: str, describer: str, label_of: Labels
) -> tuple[list[Task], list[Problem]]:
    """A task a file, and the pictures whose name or label no table can hold, or whose file another has.

    Raises:
        UserError: a picture is no file of its own and is not to be copied, or the copies would lie among the images.
    """
    folder = settings.table.parent
    if settings.copy and settings.images.is_dir() and _is_within(folder, settings.images):
        raise UserError(f"--copy: {settings.table} lies among the images; name a table elsewhere with --out")
    parts = next((each for each in wanted if not each.whole), None)
    if parts is not None and not settings.copy:
        raise UserError(
            f"{parts.id} is a slice or channel of {parts.ref.path.name}, which no table can name; write the pictures "
            "as PNG beside the table with --copy"
        )
    tasks: list[Task] = []
    problems: list[Problem] = []
    named: set[str] = set()
    for each in wanted:
        name = f"{COPIES}/{copy_name(each.id)}" if settings.copy else _relative(each.ref.path, folder)
        try:
            row = Row(name, "", label_of(each), describer, domain, settings.mode, picture_seed(settings.seed, each.id))
            encoded(row)
        except ValueError as error:
            problems.append(Problem(each.id, f"no table can hold its name or label ({error})"))
            continue
        if name in named:
            problems.append(Problem(each.id, f"{name} has a row already"))
            continue
        named.add(name)
        tasks.append(Task(each, row))
    return tasks, problems


def picture_seed(seed: int, name: str) -> int:
    """A picture's own seed, 63 bits: it depends on the run's seed and the picture's name alone, not on its place."""
    digest = hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def copy_name(name: str) -> str:
    """A PNG's name for any id: the id where it is safe as a file name, else with a hash that keeps names apart."""
    safe = _UNSAFE.sub("_", name)[-100:]
    if safe != name:
        safe += f"-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"{safe}.png"


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(os.path.abspath(path), os.path.abspath(folder))).as_posix()


def _is_within(folder: Path, images: Path) -> bool:
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(images))
