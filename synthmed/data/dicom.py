"""DICOM files: the few facts that identify nobody, and the pixels. Each call into pydicom is made in `apart`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthmed.data.identity import pseudonym
from synthmed.data.pixels import MAX_VOLUME_BYTES, Pixels, check_file, check_plane
from synthmed.data.silent_pydicom import apart
from synthmed.data.volume import shown
from synthmed.errors import UserError

_MODALITIES = frozenset("CR CT DX ES GM IO IVUS MG MR NM OP OPT OT PT PX RF RTIMAGE SC SM US XA XC".split())
_PHOTOMETRIC = frozenset("MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422 YBR_ICT YBR_RCT".split())
_PROJECTIONS = frozenset("CR DX IO MG PX RF RTIMAGE XA".split())
_DEFLATED = "1.2.840.10008.1.2.1.99"
_TAGS = (
    "Modality Rows Columns NumberOfFrames PixelSpacing ImagerPixelSpacing ImagePositionPatient "
    "ImageOrientationPatient PhotometricInterpretation SamplesPerPixel BitsAllocated BitsStored HighBit "
    "PixelRepresentation RescaleSlope RescaleIntercept SeriesDescription SharedFunctionalGroupsSequence "
    "PerFrameFunctionalGroupsSequence SeriesInstanceUID PatientID"
).split()
_CONTRASTS = {"flair": "flair", "t2": "t2", "t1": "t1", "pd": "(?<![a-z])pd"}


@dataclass(frozen=True)
class DicomFacts:
    """All that is kept of a header.

    Attributes:
        modality: DICOM's code (``CT``, ``MR``, ``DX`` …), ``OT`` for one that is not in the standard's usual list.
        spacing: (row, column) mm, as in PixelSpacing, else ImagerPixelSpacing; None where there is neither.
        position: mm along the slice's normal, by which the slices of a series are sorted; None without a position.
        orientation: direction cosines of the rows and of the columns in patient space (LPS); None without, or where
            they are far from two perpendicular unit vectors.
        origin: mm, the first pixel's place in that space; None without.
        bits, allocated, high_bit: stored and allocated bits a sample, and the highest stored one's place.
        slope, intercept: of the rescale; of the first frame where each has its own.
        contrast: ``t1``, ``t2``, ``pd`` or ``flair`` where the series' description has that word, else ``""``;
            ``deformed`` likewise for a registered series. Of the description itself nothing is kept.
        series: the series' keyed hash. ``patient``: `pseudonym` of the source ``dicom``; ``""`` without a patient id.
    """

    modality: str
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits: int
    allocated: int
    high_bit: int
    signed: bool
    slope: float
    intercept: float
    spacing: tuple[float, float] | None
    position: float | None
    orientation: tuple[float, ...] | None
    origin: tuple[float, ...] | None
    contrast: str
    deformed: bool
    series: str
    patient: str


def read_header(path: Path) -> DicomFacts:
    """The facts of a DICOM file's header; its pixels are not read.

    Raises:
        UserError: not DICOM, damaged, without an image, or larger than the bounds.
    """
    return _facts(path, None)


def read_frame(path: Path, frame: int | None) -> Pixels:
    """One frame, (1 or 3, rows, columns), without windowing, turned as `synthmed.data.volume.read_plane` turns planes.

    Turns are by the nearest axes of its orientation. A frame without one stays as it is stored, and so does every
    projection (CR, DX …), to which masks and boxes refer in stored pixels.

    CT is float32 Hounsfield units; MR, PT and NM are the scanner's unit, rescaled; all others are stored levels from 0
    to ``2**bits - 1``, inverted for MONOCHROME1 or a negative rescale slope, so that bright is dense.

    Args:
        frame: None for a file of one frame.

    Raises:
        UserError: as `read_header`; no such frame; several frames and none is named; a palette; or a compression that
            the installed plug-ins cannot undo.
    """
    several = frame is not None
    facts = _facts(path, frame or 0)
    if not several and facts.frames > 1:
        raise UserError(f"{path}: {facts.frames} frames; name one as the plane (0, frame)")
    if frame is not None and not 0 <= frame < facts.frames:
        raise UserError(f"{path}: there is no frame {frame}; it has {facts.frames}")

    def decode() -> np.ndarray[Any, Any]:
        from pydicom.pixels import pixel_array

        return pixel_array(path if _has_preamble(path) else _bare(path), index=frame or 0)

    stored = apart(path, "its pixels cannot be decoded; damaged, or compressed as pylibjpeg may undo", decode)
    shape = (facts.rows, facts.columns, *((facts.samples,) if facts.samples > 1 else ()))
    if stored.shape != shape:
        raise UserError(f"{path}: its pixels have shape {stored.shape}; its header declares {shape}")
    pixels = _in_unit(_stored_bits(stored, facts), facts)
    if facts.orientation is None or facts.modality in _PROJECTIONS:
        return pixels
    values, spacing = shown(pixels.values, 2, _affine(facts.orientation, facts.spacing or (1.0, 1.0)))
    return replace(pixels, values=values, spacing=spacing if facts.spacing else None)


def _affine(orientation: tuple[float, ...], spacing: tuple[float, float]) -> npt.NDArray[np.float64]:
    """(row, column, slice) to RAS mm without the origin (PS3.3 C.7.6.2.1.1, whose LPS has the first axes negated)."""
    along_columns, along_rows = np.array(orientation[3:]) * spacing[0], np.array(orientation[:3]) * spacing[1]
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([along_columns, along_rows, np.cross(orientation[:3], orientation[3:])])
    affine[:2] *= -1
    return affine


def _stored_bits(stored: np.ndarray[Any, Any], facts: DicomFacts) -> np.ndarray[Any, Any]:
    """(C, rows, columns) of the stored bits alone, with their sign; older files keep overlays in the others."""
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if stored.dtype.itemsize * 8 == facts.allocated and facts.bits < facts.allocated:
        unused = facts.allocated - facts.bits
        stored = (stored << unused) >> unused
    return stored[None] if stored.ndim == 2 else np.ascontiguousarray(stored.transpose(2, 0, 1))


def _in_unit(values: np.ndarray[Any, Any], facts: DicomFacts) -> Pixels:
    inverted = facts.photometric == "MONOCHROME1"
    if facts.modality in ("CT", "MR", "PT", "NM"):
        if facts.modality == "CT" or (facts.slope, facts.intercept) != (1.0, 0.0):
            values = (values.astype(np.float64) * facts.slope + facts.intercept).astype(np.float32)
        return Pixels(values, *((facts.bits, "HU") if facts.modality == "CT" else (0, "scanner")), facts.spacing)
    if facts.signed:
        # Levels from 0 on, in the unsigned type of the same width.
        values = (values.astype(np.int64) + 2 ** (facts.bits - 1)).astype(values.dtype.str.replace("i", "u"))
    if inverted != (facts.slope < 0):
        values = (2**facts.bits - 1 - values.astype(np.int64)).astype(values.dtype)
    return Pixels(values, facts.bits, "1", facts.spacing)


def _facts(path: Path, frame: int | None) -> DicomFacts:
    check_file(path)
    dataset = apart(path, "not a DICOM file, or a damaged one", lambda: _dataset(path))
    if dataset is None:
        raise UserError(f"{path}: deflated DICOM; it may unpack to any size, so write it anew without")
    facts = apart(path, "damaged DICOM header, or one without an image", lambda: _whitelisted(dataset, frame or 0))
    if facts.photometric not in _PHOTOMETRIC:
        raise UserError(f"{path}: neither grey nor RGB nor YBR; palettes are not read")
    check_plane(path, facts.rows, facts.columns)
    size = facts.rows * facts.columns * facts.samples * facts.frames * facts.allocated // 8
    if not 1 <= facts.bits <= facts.allocated <= 32 or facts.samples not in (1, 3) or facts.frames < 1:
        raise UserError(
            f"{path}: {facts.bits} of {facts.allocated} bits, {facts.samples} samples, {facts.frames} frames"
        )
    if facts.high_bit != facts.bits - 1:
        raise UserError(
            f"{path}: its high bit is {facts.high_bit} with {facts.bits} stored bits, an order long retired"
        )
    if size > MAX_VOLUME_BYTES:
        raise UserError(f"{path}: {size} bytes of pixels; at most {MAX_VOLUME_BYTES} are read")
    return facts


def _dataset(path: Path) -> Any:
    """The whitelisted elements; None for a deflated file, which pydicom would unpack without a bound."""
    import pydicom
    from pydicom.filereader import read_file_meta_info

    preamble = _has_preamble(path)
    if preamble and read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
        return None
    return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=not preamble)


def _has_preamble(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(132)[128:] == b"DICM"


def _bare(path: Path) -> Any:
    """A data set without preamble and file meta information, with the transfer syntax that pydicom saw in it."""
    import pydicom

    dataset = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        known = pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = known
    return dataset


def _whitelisted(dataset: Any, frame: int) -> DicomFacts:
    """Any failure in here is reported by `apart` without its words."""
    shared = _first(dataset.get("SharedFunctionalGroupsSequence"), 0)
    own = _first(dataset.get("PerFrameFunctionalGroupsSequence"), frame)

    def value(keyword: str, group: str) -> Any:
        """From the frame's own functional group, the shared one, or the file (enhanced and classic objects)."""
        for groups in (own, shared):
            found = _first(groups.get(group), 0).get(keyword)
            if found is not None:
                return found
        return dataset.get(keyword)

    spacing = value("PixelSpacing", "PixelMeasuresSequence") or dataset.get("ImagerPixelSpacing")
    orientation = _numbers(value("ImageOrientationPatient", "PlaneOrientationSequence"), 6)
    if orientation is not None and not 0.5 <= np.linalg.norm(np.cross(orientation[:3], orientation[3:])) <= 2:
        orientation = None
    place = _numbers(value("ImagePositionPatient", "PlanePositionSequence"), 3)
    position = None
    if orientation is not None and place is not None:
        position = float(np.dot(np.cross(orientation[:3], orientation[3:]), place))
    pair = _numbers(spacing, 2)
    modality = str(dataset.get("Modality", ""))
    photometric = str(dataset.PhotometricInterpretation)
    slope = value("RescaleSlope", "PixelValueTransformationSequence")
    intercept = value("RescaleIntercept", "PixelValueTransformationSequence")
    description = str(dataset.get("SeriesDescription") or "").lower()
    slope, intercept = 1.0 if slope is None else float(slope), 0.0 if intercept is None else float(intercept)
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise ValueError
    return DicomFacts(
        modality=modality if modality in _MODALITIES else "OT",
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        frames=int(dataset.get("NumberOfFrames") or 1),
        samples=int(dataset.get("SamplesPerPixel", 1)),
        photometric=photometric if photometric in _PHOTOMETRIC else "",
        bits=int(dataset.BitsStored),
        allocated=int(dataset.BitsAllocated),
        high_bit=int(dataset.get("HighBit", int(dataset.BitsStored) - 1)),
        signed=dataset.get("PixelRepresentation", 0) == 1,
        slope=slope,
        intercept=intercept,
        spacing=(pair[0], pair[1]) if pair is not None and min(pair) > 0 else None,
        position=position,
        orientation=orientation,
        origin=place,
        contrast=next((word for word, pattern in _CONTRASTS.items() if re.search(pattern, description)), ""),
        deformed="deformed" in description,
        series=pseudonym("dicom series", str(dataset.get("SeriesInstanceUID", ""))),
        patient=pseudonym("dicom", str(dataset.get("PatientID") or "").strip()),
    )


def _first(sequence: Any, index: int) -> Any:
    return sequence[index] if sequence is not None and len(sequence) > index else {}


def _numbers(values: Any, n: int) -> tuple[float, ...] | None:
    if values is None or len(values) != n:
        return None
    numbers = tuple(float(value) for value in values)
    return numbers if np.isfinite(numbers).all() else None
