"""SLIVER07: contrast-enhanced abdominal CT with liver masks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthmed.data.identity import pseudonym
from synthmed.data.record import MaskRef, Problem, Record, Split
from synthmed.data.sources.volumes import check_rule, problem, slices_of
from synthmed.errors import UserError


@dataclass(frozen=True)
class SLIVER07:
    """Segmentation of the Liver 2007 (Heimann et al. 2009), 20 + 10 CT volumes in MetaImage files.

    Layout, from mjirik/lisa:experiments/20130919_liver_statistics.py, which reads the release of
    https://sliver07.grand-challenge.org (``sliver07/training-part1/liver-orig001.mhd``, ``liver-seg001.mhd``); the test
    folder's name and the voxels' types are from memory (types are read from each header anyway). The archives unpack to
    several folders (``training-part1``, ``training-part2``, or ``scan`` and ``label``), so that masks are looked for by
    number anywhere below ``root``; a volume in a folder whose name has ``test`` is of the test split, without masks::

        **/liver-orig001.mhd + .raw     MET_SHORT, Hounsfield units
        **/liver-seg001.mhd + .raw      MET_UCHAR, 1 = liver

    Slices are cut across the third array axis and turned by the header's TransformMatrix, which is said to be the
    identity even where a patient was scanned the other way round: do not rely on a slice's left and right.

    Attributes:
        slices: see `synthmed.data.slices.slice_indices`; by default every fourth that shows liver. Test volumes have no
            mask and need ``central`` or ``every:k``.
    """

    summary: ClassVar[str] = "SLIVER07 abdominal CT with liver masks, MetaImage"
    slices: str = "mask:4"

    def records(self, root: Path) -> Iterator[Record | Problem]:
        """One record a slice.

        Raises:
            UserError: no ``liver-orig*.mhd`` below ``root``, or no such slice rule.
        """
        check_rule(self.slices)
        images = sorted(root.rglob("liver-orig*.mhd"))
        if not images:
            raise UserError(f"{root}: there is no liver-orig001.mhd; give the folder into which SLIVER07 was unpacked")
        masks = {path.stem.removeprefix("liver-seg"): path for path in sorted(root.rglob("liver-seg*.mhd"))}
        for image in images:
            number = image.stem.removeprefix("liver-orig")
            place = image.relative_to(root)
            test = any(re.search("test", part, re.IGNORECASE) for part in place.parts[:-1])
            split: Split = "test" if test else "train"
            mask = None if test else masks.get(number)
            if mask is None and not test:
                yield Problem(str(image), f"there is no liver-seg{number}.mhd")
            try:
                slices = slices_of({"ct": image}, self.slices, 2, mask)
            except UserError as error:
                yield problem(image, error)
                continue
            for one in slices:
                yield Record(
                    id=f"{place.with_suffix('').as_posix()}{one.suffix}",
                    images=one.images,
                    # Training and test volumes are numbered from 1 each.
                    patient=pseudonym("sliver07", f"{split} {number}"),
                    split=split,
                    masks={} if one.mask is None else {"ct": MaskRef((one.mask,), {1: "liver"})},
                    licence="SLIVER07 terms: research use",
                )
