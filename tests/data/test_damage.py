"""Truncated and flipped bytes either read or raise a `UserError` of one line, whatever the format."""

from __future__ import annotations

import gzip
import io
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.dicoms import dataset
from helpers.volumes import volume
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from synthmed.data.reading import read_array, volume_shape
from synthmed.data.record import FileRef
from synthmed.errors import UserError

PICTURE = np.random.default_rng(0).integers(0, 255, (9, 12, 3), np.uint8)


def picture(form: str, array: np.ndarray = PICTURE) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form)
    return buffer.getvalue()


def saved(save: object, *arguments: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arguments)  # type: ignore[operator]
    return buffer.getvalue()


def dicom(stack: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    dataset(stack).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


NIFTI = nib.Nifti1Image(volume(np.float32), np.eye(4)).to_bytes()
MHA = (
    b"ObjectType = Image\nNDims = 3\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 1\n"
    b"DimSize = 7 5 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n" + volume().tobytes(order="F")
)
SOUND = {
    "png": picture("PNG"),
    "png16": picture("PNG", PICTURE[..., 0].astype(np.uint16) * 200),
    "jpeg": picture("JPEG"),
    "bmp": picture("BMP"),
    "nifti": NIFTI,
    "nifti.gz": gzip.compress(NIFTI, mtime=0),
    "dicom": dicom(PICTURE[..., 0].astype(np.uint16)),
    "frames": dicom(np.stack([PICTURE[..., 0].astype(np.uint16)] * 3)),
    "mha": MHA,
    "npy": saved(np.save, PICTURE),
    "npz": saved(np.savez_compressed, PICTURE),
}


@pytest.mark.parametrize("kind", SOUND)
@settings(max_examples=120, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_reads_or_refuses(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    monkeypatch.setenv("SYNTHMED_PATIENT_KEY", "key")
    content = bytearray(SOUND[kind])
    # Headers are where damage leads furthest.
    places = st.integers(0, len(content) - 1) | st.integers(0, min(len(content), 700) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        content[place] = value
    content = content[: data.draw(st.just(len(content)) | places)]
    path = tmp_path / "x"
    path.write_bytes(bytes(content))
    plane = data.draw(st.sampled_from([None, (0, 0), (2, 1)]))
    for call in (lambda: read_array(FileRef(path, plane)), lambda: volume_shape(path)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                result = call()
            except UserError as error:
                assert "\n" not in str(error)
                assert str(error).startswith(str(path))
                continue
        if not isinstance(result, tuple):
            assert result.values.ndim == 3
            assert result.values.size
