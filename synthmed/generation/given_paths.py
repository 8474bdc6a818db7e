"""``NAME=PATH``: conditions from files or folders as they lie, without a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from synthmed.errors import UserError
from synthmed.modality import canonical

MAX_REPORT_BYTES = 2**20
_REPORTS = (".txt", ".md")
_NO_IMAGES = (*_REPORTS, ".csv", ".tsv", ".json", ".jsonl", ".xml", ".pdf")


def parse_given(values: Sequence[str]) -> Path | dict[str, Path]:
    """The command line's ``--given``: one table, or ``NAME=PATH`` for each field.

    Raises:
        UserError: several tables, a table beside fields, or a field twice.
    """
    if len(values) == 1 and ("=" not in values[0] or Path(values[0]).exists()):
        return Path(values[0])
    found: dict[str, Path] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or not name or not path:
            raise UserError(f"--given {value}: give one CSV or JSONL file, or NAME=PATH for each field, as mri.t2=t2/")
        if name in found:
            raise UserError(f"--given {value}: {name} is given twice; put its files into one folder")
        found[name] = Path(path)
    return found


def rows_of_paths(paths: Mapping[str, Path]) -> list[dict[str, str]]:
    """A row a file: of folders, the files of one name (``t1/a.png`` with ``t2/a.nii.gz``), in sorted order.

    A single file goes into every row. In a folder of ``report`` the ``.txt`` and ``.md`` files count, in any other all
    but texts and tables; files in folders below and hidden ones never do. ``~`` is the user's folder.

    Raises:
        UserError: a path is missing, a folder has no file or no partner for one, or a report is not text.
    """
    named = {canonical(name): path.expanduser() for name, path in paths.items()}
    if "labels" in named:
        raise UserError("given labels: labels are words, not files; write --labels, or a table")
    folders = {name: _files(path, name) for name, path in named.items() if path.is_dir()}
    stems = sorted({stem for files in folders.values() for stem in files}) or [""]
    rows = []
    for stem in stems:
        row = {}
        for name, path in named.items():
            if name in folders and stem not in folders[name]:
                other = next(files[stem] for files in folders.values() if stem in files)
                raise UserError(f"given {name}: {path} has no {stem}.* to go with {other}; add it, or move that away")
            file = folders[name][stem] if name in folders else path
            row[name] = _report(file) if name == "report" else str(file)
        rows.append(row)
    return rows


def _files(folder: Path, name: str) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        wanted = suffix in _REPORTS if name == "report" else suffix not in _NO_IMAGES
        if path.name.startswith(".") or not path.is_file() or not wanted:
            continue
        stem = _stem(path.name)
        if stem in files:
            raise UserError(f"given {name}: {files[stem]} and {path.name} are of one name; move one away")
        files[stem] = path
    if not files:
        raise UserError(f"given {name}: {folder} has no {'text' if name == 'report' else 'image'} file")
    return files


def _stem(name: str) -> str:
    stem, _, suffix = name.removesuffix(".gz").rpartition(".")
    # DICOM files are often named by their UID alone, 1.2.840.5.
    return stem if stem and not suffix.isdigit() else name


def _report(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_REPORT_BYTES + 1)
        if len(data) > MAX_REPORT_BYTES:
            raise UserError(f"given report: {path} is over {MAX_REPORT_BYTES} bytes")
        return data.decode("utf-8-sig").strip()
    except OSError as error:
        raise UserError(f"given report: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"given report: {path}: not text in UTF-8") from None
