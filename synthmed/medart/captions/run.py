"""``synthmed caption``: a folder of images to a table of captions, which the same command goes on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from synthmed.errors import UserError
from synthmed.medart.captions.describing import captions_of
from synthmed.medart.captions.domain import domain_of, load_domain
from synthmed.medart.captions.labels import label_reader
from synthmed.medart.captions.options import make_describer
from synthmed.medart.captions.pace import Pace
from synthmed.medart.captions.pictures import find_pictures
from synthmed.medart.captions.protocol import Failure
from synthmed.medart.captions.settings import Settings
from synthmed.medart.captions.table import CaptionTable, open_table
from synthmed.medart.captions.tasks import Task, plan_tasks
from synthmed.modality import image_name


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        table: the CSV file.
        described: captions that this run wrote.
        kept: captions that were there.
        failed: one line for each picture without a caption, and for each problem of the source.
        failures: the file that holds those lines; None where there are none.
        unlabelled: pictures without a label.
        outside: whether the table names images that do not lie below it.
    """

    table: Path
    described: int
    kept: int
    failed: tuple[str, ...]
    failures: Path | None
    unlabelled: int
    outside: bool


def run_captions(
    settings: Settings,
    *,
    on_start: Callable[[int, int], None] = lambda total, done: None,
    on_picture: Callable[[], None] = lambda: None,
) -> Summary:
    """Describe every picture that the table does not have yet.

    A picture that cannot be read or described is left out, listed in ``<table>.failed.txt``, and tried again by the
    next run.

    Args:
        on_start: told how many pictures there are and how many are in the table.
        on_picture: called after each further one.

    Raises:
        UserError: no image, a wrong name or option, a table that is not this run's, another run at work on it, or not
            one picture that could be described.
    """
    given = load_domain(settings.domain) if settings.domain else None
    wanted, problems = find_pictures(
        settings.images,
        settings.source,
        settings.source_options,
        given.modality if given else "photo" if settings.source == "folder" else "",
    )
    wanted = wanted[: settings.limit or None]
    domain = given or load_domain(domain_of(image_name(wanted[0].image).modality))
    describer = make_describer(settings.describer, settings.describer_options)
    name = describer.name if settings.mode == "full" else "none"
    label_of = label_reader(settings.labels, settings.images)
    tasks, refused = plan_tasks(wanted, settings, domain.name, name, label_of)
    failed = _Failures(settings.table, [str(problem) for problem in (*problems, *refused)])
    pace = Pace(settings.per_minute if settings.mode == "full" else 0)
    with _locked(settings.table), open_table(settings.table, [task.row for task in tasks], _replace(settings)) as table:
        left = [task for task in tasks if task.row.file_name not in table.rows]
        on_start(len(tasks), len(tasks) - len(left))
        failed.begin()
        for start in range(0, len(left), settings.batch):
            batch = left[start : start + settings.batch]
            pace.wait(len(batch))
            _fill(table, failed, batch, captions_of(batch, settings, domain, describer), on_picture)
        if not table.rows:
            raise UserError(f"not one picture of {len(wanted)} could be described; the first: {failed.lines[0]}")
        described = sum(task.row.file_name in table.rows for task in left)
    return Summary(
        settings.table,
        described,
        len(tasks) - len(left),
        tuple(failed.lines),
        failed.path if failed.lines else None,
        sum(not task.row.label for task in tasks),
        any(task.row.file_name.startswith("../") for task in tasks),
    )


def _fill(
    table: CaptionTable,
    failed: _Failures,
    batch: Sequence[Task],
    texts: Sequence[str | Failure],
    on_picture: Callable[[], None],
) -> None:
    for task, text in zip(batch, texts, strict=True):
        if isinstance(text, Failure):
            failed.add(f"{task.wanted.id}: {text.reason}")
        else:
            table.add([replace(task.row, text=text)])
        on_picture()


class _Failures:
    """The side file: what has no caption and why, a line each."""

    def __init__(self, table: Path, lines: Sequence[str]) -> None:
        self.path = table.with_name(f"{table.stem}.failed.txt")
        self.lines = list(lines)

    def begin(self) -> None:
        """Forget what an earlier run could not do."""
        self.path.unlink(missing_ok=True)
        if self.lines:
            self._write("w", self.lines)

    def add(self, line: str) -> None:
        self.lines.append(line)
        self._write("a", [line])

    def _write(self, mode: str, lines: Sequence[str]) -> None:
        with self.path.open(mode, encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(" ".join(line.split()) + "\n" for line in lines)


def _replace(settings: Settings) -> bool:
    """Whether a table that is not this run's may go; never the one that the labels come from.

    Raises:
        UserError: ``--overwrite`` would destroy the labels.
    """
    if not settings.overwrite or not settings.table.exists():
        return settings.overwrite
    file = Path(settings.labels.rpartition(":")[0] or "/")
    read = file.exists() and file.samefile(settings.table)
    if read or settings.source == "imagefolder":
        raise UserError(f"{settings.table}: the labels come from it; name another table with --out")
    return True


@contextmanager
def _locked(table: Path) -> Iterator[None]:
    lock = FileLock(table.with_name(f".{table.name}.lock"), timeout=0)
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(f"{table}: another run is filling it; wait for it, or name another with --out") from None
    except OSError as error:
        raise UserError(f"{table}: cannot write there ({error.strerror}); name another with --out") from None
    try:
        yield
    finally:
        lock.release()
