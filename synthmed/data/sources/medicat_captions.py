"""Which modality a figure's caption names, by the words of radiologists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

MODALITY_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ct": (r"(?:HR|MD|CB|CE|NC)?CTs?", "CTA", r"comput(?:ed|eri[sz]ed) (?:axial )?tomograph(?:y|ic|ies)"),
        "mri": ("MRIs?", "MR", "MRA", "MRCP", "magnetic resonance", r"T[12]-?(?: ?weighted|W|WI)", "FLAIR", "DWI"),
        "xray": ("X[- ]?rays?", "CXR", r"radiogra(?:phs?|phic|phy)", r"roentgenogra(?:ms?|phs?)", "plain films?"),
        "nuclear": ("PET", "positron[- ]emission", "SPECT", r"scintigra(?:m|ms|phy|phic)"),
        "ultrasound": (
            r"ultraso(?:und|unds|nic|nography|nographic|nogram)",
            r"sonogra(?:m|ms|phy|phic)",
            r"echocardiogra(?:m|ms|phy|phic)",
            "doppler",
        ),
        "visible light": (
            r"(?:endoscop|colonoscop|bronchoscop|microscop|histolog|histopatholog)(?:y|ic|ical)",
            r"(?:photo|micro|photomicro)graphs?",
            "H&E",
            r"ha?ematoxylin",
            "fundus",
        ),
    }
)
"""Expressions by modality, each a whole word or words. What is no X-ray, CT or MRI is there to tell figures of several
kinds apart."""

# Initials only count as capitals: "ct" is a threshold's name, "pet" an animal.
_INITIALS = re.compile(r"[A-Z()?:|&12]*[A-Z]{2}")


def modality_of(caption: str) -> str | None:
    """The one modality of `MODALITY_WORDS` that a caption names; None where it names none, or several.

    A figure whose caption names several has panels of each, or was only compared with the others.
    """
    found = [name for name, pattern in _PATTERNS.items() if pattern.search(caption)]
    return found[0] if len(found) == 1 else None


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    each = [word if _INITIALS.match(word) else f"(?i:{word})" for word in words]
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(each)})(?![A-Za-z0-9])")


_PATTERNS = {name: _pattern(words) for name, words in MODALITY_WORDS.items()}
