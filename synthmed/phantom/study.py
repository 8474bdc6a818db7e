"""One sample: the patient of a seed, imaged, labelled and reported as a request asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence

import numpy as np

from synthmed.phantom.axial import Map, cut
from synthmed.phantom.config import Config
from synthmed.phantom.ct import scan_ct
from synthmed.phantom.findings import Finding
from synthmed.phantom.from_mask import film_of, mask_spacing, structures_of
from synthmed.phantom.given import checked_mask, wanted_findings
from synthmed.phantom.grid import film_grid, slice_grid
from synthmed.phantom.kinds import KINDS
from synthmed.phantom.labelmap import boxes_of, for_image
from synthmed.phantom.mri import scan_mri
from synthmed.phantom.patient import Patient, draw_patient
from synthmed.phantom.projection import Film, project
from synthmed.phantom.report import write_report
from synthmed.phantom.tissue import MASK_NAMES
from synthmed.phantom.visibility import Seen, seen_in_slice, seen_on_film
from synthmed.phantom.xray import Exposure, expose
from synthmed.protocols import Request
from synthmed.sample import NO_FINDING, Image, Sample, Scalar

IMAGES = ("xray", "ct", "mri", "mri.t2", "mri.pd")
MASKS = ("xray.mask", "ct.mask", "mri.mask")
FIELDS = ("report", "labels", *IMAGES, *MASKS)
"""Every name that can be asked for."""
_STREAMS = ("anatomy", "wording", *IMAGES)


def stream(seed: int, name: str) -> np.random.Generator:
    """The seed's random numbers for one purpose, so that none of them shifts another's."""
    return np.random.default_rng((seed, _STREAMS.index(name)))


def render_sample(request: Request, to: Collection[str], seed: int, config: Config) -> Sample:
    """The sample of one request and seed; ``to`` holds the request's canonical names.

    Raises:
        UserError: a given value that cannot be used.
    """
    for name in MASKS:
        if name in request.given:
            return _from_mask(request, name, to, seed, config)
    patient = draw_patient(stream(seed, "anatomy"), wanted_findings(request.given))
    sample = Sample(labels=_or_none([finding.kind for finding in patient.findings]), prompt=request.prompt)
    sample.attributes = _attributes(patient, patient.findings)
    seen: dict[str, Sequence[str]] = {}
    images = {name.removesuffix(".mask") for name in to} & set(IMAGES)
    # The report tells what every image shows, so it needs all of them, though without their noise.
    if "xray" in images or "report" in to:
        grid = film_grid(patient, config.size)
        film = project(patient, grid)
        exposure = Exposure.of(film)
        on_film = seen_on_film(patient, film, exposure)
        seen.update(on_film.kinds)
        _put(sample, to, on_film, grid.spacing, _expose_film(film, exposure, seed))
    if images - {"xray"} or "report" in to:
        grid = slice_grid(patient, config.size)
        section = cut(patient, grid)
        for in_slice in seen_in_slice(patient, section):
            seen.update(in_slice.kinds)
            _put(sample, to, in_slice, grid.spacing, _scan_slice(section.structures, seed))
    if "report" in to:
        given = request.given.get("report")
        sample.report = given or write_report(stream(seed, "wording"), patient, seen, config.wordings)
    return sample


def _put(sample: Sample, to: Collection[str], seen: Seen, spacing: float, scan: Callable[[str], Image]) -> None:
    """Add what is asked for of the images that share one mask, with labels, boxes and spacing.

    The mask's own name is the first of ``seen.kinds``.
    """
    owner = next(iter(seen.kinds))
    with_mask = f"{owner}.mask" in to
    names = [name for name in seen.kinds if name in to or (name == owner and with_mask)]
    if with_mask:
        sample.masks[owner] = seen.mask[None].copy()
    shown = {kind for name in names for kind in seen.kinds[name]}
    boxes = boxes_of(seen.mask, owner, shown)
    for name in names:
        if name in to:
            sample.images[name] = scan(name)
        sample.labels_by_image[name] = _or_none([kind for kind in KINDS if kind in seen.kinds[name]])
        sample.boxes += for_image(boxes, name, seen.kinds[name])
        sample.spacing[name] = (spacing, spacing)


def _scan_slice(structures: Map, seed: int) -> Callable[[str], Image]:
    def scan(name: str) -> Image:
        rng = stream(seed, name)
        return scan_ct(structures, rng) if name == "ct" else scan_mri(structures, name, rng)

    return scan


def _expose_film(film: Film, exposure: Exposure, seed: int) -> Callable[[str], Image]:
    return lambda name: expose(film, exposure, stream(seed, name))


def _or_none(kinds: list[str]) -> list[str]:
    return kinds or [NO_FINDING]


def _attributes(patient: Patient, findings: Sequence[Finding]) -> dict[str, Scalar]:
    return {
        "age": patient.frame.age,
        "sex": patient.frame.sex,
        "bmi": round(patient.frame.bmi, 1),
        "slice_mm": round(patient.level, 1),
        "findings": json.dumps([finding.to_json() for finding in findings]),
    }


def _from_mask(request: Request, name: str, to: Collection[str], seed: int, config: Config) -> Sample:
    """Images of a given mask; its patient is known only by what the mask shows."""
    mask = checked_mask(name, request.given[name], config.size)
    owner, spacing = name.removesuffix(".mask"), mask_spacing(mask)
    patient = draw_patient(stream(seed, "anatomy"), [])
    kinds = [kind for kind in KINDS if (mask == MASK_NAMES.index(kind)).any()]
    sample = Sample(labels=_or_none(kinds), prompt=request.prompt)
    sample.attributes = _attributes(patient, _findings_of(mask, kinds, spacing))
    seen = Seen(mask, {image: kinds for image in IMAGES if image == owner or image.startswith(f"{owner}.")})
    if owner == "xray":
        film = film_of(mask, patient)
        _put(sample, to, seen, spacing, _expose_film(film, Exposure.of(film), seed))
    else:
        _put(sample, to, seen, spacing, _scan_slice(structures_of(mask, stream(seed, owner)), seed))
    return sample


def _findings_of(mask: Map, kinds: Sequence[str], spacing: float) -> list[Finding]:
    findings = []
    for kind in kinds:
        rows, columns = np.nonzero(mask == MASK_NAMES.index(kind))
        size = round(spacing * float(max(np.ptp(rows), np.ptp(columns)) + 1))
        side = "right" if float(columns.mean()) < (mask.shape[1] - 1) / 2 else "left"
        places = KINDS[kind].places
        findings.append(Finding(kind, "" if "" in places else side, "", size, KINDS[kind].severity(size)))
    return findings
