from __future__ import annotations

import io
import logging
import warnings
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.dicoms import CANARY, dataset, save, with_canaries
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from synthmed.data.dicom import read_header
from synthmed.data.identity import pseudonym
from synthmed.data.loading import LoadRecord
from synthmed.data.reading import Pixels, read_array, volume_shape
from synthmed.data.record import FileRef, MaskRef, Record
from synthmed.errors import UserError
from synthmed.sample import Box

RAMP = np.arange(15, dtype=np.uint16).reshape(3, 5)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHMED_PATIENT_KEY", "key")


def read(made: Dataset, tmp_path: Path, frame: int | None = None) -> Pixels:
    path = save(made, tmp_path / "x.png")
    return read_array(FileRef(path, None if frame is None else (0, frame)))


def test_ct_is_hounsfield_units(tmp_path: Path) -> None:
    made = dataset(
        RAMP.astype(np.int16) - 7, RescaleSlope="2", RescaleIntercept="-1000.5", WindowCenter=40, WindowWidth=9
    )
    pixels = read(made, tmp_path)
    assert (pixels.unit, pixels.bits, pixels.spacing, pixels.values.dtype) == ("HU", 16, (0.5, 0.25), np.float32)
    np.testing.assert_array_equal(pixels.values[0], (RAMP.astype(np.float32) - 7) * 2 - 1000.5)


@pytest.mark.parametrize("signed", [False, True])
def test_stored_bits_alone_are_kept(signed: bool, tmp_path: Path) -> None:
    values = RAMP.astype(np.int32) * 200 - (2048 if signed else 0)
    stored = (values & 0xFFF | 0x5000).astype(np.uint16)  # an overlay in the upper bits
    made = dataset(stored, "CT", BitsStored=12, HighBit=11, PixelRepresentation=int(signed))
    np.testing.assert_array_equal(read(made, tmp_path).values[0], values)


def test_xrays_are_levels_with_bright_bone(tmp_path: Path) -> None:
    plain = read(dataset(RAMP, "DX", BitsStored=12, HighBit=11), tmp_path)
    assert (plain.unit, plain.bits, plain.values.dtype) == ("1", 12, np.uint16)
    np.testing.assert_array_equal(plain.values[0], RAMP)
    made = dataset(RAMP, "CR", BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read(made, tmp_path).values[0], 4095 - RAMP)
    made.RescaleSlope, made.RescaleIntercept = -1, 4095
    np.testing.assert_array_equal(read(made, tmp_path).values[0], RAMP)
    signed = read(dataset(RAMP.astype(np.int16) - 5, "DX"), tmp_path)
    np.testing.assert_array_equal(signed.values[0], RAMP.astype(np.int64) - 5 + 32768)
    assert signed.values.dtype == np.uint16


def test_mri_frames_and_colour(tmp_path: Path) -> None:
    stack = np.stack([RAMP, RAMP + 100])
    for frame in (0, 1):
        pixels = read(dataset(stack, "MR"), tmp_path, frame)
        assert (pixels.unit, pixels.bits) == ("scanner", 0)
        np.testing.assert_array_equal(pixels.values[0], stack[frame])
    assert volume_shape(tmp_path / "x.png") == (5, 3, 2)
    for plane, reason in (((0, 2), "no frame 2"), (None, "2 frames; name one"), ((1, 0), "plane")):
        with pytest.raises(UserError, match=reason):
            read_array(FileRef(tmp_path / "x.png", plane))
    colour = np.random.default_rng(0).integers(0, 255, (3, 5, 3), np.uint8)
    np.testing.assert_array_equal(read(dataset(colour, "XC"), tmp_path).values, colour.transpose(2, 0, 1))


def test_enhanced_frames_have_their_own_facts(tmp_path: Path) -> None:
    made = dataset(np.stack([RAMP, RAMP]), "CT")
    del made.PixelSpacing, made.ImagePositionPatient, made.ImageOrientationPatient
    shared, frames = Dataset(), [Dataset(), Dataset()]
    shared.PixelMeasuresSequence = Sequence([Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = [2, 3]
    for number, frame in enumerate(frames):
        frame.PixelValueTransformationSequence = Sequence([Dataset()])
        frame.PixelValueTransformationSequence[0].RescaleSlope = number + 1
        frame.PixelValueTransformationSequence[0].RescaleIntercept = -1000
    made.SharedFunctionalGroupsSequence, made.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
    assert read(made, tmp_path, 0).spacing == (2, 3)
    np.testing.assert_array_equal(read(made, tmp_path, 1).values[0], RAMP * 2.0 - 1000)


# Where the rows' and the columns' index ascends to, in LPS: to posterior and left, inferior and left, inferior and …
PLANES = {
    "axial": ((0, 1, 0), (1, 0, 0)),
    "coronal": ((0, 0, -1), (1, 0, 0)),
    "sagittal": ((0, 0, -1), (0, 1, 0)),
}


def turned(plane: str, transposed: bool, up: bool, left: bool, tilt: float = 0.0) -> tuple[np.ndarray, list[float]]:
    """RAMP, which is shown with rows and columns along ``plane``'s, as a scanner may store it; and its orientation."""
    rows, columns = (np.array(along, float) for along in PLANES[plane])
    rows, columns = rows * np.cos(tilt) + columns * np.sin(tilt), columns * np.cos(tilt) - rows * np.sin(tilt)
    stored = RAMP
    if transposed:
        stored, rows, columns = stored.T, columns, rows
    if up:
        stored, rows = stored[::-1], -rows
    if left:
        stored, columns = stored[:, ::-1], -columns
    return np.ascontiguousarray(stored), [*columns, *rows]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_frames_are_turned_as_they_are_shown(transposed: bool, up: bool, left: bool, tmp_path: Path) -> None:
    for plane in PLANES:
        for tilt in (0.0, 0.3, -0.3):
            stored, orientation = turned(plane, transposed, up, left, tilt)
            made = dataset(stored, "MR", ImageOrientationPatient=orientation)
            made.PixelSpacing = [3, 2] if transposed else [2, 3]
            pixels = read(made, tmp_path)
            np.testing.assert_array_equal(pixels.values[0], RAMP, err_msg=f"{plane} {tilt}")
            assert pixels.spacing == pytest.approx((2, 3))
            assert pixels.values.flags.c_contiguous


def test_a_frame_s_own_orientation_turns_it_and_colours_turn_together(tmp_path: Path) -> None:
    made = dataset(np.stack([RAMP, RAMP]), "MR")
    del made.ImageOrientationPatient, made.PixelSpacing
    frames = [Dataset(), Dataset()]
    for frame, left in zip(frames, (False, True), strict=True):
        frame.PlaneOrientationSequence = Sequence([Dataset()])
        frame.PlaneOrientationSequence[0].ImageOrientationPatient = turned("axial", False, False, left)[1]
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    np.testing.assert_array_equal(read(made, tmp_path, 0).values[0], RAMP)
    pixels = read(made, tmp_path, 1)
    np.testing.assert_array_equal(pixels.values[0], RAMP[:, ::-1])
    assert pixels.spacing is None
    colour = np.random.default_rng(0).integers(0, 255, (3, 5, 3), np.uint8)
    made = dataset(colour, "OT", ImageOrientationPatient=turned("axial", True, False, False)[1])
    np.testing.assert_array_equal(read(made, tmp_path).values, colour.transpose(2, 1, 0))


@pytest.mark.parametrize("orientation", [[0] * 6, [1, 0, 0, 1, 0, 0], [1e200, 0, 0, 0, 1e200, 0]])
def test_an_orientation_that_is_none_turns_nothing(orientation: list[float], tmp_path: Path) -> None:
    made = dataset(RAMP, "CT", ImageOrientationPatient=orientation)
    np.testing.assert_array_equal(read(made, tmp_path).values[0], RAMP)
    facts = read_header(tmp_path / "x.png")
    assert (facts.orientation, facts.position) == (None, None)


def test_masks_and_boxes_of_radiographs_fit_the_stored_pixels(tmp_path: Path) -> None:
    """As in siim_acr and rsna_pneumonia; the orientation, which theirs have not, is there to tempt."""
    film = np.zeros((6, 9), np.uint8)
    film[1:3, 4:9] = 200
    made = dataset(film, "CR", ImageOrientationPatient=turned("coronal", True, True, False)[1])
    record = Record(
        "a",
        {"xray": FileRef(save(made, tmp_path / "x.dcm"))},
        masks={"xray": MaskRef(names={1: "pneumothorax"}, rle=("25 2 4 2 4 2 4 2 4 2",))},
        boxes=(Box("xray", "opacity", 4, 1, 5, 2),),
    )
    item = LoadRecord(mask_names=["pneumothorax"], box_image="xray", box_names=["opacity"])(record)
    np.testing.assert_array_equal(item["xray.mask"].numpy() > 0, item["xray"].numpy() > 0)
    np.testing.assert_array_equal(item["xray.mask"][0].numpy() > 0, film > 0)
    first_row, first_column, last_row, last_column = item["box"][0].int().tolist()
    assert (item["xray"][0, first_row:last_row, first_column:last_column] > 0).all()
    assert int((item["xray"] > 0).sum()) == (last_row - first_row) * (last_column - first_column)


def test_header_facts(tmp_path: Path) -> None:
    made = dataset(RAMP, "MR", SeriesDescription="T2 fse Deformed", ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    facts = read_header(save(made, tmp_path / "x"))
    assert (facts.modality, facts.rows, facts.columns, facts.frames) == ("MR", 3, 5, 1)
    assert facts.position == pytest.approx(10)  # (0, 1, 0) x (0, 0, -1) = (-1, 0, 0), times x = -10
    assert (facts.contrast, facts.deformed, facts.origin) == ("t2", True, (-10, -20, 30))
    assert facts.patient == pseudonym("dicom", "4711")
    assert facts.series == read_header(save(made, tmp_path / "y")).series != ""
    made.SeriesInstanceUID = "1.2.4"
    assert facts.series != read_header(save(made, tmp_path / "y")).series


def test_without_preamble_and_compressed(tmp_path: Path) -> None:
    made = dataset(RAMP, "CT")
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    bare = Dataset(made)
    pydicom.dcmwrite(tmp_path / "bare", bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
    content = (tmp_path / "bare").read_bytes()
    assert content[128:132] != b"DICM"
    np.testing.assert_array_equal(read_array(FileRef(tmp_path / "bare")).values[0], RAMP)
    made = dataset(RAMP, "CT")
    made.compress(RLELossless)
    np.testing.assert_array_equal(read(made, tmp_path).values[0], RAMP)


def test_jpeg_inside(tmp_path: Path) -> None:
    smooth = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1))
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG", quality=95)
    made = dataset(smooth, "DX")
    made.PixelData = encapsulate([buffer.getvalue()])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    np.testing.assert_allclose(read(made, tmp_path).values[0], smooth.astype(float), atol=4)
    made.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    with pytest.raises(UserError, match="cannot be decoded"):
        read(made, tmp_path)


def test_deflated_files_are_not_unpacked(tmp_path: Path) -> None:
    made = dataset(RAMP, "CT")
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(made, tmp_path / "x")
    squeeze = zlib.compressobj(wbits=-15)
    path.write_bytes(path.read_bytes()[:400] + squeeze.compress(bytes(2**28)) + squeeze.flush())
    with pytest.raises(UserError, match="deflated"):
        read_array(FileRef(path))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"Rows": 65535, "Columns": 65535}, "at most"),
        ({"Rows": 0}, "no image"),
        ({"NumberOfFrames": 2**31 - 1}, "at most"),
        ({"NumberOfFrames": 0, "BitsStored": 17}, "17 of 16 bits"),
        ({"BitsStored": 12, "HighBit": 15}, "high bit"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palettes"),
        ({"RescaleSlope": 0}, "damaged"),
        ({"Rows": 4}, "cannot be decoded"),
        ({"PixelData": b"\0\0"}, "cannot be decoded"),
    ],
)
def test_headers_that_are_refused(values: dict, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=reason):
        read(dataset(RAMP, "CT", **values), tmp_path)


@pytest.mark.parametrize(
    "damage",
    ["none", "modality", "photometric", "rows", "slope", "spacing", "syntax", "cut", "pixels", "position", "binary"],
)
def test_no_identifying_value_gets_out(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    made = with_canaries(RAMP, RescaleSlope="7.77777", RescaleIntercept="0")
    if damage == "modality":
        made.Modality = CANARY
    if damage == "photometric":
        made.PhotometricInterpretation = CANARY
    if damage == "rows":
        del made.Rows
    if damage == "pixels":
        made.PixelData = CANARY.encode() + b"!"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = save(made, tmp_path / "x.dcm")
    content = path.read_bytes()
    before = {
        "slope": b"7.77777",
        "spacing": b"0.5\\0.25",
        "position": b"-10.0\\-20.0\\30.0",
        "syntax": b"1.2.840.10008.1.2.1",
    }
    if old := before.get(damage):
        assert old in content
        content = content.replace(old, (CANARY * 3).encode()[: len(old)])
    if damage == "cut":
        content = content[: content.rindex(CANARY.encode()) + 3]
    if damage == "binary":
        content = content.replace(b"LO\x08\x00", b"XX\x08\x00")
    path.write_bytes(content)
    caplog.clear()
    capfd.readouterr()
    said: list[str] = []
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        logging.getLogger("pydicom").setLevel(logging.DEBUG)
        for call in (read_header, lambda file: read_array(FileRef(file)), volume_shape):
            try:
                said.append(repr(call(path)))
            except UserError as error:
                said.append(repr(error))
                assert error.__cause__ is None
                assert error.__context__ is None
        logging.getLogger("pydicom").setLevel(logging.NOTSET)
    written = capfd.readouterr()
    everything = "".join([*said, caplog.text, *(str(one.message) for one in warned), written.out, written.err])
    assert CANARY not in everything
    assert CANARY[:5] not in everything
    assert len(said) == 3
    if damage == "none":
        assert pseudonym("dicom", CANARY) in said[0]
