"""MedICaT: figures of open-access papers with captions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.medicat_captions import modality_of
from synthmed.data.sources.tables import listed_file, read_jsonl, required_file
from synthmed.modality import canonical, image_name

_TABLE = "s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl"


@dataclass(frozen=True)
class Medicat:
    """``release/s2_full_figures_…_public.jsonl`` and ``release/figures/PDFHASH_FIGURI``.

    Layout: allenai/medicat:README.md and sample/sample.jsonl; the table's name from public readers. ``release`` may be
    ``root`` itself. There is no official split. The paper stands for the patient, so that the figures of one case stay
    on one side.

    Args:
        image: the field that the figures go into. They are of every kind, from radiographs to micrographs.
        radiology: only figures that the release marks as radiology.
        modality: only figures whose caption names this modality and no other; see `MODALITY_WORDS`. The release itself
            does not tell CT from MRI. Nobody looked at the pictures: figures of several panels stay.
    """

    image: str = "photo"
    radiology: bool = False
    modality: Literal["", "ct", "mri", "xray"] = ""

    summary: ClassVar[str] = "MedICaT: medical figures of open-access papers with captions"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """In the table's order; the id is the figure's file name, the licence its paper's.

        Raises:
            UserError: the table is missing, or ``image`` is not an image's name.
        """
        field = canonical(self.image)
        table = required_file(root, _TABLE, f"release/{_TABLE}")
        seen: set[str] = set()
        for item in read_jsonl(table):
            if isinstance(item, Problem):
                yield item
                continue
            line, row = item
            where = f"{table}:{line}"
            if self.radiology and row.get("radiology") is not True:
                continue
            paper, figure = row.get("pdf_hash"), row.get("fig_uri")
            caption = row.get("s2_caption") or row.get("s2orc_caption") or ""
            if not (isinstance(paper, str) and isinstance(figure, str) and isinstance(caption, str)):
                yield Problem(where, "a figure has pdf_hash, fig_uri and s2_caption, texts")
                continue
            if self.modality and modality_of(caption) != self.modality:
                continue
            name = f"{paper}_{figure}"
            file = listed_file(table.parent / "figures", name, where)
            if name in seen:
                yield Problem(where, f"figure {name[:200]!r} is there already")
            elif isinstance(file, Problem):
                yield file
            else:
                seen.add(name)
                yield Record(
                    id=name,
                    images={field: FileRef(file)},
                    patient=pseudonym("medicat", paper),
                    text=" ".join(caption.split()) or None,
                    text_kind="caption" if caption.strip() else "",
                    licence=_licence(row),
                    # A figure shows CT in a window that nobody tells; the recipe's part says which is assumed.
                    attributes={"window_missing": True} if image_name(field).modality == "ct" else {},
                )


def _licence(row: dict[str, Any]) -> str:
    value: Any = row.get("oa_info")
    for name in ("oa", "license"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else "not stated (MedICaT terms)"
