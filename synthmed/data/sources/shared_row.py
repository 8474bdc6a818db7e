"""What a row of shared/data's JSON lines says, beside its files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Literal

from synthmed.data.sources.fields import labels_from
from synthmed.data.sources.tables import facts
from synthmed.sample import NO_FINDING, Scalar

_NEGATIVE = frozenset(("No Finding", "normal", "notumor", "no tumour in slice", "healthy"))
_FIELDS = {
    "X-ray": "xray",
    "CT": "ct",
    "MRI": "mri",
    "dermoscopy": "photo",
    "microscopy": "photo",
    "fundus photograph": "photo",
    "T1": "mri",
    "T1pre": "mri",
    "T1 pre-contrast": "mri",
    "T1post": "mri.t1c",
    "T1 post-contrast": "mri.t1c",
    "T2": "mri.t2",
    "FLAIR": "mri.flair",
    "MR": "mri",
}
_FACTS = {name: name for name in ("age", "sex", "view", "body_part", "region_from_score")}


_NAMES = ("files", "labels", "channels", "missing_channels")
_KINDS: dict[str, type] = {
    **dict.fromkeys(("masks", "volumes", "clinical"), dict),
    **dict.fromkeys(("boxes", "window"), list),
    **dict.fromkeys(("id", "modality"), str),
}


def wrong(row: Mapping[str, Any]) -> str:
    """What about the row is not as the README says; ``""`` for a sound one."""
    if not row.get("id"):
        return "no id"
    bad = [
        f"{key} is not a {kind.__name__}" for key, kind in _KINDS.items() if not isinstance(row.get(key), kind | None)
    ]
    for key in _NAMES:
        value = row.get(key) or []
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            bad.append(f"{key} is not a list of names")
    if not bad and row.get("window") and window(row) is None:
        return "window is not two numbers"
    return "; ".join(bad)


def window(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """(low, high) HU, None without."""
    match row.get("window"):
        case [int() | float() as low, int() | float() as high]:
            return float(low), float(high)
    return None


def field_of(name: str) -> str:
    """The image name of a row's ``modality``, of a channel or of a volume; ``""`` for PET, label maps and the like."""
    return _FIELDS.get(name, "")


def labels(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The row's labels; a class that stands for health is "no finding"."""
    return labels_from((NO_FINDING if name in _NEGATIVE else name for name in row.get("labels") or ()), "")


def text(row: Mapping[str, Any]) -> tuple[str | None, Literal["report", "caption", "template", ""]]:
    """The report where there is one, else the caption, and which it is."""
    if row.get("report"):
        return str(row["report"]), "report"
    if row.get("caption"):
        return str(row["caption"]), "template" if str(row.get("caption_source")).startswith("template") else "caption"
    return None, ""


def shippable(row: Mapping[str, Any]) -> bool:
    """Whether weights trained on the row may be given away, by the README's section *Licences*."""
    reuse, part = row.get("reuse"), row.get("part")
    # The class's origin is unclear, whatever the row says.
    if str(part).startswith("mri_tumor") and "notumor" in (row.get("labels") or ()):
        return False
    if part == "ct_slices" and reuse == "attribution; see CADLab LICENSE.md":
        return True
    return reuse in ("yes", "attribution")


def attributes(row: Mapping[str, Any]) -> dict[str, Scalar]:
    """Age, sex, view, body part and clinical values; ``window_missing`` for a CT slice that has lost its window."""
    found = facts({key: str(value) for key, value in row.items() if value is not None}, _FACTS)
    for name, value in (row.get("clinical") or {}).items():
        if name.endswith(("_val", "_offset")):
            with contextlib.suppress(TypeError, ValueError):  # a value that is not told
                found[f"clinical.{name}"] = float(value)
    if row.get("modality") == "CT" and "image" in row and not row.get("window"):
        found["window_missing"] = True
    return found
