"""DICOM files as scanners write them, made with pydicom."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def dataset(pixels: np.ndarray, modality: str = "CT", **values: Any) -> Dataset:
    """A classic image object; ``pixels`` are (rows, columns[, 3]) or (frames, rows, columns)."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", made.file_meta.MediaStorageSOPInstanceUID
    made.Modality, made.PatientID, made.SeriesInstanceUID = modality, "4711", "1.2.3"
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    frames = pixels.ndim == 3 and not colour
    made.Rows, made.Columns = pixels.shape[1:3] if frames else pixels.shape[:2]
    if frames:
        made.NumberOfFrames = len(pixels)
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = pixels.dtype.itemsize * 8
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelSpacing = [0.5, 0.25]
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.ImagePositionPatient = [-10, -20, 30]
    made.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def save(made: Dataset, path: Path) -> Path:
    """With preamble and file meta information."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


CANARY = "CANARY7"
KEPT = {"Modality", "PhotometricInterpretation", "PatientID"}
TEXTS = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}


def with_canaries(pixels: np.ndarray, **values: object) -> Dataset:
    """Every text element of the standard's identifying groups, and private ones, hold the canary."""
    made = dataset(pixels, "CT", **values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag, (kind, _, _, _, keyword) in DicomDictionary.items():
            if (
                tag >> 16 in (0x08, 0x10, 0x18, 0x20, 0x32, 0x38, 0x40, 0x4008)
                and kind in TEXTS
                and keyword not in KEPT
            ):
                made.add_new(tag, kind, CANARY)
        made.PatientID = CANARY
        made.private_block(0x0009, CANARY, create=True).add_new(1, "LO", CANARY)
        other = Dataset()
        other.PatientID = CANARY
        made.OtherPatientIDsSequence = Sequence([other])
    return made
