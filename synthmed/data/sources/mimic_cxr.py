"""MIMIC-CXR-JPG, with the reports of MIMIC-CXR."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record, Split
from synthmed.data.sources.chexpert import FINDINGS, Uncertain, chexpert_labels
from synthmed.data.sources.tables import facts, listed_file, read_csv, read_text, required_file

_SPLITS: dict[str, Split] = {"train": "train", "validate": "val", "test": "test"}
# A heading stands at the start of a line, behind one blank: section_parser.py of MIT-LCP/mimic-cxr, read in copies.
_HEADING = re.compile(r"^ ?([A-Z][A-Z ()/,-]*):\s", re.MULTILINE)


@dataclass(frozen=True)
class MimicCxr:
    """``mimic-cxr-2.0.0-{split,chexpert,metadata}.csv[.gz]`` and ``files/pXX/pSUBJECT/sSTUDY/DICOM.jpg``.

    Layout: https://physionet.org/content/mimic-cxr-jpg/2.1.0 and mlmed/torchxrayvision:torchxrayvision/datasets.py;
    reports as ``mimic-cxr-reports.zip`` unpacks, ``files/pXX/pSUBJECT/sSTUDY.txt`` (public readers).

    Args:
        reports: the folder that holds the reports' ``files``, below ``root`` or absolute; where it is not there, they
            are looked for among the images, and where none is there either, the records have no text.
        sections: the report's sections to keep; with more than one, each begins with its name, as ``FINDINGS:``.
        views: only images of these ``ViewPosition``, such as ``("AP", "PA")``; none keeps all.
        uncertain: see `CheXpert`; a study without a row in the label table has no labels.
    """

    reports: str = "mimic-cxr-reports"
    sections: tuple[str, ...] = ("findings", "impression")
    views: tuple[str, ...] = ()
    uncertain: Uncertain = "mixed"

    summary: ClassVar[str] = "MIMIC-CXR-JPG chest X-rays with reports, 14 labels and the official split"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record an image, in the split table's order; a study's images share its report and labels.

        Raises:
            UserError: one of the three tables is missing or lacks a column, or ``uncertain`` is none of its values.
        """
        split, chexpert, metadata = (
            required_file(root, f"mimic-cxr-2.0.0-{name}.csv.gz", f"mimic-cxr-2.0.0-{name}.csv")
            for name in ("split", "chexpert", "metadata")
        )
        labels: dict[str, tuple[str, ...]] = {}
        for item in read_csv(chexpert, ("subject_id", "study_id", "No Finding", *FINDINGS), key="study_id"):
            if isinstance(item, Problem):
                yield item
                continue
            found = chexpert_labels(item[1], self.uncertain, f"{chexpert}:{item[0]}")
            if isinstance(found, Problem):
                yield found
            else:
                labels[item[1]["study_id"]] = found
        views: dict[str, str] = {}
        for item in read_csv(metadata, ("dicom_id", "ViewPosition"), key="dicom_id"):
            if isinstance(item, Problem):
                yield item
            else:
                views[item[1]["dicom_id"]] = item[1]["ViewPosition"]
        folder = root / self.reports if os.path.isdir(root / self.reports / "files") else root
        text: str | Problem | None = None
        study = ""
        for item in read_csv(split, ("dicom_id", "study_id", "subject_id", "split"), key="dicom_id"):
            if isinstance(item, Problem):
                yield item
                continue
            line, row = item
            where = f"{split}:{line}"
            view = views.get(row["dicom_id"], "")
            if self.views and view not in self.views:
                continue
            patient = f"files/p{row['subject_id'][:2]}/p{row['subject_id']}/s{row['study_id']}"
            file = listed_file(root, f"{patient}/{row['dicom_id']}.jpg", where)
            if patient != study:
                study, text = patient, self._report(root, folder, f"{patient}.txt", where)
            if row["split"] not in _SPLITS:
                yield Problem(where, f"split {row['split'][:40]!r}; it may be train, validate or test")
            elif isinstance(file, Problem):
                yield file
            elif isinstance(text, Problem):
                yield text
            else:
                yield Record(
                    id=row["dicom_id"],
                    images={"xray": FileRef(file)},
                    patient=pseudonym("mimic_cxr", row["subject_id"]),
                    split=_SPLITS[row["split"]],
                    labels=labels.get(row["study_id"], ()),
                    text=text or None,
                    text_kind="report" if text else "",
                    licence="PhysioNet Credentialed Health Data License 1.5.0",
                    attributes=facts({"view": view}, {"view": "view"}),
                )

    def _report(self, root: Path, folder: Path, name: str, where: str) -> str | Problem:
        file = listed_file(folder, name, where)
        if isinstance(file, Problem):
            # Without the reports' own folder they are optional; with it, each study has one.
            return "" if folder == root else file
        text = read_text(file)
        return text if isinstance(text, Problem) else join_sections(report_sections(text), self.sections)


def report_sections(text: str) -> dict[str, str]:
    """A report's sections by lower-case heading, blanks and line ends made one blank; the last of a name counts."""
    parts = _HEADING.split(text)
    return {
        name.strip().lower(): " ".join(body.split())
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
        if body.strip()
    }


def join_sections(sections: dict[str, str], wanted: Sequence[str]) -> str:
    """The wanted sections in order, ``""`` where there are none; a joint heading goes under its first wanted name."""
    left = dict(sections)
    texts = []
    for name in wanted:
        heading = name if name in left else next((heading for heading in left if name in heading), "")
        if body := left.pop(heading, ""):
            texts.append(f"{name.upper()}: {body}" if len(wanted) > 1 else body)
    return " ".join(texts)
