from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from helpers.samples import assert_same, datasets, fixed_dataset, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from synthmed.codec import MAX_TEXT_BYTES, decode, decode_png, encode, encode_png
from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.generation.plan import make_plan
from synthmed.generation.render import render_batch
from synthmed.sample import Sample


def encoded() -> tuple[dict[str, bytes], Layout, Sample]:
    generator = fixed_dataset(2)
    plan = make_plan(generator, 2)
    sample = render_batch(generator, plan, range(1, 2))[0]
    return encode(sample, plan.layout), plan.layout, sample


def refused(members: dict[str, bytes], layout: Layout) -> str:
    with pytest.raises(UserError) as error:
        decode(members, layout, "000000001", "set/x.tar")
    message = str(error.value)
    assert message.startswith("set/x.tar: 000000001")
    assert "\n" not in message
    return message


@settings(deadline=None)
@given(datasets(max_size=3))
def test_a_sample_survives_its_encoding(generator: Any) -> None:
    plan = make_plan(generator, len(generator.samples), shard_size=8)
    for sample in render_batch(generator, plan, range(len(generator.samples))):
        members = encode(sample, plan.layout)
        assert sorted(members) == plan.layout.members()
        assert_same(decode(members, plan.layout, sample.key, "x.tar"), sample)
        assert encode(decode(members, plan.layout, sample.key, "x.tar"), plan.layout) == members


@settings(deadline=None)
@given(
    st.tuples(st.sampled_from([1, 3]), st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from([np.uint8, np.uint16]),
    st.integers(0, 99),
)
def test_png_is_lossless(shape: tuple[int, int, int], dtype: Any, seed: int) -> None:
    if shape[0] == 3:
        dtype = np.uint8
    levels = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    read = decode_png(encode_png(levels), "x")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, levels)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, pixels: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(range(6))) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + head + palette + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (2**20, 2**20), (2**14, 2**13), (0, 5), (5, 0)])
def test_a_png_bomb_is_refused_before_its_pixels_are_read(size: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="pixels; at most"):
        decode_png(png(*size, 8, 0, bytes(2**22)), "x")


@pytest.mark.parametrize(
    ("bits", "colour", "row"),
    [
        (1, 0, b"\0\x80"),
        (4, 0, b"\0\x10"),
        (8, 3, b"\0\1\0"),
        (16, 2, b"\0" + bytes(12)),
        (8, 4, bytes(5)),
        (8, 6, bytes(9)),
    ],
    ids=["1-bit", "4-bit", "palette", "16-bit RGB", "grey + alpha", "RGBA"],
)
def test_pngs_that_pillow_would_silently_convert_are_refused(bits: int, colour: int, row: bytes) -> None:
    data = png(2, 1, bits, colour, row)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    with pytest.raises(UserError, match="8- or 16-bit grey"):
        decode_png(data, "x")


@settings(deadline=None)
@given(st.data())
def test_a_damaged_png_raises_nothing_but_user_errors(data: st.DataObject) -> None:
    good = bytearray(encode_png(np.arange(60, dtype=np.uint16).reshape(1, 6, 10)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    message = refusal(lambda: decode_png(bytes(good[: data.draw(st.integers(0, len(good)))]), "x"))
    assert message.startswith("x: ") or not message


def test_another_file_than_png_is_refused() -> None:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "GIF")
    with pytest.raises(UserError, match="not a PNG"):
        decode_png(buffer.getvalue(), "x")


@pytest.mark.parametrize(
    ("suffix", "image"),
    [
        ("ct.png", np.zeros((1, 12, 20), np.uint8)),
        ("xray.png", np.zeros((1, 12, 20), np.uint16)),
        ("xray.png", np.zeros((3, 12, 20), np.uint8)),
        ("photo.png", np.zeros((1, 12, 20), np.uint8)),
        ("xray.mask.png", np.zeros((1, 12, 20), np.uint16)),
        ("xray.mask.png", np.full((1, 12, 20), 3, np.uint8)),
        ("xray.mask.png", np.zeros((1, 20, 12), np.uint8)),
    ],
    ids=[
        "8-bit CT",
        "16-bit X-ray",
        "RGB X-ray",
        "grey photo",
        "16-bit mask",
        "unknown mask label",
        "mask of another size",
    ],
)
def test_images_of_another_kind_are_refused(suffix: str, image: np.ndarray) -> None:
    members, layout, _ = encoded()
    assert suffix in refused({**members, suffix: encode_png(image)}, layout)


def test_missing_and_undecodable_members_are_refused() -> None:
    members, layout, _ = encoded()
    for suffix in members:
        assert f"no member {suffix}" in refused({k: v for k, v in members.items() if k != suffix}, layout)
    assert "not UTF-8" in refused({**members, "report.txt": b"caf\xe9"}, layout)
    assert "at most" in refused({**members, "report.txt": b" " * (MAX_TEXT_BYTES + 1)}, layout)
    assert "damaged PNG" in refused({**members, "xray.png": members["xray.png"][:60]}, layout)


def box(**changes: Any) -> str:
    return json.dumps([{"image": "xray", "category": "nodule", "bbox": [1, 2, 3, 4], **changes}])


@pytest.mark.parametrize(
    "change",
    [
        {"index": "1"},
        {"index": 1.5},
        {"index": True},
        {"labels": None},
        {"labels": "nodule"},
        {"labels": [1]},
        {"extra": 1},
        {"quality": {"accepted": 1, "problems": ""}},
        {"spacing": {}},
        {"boxes": []},
        {"boxes": "nonsense"},
        {"boxes": box(bbox=[1, 2, 3])},
        {"boxes": box(bbox=[1, 2, 3, "4"])},
        {"boxes": box(bbox=[1, 2, 3, float("nan")])},
        {"boxes": box(bbox=[1, 2, 3, float("inf")])},
        {"boxes": box(extra=1)},
        {"boxes": box(image=None)},
        {"attributes": {"side": "left"}},
        {"spacing": {"xray": [1, float("nan")], "ct": [1, 1], "mri.t2": [1, 1], "photo": [1, 1]}},
        {"synthetic": "yes"},
    ],
    ids=lambda change: json.dumps(change)[:50],
)
def test_a_record_of_another_schema_is_refused(change: dict[str, Any]) -> None:
    members, layout, _ = encoded()
    record = {**json.loads(members["json"]), **change}
    assert ".json: " in refused({**members, "json": json.dumps(record).encode()}, layout)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"[" * 10**5, b"\xff\xfe{\0}\0", b'{"a":1,"a":2}', b"NaN"])
def test_records_that_are_not_an_object_are_refused(text: bytes) -> None:
    members, layout, _ = encoded()
    refused({**members, "json": text}, layout)


def test_a_key_is_required_once_each() -> None:
    members, layout, _ = encoded()
    record = json.loads(members["json"])
    for name in record:
        assert name in refused(
            {**members, "json": json.dumps({k: v for k, v in record.items() if k != name}).encode()}, layout
        )


def test_encode_refuses_what_the_layout_does_not_declare() -> None:
    _, layout, sample = encoded()
    for change in (
        {"images": {**sample.images, "us": sample.images["xray"]}},
        {"images": {**sample.images, "xray": sample.images["xray"].astype(np.float64)}},
        {"images": {**sample.images, "xray": sample.images["xray"][0]}},
        {"images": {**sample.images, "xray": np.zeros((1, 0, 4), np.float32)}},
        {"masks": {}},
        {"masks": {"xray": sample.masks["xray"].astype(np.int64)}},
        {"report": None},
        {"labels": [1]},
        {"report": "\ud800"},
        {"spacing": {**sample.spacing, "xray": (float("nan"), 1.0)}},
    ):
        with pytest.raises(ValueError, match=r"sample 000000001|surrogates"):
            encode(Sample(**{**sample.__dict__, **change}), layout)
