"""Indiana University chest X-rays (Open-i), as released and as R2Gen cut them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

from synthmed.data.identity import pseudonym
from synthmed.data.record import FileRef, Problem, Record
from synthmed.data.sources.mimic_cxr import join_sections
from synthmed.data.sources.tables import listed_file, parse_json, read_text
from synthmed.errors import UserError
from synthmed.sample import NO_FINDING

_LICENCE = "Open-i terms of use"
_R2GEN_BYTES = 1 << 26


@dataclass(frozen=True)
class IuXray:
    """``ecgen-radiology/*.xml`` with ``NLMCXR_png/*.png``, or R2Gen's ``annotation.json`` with ``images/``.

    Layout: mlmed/torchxrayvision:torchxrayvision/datasets.py (``Openi_Dataset``: uId, MeSH/major, parentImage) and
    cuhksz-nlp/R2Gen:data/iu_xray/r2gen/annotation.json; the folders' names from public
    readers. The XML release has no official split, R2Gen's has.

    A record is one image; a study's images share its report and labels. Labels are the XML's MeSH headings in lower
    case without qualifiers (``Opacity/lung/base`` is ``opacity``); R2Gen's file has none, and its reports are the
    findings alone.

    Args:
        images: the XML release's image folder.
        sections: the XML reports' sections to keep; with more than one, each begins with its name, as ``FINDINGS:``.
    """

    images: str = "NLMCXR_png"
    sections: tuple[str, ...] = ("findings", "impression")

    summary: ClassVar[str] = "IU X-ray: chest X-rays with reports (Open-i XML, or R2Gen's annotation.json)"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """By study number, or in R2Gen's order.

        Raises:
            UserError: neither ``ecgen-radiology`` nor ``annotation.json`` is there, or the latter is not R2Gen's.
        """
        if os.path.isfile(root / "annotation.json"):
            yield from _r2gen(root)
            return
        reports = sorted((root / "ecgen-radiology").glob("*.xml"), key=lambda path: (len(path.name), path.name))
        if not reports:
            raise UserError(f"{root}: there is no ecgen-radiology/*.xml or annotation.json; give the folder above")
        seen: set[str] = set()
        for path in reports:
            text = read_text(path)
            if isinstance(text, Problem):
                yield text
            elif "<!DOCTYPE" in text:
                # The release has none, and entities could fill the memory.
                yield Problem(str(path), "has a document type")
            else:
                yield from self._study(root, path, text, seen)

    def _study(self, root: Path, path: Path, text: str, seen: set[str]) -> Iterator[Record | Problem]:
        try:
            study = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            yield Problem(str(path), f"not XML: {error}")
            return
        number = study.find("uId")
        patient = number.get("id", "") if number is not None else ""
        sections = {
            node.get("Label", "").lower(): " ".join(node.text.split())
            for node in study.iter("AbstractText")
            if node.text and node.text.strip()
        }
        report = join_sections(sections, self.sections)
        labels = [(node.text or "").split("/")[0].strip().lower() for node in study.findall(".//MeSH/major")]
        found = dict.fromkeys(label for label in labels if label not in ("", "normal", "no indexing"))
        images = [node.get("id", "") for node in study.iter("parentImage")]
        if not images:
            yield Problem(str(path), "names no image")
        for image in images:
            file = listed_file(root / self.images, f"{image}.png", str(path))
            if image in seen:
                file = Problem(str(path), f"image {image[:200]!r} is there already")
            if isinstance(file, Problem):
                yield file
                continue
            seen.add(image)
            yield Record(
                id=image,
                images={"xray": FileRef(file)},
                patient=pseudonym("iu_xray", patient),
                labels=tuple(found) or ((NO_FINDING,) if "normal" in labels else ()),
                text=report or None,
                text_kind="report" if report else "",
                licence=_LICENCE,
            )


def _r2gen(root: Path) -> Iterator[Record | Problem]:
    path = root / "annotation.json"
    text = read_text(path, _R2GEN_BYTES)
    if isinstance(text, Problem):
        raise UserError(str(text))
    try:
        parts = parse_json(text)
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    seen: set[str] = set()
    for split in ("train", "val", "test"):
        studies = parts.get(split) if isinstance(parts, dict) else None
        if not isinstance(studies, list):
            raise UserError(f"{path}: there is no list {split!r}; R2Gen's file has train, val and test")
        for number, study in enumerate(studies):
            where = f"{path}:{split}[{number}]"
            if not _is_study(study):
                yield Problem(where, "a study has id and report, texts, and image_path, a list of texts")
                continue
            if study["id"] in seen:
                yield Problem(where, f"id {study['id'][:200]!r} is there already")
                continue
            seen.add(study["id"])
            report = " ".join(study["report"].split())
            for name in study["image_path"]:
                file = listed_file(root / "images", name, where)
                if isinstance(file, Problem):
                    yield file
                    continue
                yield Record(
                    id=name,
                    images={"xray": FileRef(file)},
                    # CXR2384_IM-0942: the XML's uId comes first.
                    patient=pseudonym("iu_xray", study["id"].partition("_")[0]),
                    split=split,
                    text=report or None,
                    text_kind="report" if report else "",
                    licence=_LICENCE,
                )


def _is_study(study: Any) -> bool:
    return (
        isinstance(study, dict)
        and all(isinstance(study.get(name), str) for name in ("id", "report"))
        and isinstance(study.get("image_path"), list)
        and all(isinstance(name, str) for name in study["image_path"])
    )
