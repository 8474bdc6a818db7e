"""The report: what a radiologist would write about the patient, given what each image shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from synthmed.phantom import wording
from synthmed.phantom.findings import Finding
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.patient import Patient
from synthmed.phantom.wording import pick

ORDINALS = {4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth"}
_LUNG = ("nodule", "mass", "consolidation", "atelectasis")
_PAIRS = (("nodule", "mass"), ("pleural effusion", "pneumothorax"))


def write_report(rng: np.random.Generator, patient: Patient, seen: Mapping[str, Sequence[str]], group: str) -> str:
    """Findings and impression in the words of one wording group (``all``, ``a`` or ``b``).

    Args:
        rng: the stream of the wording; the images do not depend on it.
        seen: the kinds that can be seen, by image (``xray``, ``ct``, ``mri``, ``mri.t2``, ``mri.pd``).
        group: which of every slot's entries may be used.
    """
    findings = patient.findings
    kinds = {finding.kind for finding in findings}
    positive = [_describe(rng, finding, seen, group) for finding in findings]
    negative = _absent(rng, kinds, group)
    for part in (positive, negative):
        rng.shuffle(part)
    # Some radiologists go from normal to abnormal, some the other way round.
    sentences = positive + negative if rng.random() < 0.7 else negative + positive
    summary = [_phrase(rng, pick(rng, wording.SUMMARY, group), finding, group) for finding in findings]
    if not summary:
        summary = [pick(rng, wording.NORMAL, group)]
    elif len(summary) > 1 and rng.random() < 0.5:
        summary = [f"{number}) {line}" for number, line in enumerate(summary, 1)]
    pairs = wording.HEADERS if group == "all" else wording.HEADERS[0::2] if group == "a" else wording.HEADERS[1::2]
    head, tail = pairs[int(rng.integers(len(pairs)))]
    person = pick(rng, wording.PERSON[patient.frame.sex], group)
    opening = pick(rng, wording.EXAMINATION, group).format(person=person, age=patient.frame.age)
    return " ".join(filter(None, [_capital(opening), head, *sentences, tail, *summary]))


def _describe(rng: np.random.Generator, finding: Finding, seen: Mapping[str, Sequence[str]], group: str) -> str:
    text = _phrase(rng, pick(rng, wording.PRESENT, group), finding, group)
    film, section = finding.kind in seen["xray"], finding.kind in seen["ct"]
    resonance = any(finding.kind in seen[name] for name in seen if name.startswith("mri"))
    if film:
        shown = [pick(rng, wording.ON_FILM, group)] if rng.random() < 0.4 else []
        if not section and not resonance:
            shown.append(pick(rng, wording.NOT_IN_SLICE, group))
    elif section or resonance:
        shown = [pick(rng, wording.NOT_ON_FILM if section else wording.MRI_ONLY, group)]
    else:
        shown = [pick(rng, wording.NOWHERE, group)]
    if section and not resonance:
        shown.append(pick(rng, wording.NOT_ON_MRI, group))
    return " ".join([text, *shown])


def _phrase(rng: np.random.Generator, template: str, finding: Finding, group: str) -> str:
    term = pick(rng, wording.TERMS[finding.kind], group)
    if rng.random() < 0.6:
        term = _qualify(term, pick(rng, wording.SEVERITY[finding.severity], group))
    text = template.format(np=term, where=_where(rng, finding, group), size=_size(rng, finding.size_mm))
    return _capital(text.replace("  ", " ").replace(" ,", ",").replace(" .", ".").replace(" ;", ";"))


def _qualify(term: str, adjective: str) -> str:
    article, _, noun = term.partition(" ") if term.startswith(("a ", "an ")) else ("", "", term)
    if not article:
        return f"{adjective} {noun}"
    return f"{'an' if adjective[0] in 'aeiou' else 'a'} {adjective} {noun}"


def _where(rng: np.random.Generator, finding: Finding, group: str) -> str:
    if not finding.side:
        return ""
    place = finding.place
    if finding.kind == "rib lesion" and rng.random() < 0.5:
        place = f"{ORDINALS[int(place[0])]} rib"
    slots = {"pleural space": wording.ON_SIDE, "hilum": wording.AT_HILUM}
    return pick(rng, slots.get(finding.place, wording.IN_PLACE), group).format(side=finding.side, place=place)


def _size(rng: np.random.Generator, size_mm: int) -> str:
    return f"{size_mm} mm" if rng.random() < 0.6 else f"{size_mm / 10:.1f} cm"


def _absent(rng: np.random.Generator, kinds: set[str], group: str) -> list[str]:
    """Sentences that rule out some of the kinds that the patient does not have."""
    left = {kind for kind in KINDS if kind not in kinds}
    said: list[str] = []
    if not kinds & set(_LUNG) and rng.random() < 0.7:
        said.append("lungs")
    for first, second in _PAIRS:
        if {first, second} <= left and rng.random() < 0.7:
            left -= {first, second}
            said.append(f"{first} {second}")
    said += [kind for kind in KINDS if kind in left and rng.random() < 0.5]
    return [pick(rng, wording.ABSENT[topic], group) for topic in said]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
