from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthmed.data.reading import mask_slices, read_array, volume_shape
from synthmed.data.record import FileRef
from synthmed.errors import UserError

GREY = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


def png(rows: int, columns: int, data: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_lossless_pictures(form: str, tmp_path: Path) -> None:
    for array, mode in ((GREY, "L"), (COLOUR, "RGB")):
        Image.fromarray(array).save(tmp_path / "x.dcm", form)
        pixels = read_array(FileRef(tmp_path / "x.dcm"))
        np.testing.assert_array_equal(pixels.values, array[None] if mode == "L" else array.transpose(2, 0, 1))
        assert (pixels.bits, pixels.unit, pixels.spacing, pixels.values.dtype) == (8, "1", None, np.uint8)
    red = read_array(FileRef(tmp_path / "x.dcm", channel=1))
    np.testing.assert_array_equal(red.values, COLOUR[None, :, :, 1])
    for ref, reason in (
        (FileRef(tmp_path / "x.dcm", channel=3), "channel 3"),
        (FileRef(tmp_path / "x.dcm", (0, 0)), "plane"),
    ):
        with pytest.raises(UserError, match=reason):
            read_array(ref)


def test_other_png_kinds(tmp_path: Path) -> None:
    file = tmp_path / "x.png"
    deep = GREY.astype(np.uint16) * 257
    Image.fromarray(deep).save(file)
    pixels = read_array(FileRef(file))
    np.testing.assert_array_equal(pixels.values[0], deep)
    assert (pixels.bits, pixels.values.dtype) == (16, np.uint16)
    palette = Image.fromarray(COLOUR).quantize(64)
    palette.save(file)
    np.testing.assert_array_equal(
        read_array(FileRef(file)).values, np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    )
    Image.fromarray(COLOUR).convert("RGBA").save(file)
    assert read_array(FileRef(file)).values.shape == (3, 5, 7)
    Image.fromarray(GREY).convert("LA").save(file)
    np.testing.assert_array_equal(read_array(FileRef(file)).values[0], GREY)
    Image.fromarray(GREY > 100).save(file)
    np.testing.assert_array_equal(read_array(FileRef(file)).values[0], (GREY > 100) * 255)


def test_jpeg(tmp_path: Path) -> None:
    for mode, channels in (("L", 1), ("RGB", 3), ("CMYK", 3)):
        Image.fromarray(COLOUR).convert(mode).save(tmp_path / "x", "JPEG")
        assert read_array(FileRef(tmp_path / "x")).values.shape == (channels, 5, 7)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_numpy_files(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"x{suffix}"

    def read(array: np.ndarray, plane: tuple[int, int] | None = None) -> np.ndarray:
        np.save(file, array) if suffix == ".npy" else np.savez_compressed(file, image=array)
        return read_array(FileRef(file, plane)).values

    np.testing.assert_array_equal(read(GREY), GREY[None])
    np.testing.assert_array_equal(read(np.asfortranarray(GREY)), GREY[None])
    np.testing.assert_array_equal(read(COLOUR), COLOUR.transpose(2, 0, 1))
    np.testing.assert_array_equal(read(COLOUR.transpose(2, 0, 1)), COLOUR.transpose(2, 0, 1))
    np.testing.assert_array_equal(read(np.stack([GREY, GREY + 1, GREY + 2, GREY]), (0, 2)), GREY[None] + 2)
    assert read(GREY.astype(">f8")).dtype == np.dtype("=f8")
    np.testing.assert_array_equal(read(GREY > 9), (GREY > 9)[None].astype(np.uint8))
    for array, reason in (
        (np.array([{}]), "holds 'O' values"),
        (np.array(["x"]), "values"),
        (np.zeros((0, 4)), "between 1 and"),
        (np.zeros((2, 5, 7)), "name a volume's plane"),
        (np.full((2, 2), np.inf), "4 values that are not finite"),
    ):
        with pytest.raises(UserError, match=reason):
            read(array)


def test_numpy_bombs(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    (tmp_path / "x.npy").write_bytes(head.getvalue())
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head.getvalue() + bytes(2**24))
    with zipfile.ZipFile(tmp_path / "two.npz", "w") as archive:
        archive.writestr("x.npy", b"")
        archive.writestr("y.npy", b"")
    for name, reason in (("x.npy", "at most|between"), ("x.npz", "between"), ("two.npz", "holds 2 arrays")):
        with pytest.raises(UserError, match=reason):
            read_array(FileRef(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0 bytes"),
        (b"hello, this is text", "by its content"),
        (png(10**6, 10**6), "1000000 x 1000000|DecompressionBomb"),
        (png(2**13, 2**13 + 1), "at most"),
        (png(0, 7), "damaged"),
        (png(5, 7), "damaged"),
        (png(5, 7, bytes(40))[:-30], "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "damaged"),
        (b"BM" + bytes(60), "damaged"),
        (b"\x93NUMPY\x01\0\xff\xff{", "damaged"),
        (b"PK\x03\x04" + bytes(40), "damaged"),
        (bytes(128) + b"DICM", "DICOM"),
        (bytes(128) + b"DICM" + bytes(300), "DICOM"),
        (b"\x1f\x8b\x08" + bytes(30), "cannot be read|not a NIfTI"),
        (b"ObjectType = Image\n", "no usable ndims"),
        (b"\xff" * 600, "by its content"),
        (bytes(344) + b"n+1\0" + bytes(300), "x.png: "),
    ],
)
def test_damage_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=reason) as caught:
        read_array(FileRef(tmp_path / "x.png"))
    assert str(caught.value).startswith(str(tmp_path / "x.png"))
    assert "\n" not in str(caught.value)


def test_things_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path / "loop", "symbolic links"),
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "gone", "No such file"),
        (tmp_path / "zero\0byte", "not a file name"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        for call in (
            lambda ref: read_array(ref),
            lambda ref: volume_shape(ref.path),
            lambda ref: mask_slices(ref.path, 0),
        ):
            with pytest.raises(UserError, match=reason):
                call(FileRef(path))


def test_huge_files_are_not_opened(tmp_path: Path) -> None:
    with open(tmp_path / "x.png", "wb") as file:
        file.write(png(5, 7, bytes(40)))
        file.truncate(2**29)  # sparse
    with pytest.raises(UserError, match="bytes"):
        read_array(FileRef(tmp_path / "x.png"))


def test_pictures_are_no_volumes(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(png(5, 7, bytes(40)))
    with pytest.raises(UserError, match="not a volume"):
        volume_shape(tmp_path / "x.png")


def test_sixteen_bit_colour_is_refused(tmp_path: Path) -> None:
    content = bytearray(png(5, 7, bytes(300)))
    content[24:26] = b"\x10\x02"
    (tmp_path / "x.png").write_bytes(bytes(content))
    with pytest.raises(UserError, match="16-bit colour"):
        read_array(FileRef(tmp_path / "x.png"))
