"""Reading a report: which findings it affirms, with side, place and size, by rules that know negation.

A sentence is cut into clauses; a term counts unless its clause negates it before ("no", "without", "neither … nor",
"free of") or after ("is absent"). What an image does not show ("not seen on the radiograph") negates no finding.
"""

from __future__ import annotations

import re

from synthmed.phantom.findings import Wanted
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.report import ORDINALS
from synthmed.sample import NO_FINDING

_TERMS: dict[str, re.Pattern[str]] = {
    "nodule": re.compile(r"\bnodul(?:e|es|ar opacit(?:y|ies))\b"),
    "mass": re.compile(r"\bmass(?:es)?\b(?! effect)"),
    "consolidation": re.compile(r"\bconsolidati(?:on|ons|ve opacity)\b|\bairspace (?:opaci\w+|disease)|\bpneumonia\b"),
    "pleural effusion": re.compile(r"\b(?<!pericardial )effusions?\b|\bpleural fluid\b|\bhydrothorax\b"),
    "pneumothorax": re.compile(r"\bpneumothora(?:x|ces)\b|\bpleural air\b|\bair in the pleura"),
    "cardiomegaly": re.compile(
        r"\bcardiomegaly\b|\bcardiac enlargement\b|\benlargement of the (?:heart|cardiac)|\benlarged (?:heart|cardiac)"
        r"|\b(?:heart|cardiac silhouette) is (?:\w+ )?enlarged\b"
    ),
    "atelectasis": re.compile(r"\batelecta(?:sis|ses|tic)\b|\bsubsegmental collapse\b|\blobar collapse\b"),
    "rib lesion": re.compile(r"\b(?:rib|bone|bony|osseous) lesions?\b"),
    "mediastinal enlargement": re.compile(
        r"\bmediastin(?:al|um) (?:is )?(?:enlarge\w*|widen\w*|lymphadenopathy|adenopathy)"
        r"|\b(?:widened|enlarged) mediastin"
    ),
    "hilar enlargement": re.compile(
        r"\bhilar (?:enlargement|lymphadenopathy|adenopathy|prominence)|\b(?:prominent|enlarged) hil(?:um|a|ar)\b"
    ),
}
_NEGATION = re.compile(
    r"\b(?:no|not|without|neither|nor|free of|negative for|absence of|rules? out|ruled out|denies)\b"
)
_AFTER = re.compile(r"\b(?:is|are|was|were) (?:absent|excluded|ruled out|resolved)\b|\b(?:has|have) resolved\b")
_AFFIRM = re.compile(r"\b(?:but|however|although|except for|shows?|demonstrates?|depicts?)\b")
_SIDE = re.compile(r"\b(right|left)\b")
_SIZE = re.compile(r"\b(\d+(?:\.\d+)?)\s*-?(mm|cm)\b")
_RIB = re.compile(r"\b(?:(\d+)(?:th|rd|st|nd)|(" + "|".join(ORDINALS.values()) + r")) rib\b")
_LOBE = re.compile(r"\b(upper lobe|middle lobe|lower lobe|lingula)\b")
_NUMBERS = {word: number for number, word in ORDINALS.items()}


def parse_report(text: str) -> list[Wanted]:
    """The findings that the text affirms, in the order of their first mention; what it does not say is None."""
    found: dict[str, Wanted] = {}
    for sentence in re.split(r"(?<=[.:])(?!\d)\s+|\n+", text.lower()):
        for clause in re.split(r";", sentence):
            for kind in _affirmed(clause):
                found[kind] = _merge(found.get(kind), _details(kind, sentence))
    return list(found.values())


def parse_labels(text: str) -> list[str]:
    """The labels of a report: the kinds that it affirms, else ``["no finding"]``."""
    return [wanted.kind for wanted in parse_report(text)] or [NO_FINDING]


def _affirmed(clause: str) -> list[str]:
    hits = []
    for kind, pattern in _TERMS.items():
        for match in pattern.finditer(clause):
            if not _negated(clause, match.start(), match.end()):
                hits.append((match.start(), kind))
                break
    return [kind for _, kind in sorted(hits)]


def _negated(clause: str, start: int, end: int) -> bool:
    before = clause[:start]
    turn = [match.end() for match in _AFFIRM.finditer(before)]
    if _NEGATION.search(before[turn[-1] if turn else 0 :]):
        return True
    after = clause[end:]
    return bool(_AFTER.search(after)) or (clause[start:end].endswith("enlarged") and " not " in clause[start:end])


def _details(kind: str, sentence: str) -> Wanted:
    side, size, place = _SIDE.search(sentence), _SIZE.search(sentence), _LOBE.search(sentence)
    where = place.group(1) if place else None
    rib = _RIB.search(sentence)
    if kind == "rib lesion":
        where = f"{rib.group(1) or _NUMBERS[rib.group(2)]}th rib" if rib else None
    places = {spot for spots in KINDS[kind].places.values() for spot in spots}
    millimetres = round(float(size.group(1)) * (10 if size.group(2) == "cm" else 1)) if size else None
    return Wanted(
        kind,
        side.group(1) if side and "" not in KINDS[kind].places else "left" if where == "lingula" else None,
        where if where in places else None,
        millimetres,
    )


def _merge(first: Wanted | None, second: Wanted) -> Wanted:
    if first is None:
        return second
    return Wanted(first.kind, first.side or second.side, first.place or second.place, first.size_mm or second.size_mm)
