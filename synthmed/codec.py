"""Samples to the bytes of a shard's members and back. Nothing here runs what it reads."""

from __future__ import annotations

import functools
import io
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pydantic
from PIL import Image as PillowImage

from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.problem import problem
from synthmed.sample import Box, Mask, Provenance, Quality, Sample

# On noisy slices zlib finds little to repeat but runs: its run-length strategy at level 1 takes a third of the time of
# Pillow's default on 16-bit ones, and a quarter less than level 1 alone, in fewer bytes.
PNG_OPTIONS = {"compress_level": 1, "compress_type": zlib.Z_RLE}
MAX_PIXELS = 2**26
MAX_TEXT_BYTES = 2**22
_PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
# (bits, colour type) of grey and RGB. Pillow reads others too, but 16-bit RGB as 8-bit and a palette's places as grey.
_PNG_KINDS = ((8, 0), (16, 0), (8, 2))
_STRICT = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


class _Quality(pydantic.BaseModel):
    model_config = _STRICT
    accepted: bool
    problems: str


class _Box(pydantic.BaseModel):
    model_config = _STRICT
    image: str
    category: str
    bbox: tuple[float, float, float, float]


_BOXES = pydantic.TypeAdapter(list[_Box])


def json_model(layout: Layout) -> type[pydantic.BaseModel]:
    """The one schema of every sample's ``json`` member; its ``model_json_schema()`` stands in ``dataset.json``.

    ``boxes`` is a string of JSON, since readers that infer types from the first rows fail on lists that begin empty.
    """
    return _json_model(tuple(layout.images), tuple(layout.attributes.items()))


@functools.lru_cache(maxsize=16)
def _json_model(images: tuple[str, ...], attributes: tuple[tuple[str, str], ...]) -> type[pydantic.BaseModel]:
    fields: dict[str, Any] = {
        name: (kind, ...)
        for name, kind in {
            "attempt": int,
            "boxes": str,
            "index": int,
            "key": str,
            "labels": list[str],
            "model": str,
            "model_fingerprint": str,
            "pairing": str,
            "prompt": str,
            "quality": _Quality,
            "sampler": str,
            "seed": int,
            "synthetic": bool,
        }.items()
    }
    # A struct without members is legal JSON but not a column: leave it out of the schema altogether.
    if images:
        labels: dict[str, Any] = dict.fromkeys(images, (list[str], ...))
        spacing: dict[str, Any] = dict.fromkeys(images, (tuple[float, float], ...))
        fields["labels_by_image"] = (pydantic.create_model("LabelsByImage", __config__=_STRICT, **labels), ...)
        fields["spacing"] = (pydantic.create_model("Spacing", __config__=_STRICT, **spacing), ...)
    if attributes:
        facts: dict[str, Any] = {name: (_TYPES[kind], ...) for name, kind in attributes}
        fields["attributes"] = (pydantic.create_model("Attributes", __config__=_STRICT, **facts), ...)
    return pydantic.create_model("Sample", __config__=_STRICT, **fields)


def encode(sample: Sample, layout: Layout) -> dict[str, bytes]:
    """The members of one sample, by suffix (``xray.png``, ``report.txt``, ``json``), as ``layout.members()`` has them.

    Raises:
        ValueError: the sample does not hold exactly the layout's fields, in their shapes and types.
    """
    members: dict[str, bytes] = {}
    wanted = {name for name in layout.images if name not in layout.mask_only}
    masks = {name for name, image in layout.images.items() if image.mask}
    if set(sample.images) != wanted or set(sample.masks) != masks or (sample.report is not None) != layout.report:
        raise ValueError(
            f"sample {sample.key}: images {sorted(sample.images)}, masks {sorted(sample.masks)}, report "
            f"{sample.report is not None}; the layout has {sorted(wanted)}, {sorted(masks)}, {layout.report}"
        )
    for name, field in layout.images.items():
        if name in sample.images:
            image = sample.images[name]
            if image.dtype != np.float32 or image.ndim != 3 or image.shape[0] != field.channels or image.size == 0:
                raise ValueError(f"sample {sample.key}: {name} is {image.dtype} {image.shape}, not float32 (C, H, W)")
            members[f"{name}.png"] = encode_png(field.quantise(image))
        if field.mask:
            mask = sample.masks[name]
            if mask.dtype != np.uint8 or mask.ndim != 3 or mask.shape[0] != 1 or mask.size == 0:
                raise ValueError(f"sample {sample.key}: {name}.mask is {mask.dtype} {mask.shape}, not uint8 (1, H, W)")
            members[f"{name}.mask.png"] = encode_png(mask)
    if sample.report is not None:
        members["report.txt"] = sample.report.encode("utf-8")
    members["json"] = _encode_json(sample, layout)
    return members


def encode_png(levels: np.ndarray[Any, Any]) -> bytes:
    """(C, H, W) uint8 or uint16, C = 1 or 3 (RGB in 8 bits only), as lossless PNG."""
    buffer = io.BytesIO()
    array = levels[0] if levels.shape[0] == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0))
    PillowImage.fromarray(array).save(buffer, "PNG", **PNG_OPTIONS)
    return buffer.getvalue()


def _encode_json(sample: Sample, layout: Layout) -> bytes:
    origin = sample.provenance
    boxes = [
        {"image": b.image, "category": b.category, "bbox": [float(b.x), float(b.y), float(b.width), float(b.height)]}
        for b in sample.boxes
    ]
    record: dict[str, Any] = {
        "attempt": origin.attempt,
        "boxes": json.dumps(boxes, separators=(",", ":")),
        "index": origin.index,
        "key": sample.key,
        "labels": list(sample.labels),
        "model": origin.model,
        "model_fingerprint": origin.model_fingerprint,
        "pairing": origin.pairing,
        "prompt": sample.prompt,
        "quality": {"accepted": sample.quality.accepted, "problems": sample.quality.problems},
        "sampler": origin.sampler,
        "seed": origin.seed,
        "synthetic": True,
    }
    if layout.images:
        record["labels_by_image"] = {name: list(sample.labels_by_image[name]) for name in layout.images}
        record["spacing"] = {name: [float(mm) for mm in sample.spacing.get(name, (1.0, 1.0))] for name in layout.images}
    if layout.attributes:
        record["attributes"] = {
            name: float(sample.attributes[name]) if kind == "float" else sample.attributes[name]
            for name, kind in layout.attributes.items()
        }
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    try:
        json_model(layout).model_validate_json(text)
    except pydantic.ValidationError as error:
        raise ValueError(f"sample {sample.key}: {problem(error)}") from None
    return text


def decode(members: Mapping[str, bytes], layout: Layout, key: str, where: str) -> Sample:
    """A sample from its members; only those that the layout declares are looked at.

    Args:
        where: the file, for messages.

    Raises:
        UserError: a member is missing, damaged, or not what the layout declares.
    """
    sample = decode_record(members, layout, key, where)
    for name, field in layout.images.items():
        if name not in layout.mask_only:
            sample.images[name] = field.dequantise(_png(members, f"{name}.png", field, key, where))
        if field.mask:
            sample.masks[name] = _mask(members, name, field, key, where)
            if name in sample.images and sample.masks[name].shape[1:] != sample.images[name].shape[1:]:
                raise UserError(f"{where}: {key}: {name}.mask.png is not as large as {name}.png")
    return sample


def decode_record(members: Mapping[str, bytes], layout: Layout, key: str, where: str) -> Sample:
    """A sample without its images and masks, from its ``json`` and ``report.txt``.

    Raises:
        UserError: as `decode`.
    """
    text = _text(members, "json", key, where)
    try:
        record = json_model(layout).model_validate_json(text).model_dump()
        boxes = _BOXES.validate_json(record["boxes"])
    except pydantic.ValidationError as error:
        raise UserError(f"{where}: {key}.json: {problem(error)}") from None
    return Sample(
        report=_text(members, "report.txt", key, where) if layout.report else None,
        labels=record["labels"],
        labels_by_image=record.get("labels_by_image", {}),
        boxes=[Box(box.image, box.category, *box.bbox) for box in boxes],
        spacing=record.get("spacing", {}),
        prompt=record["prompt"],
        attributes=record.get("attributes", {}),
        key=record["key"],
        provenance=Provenance(
            record["index"],
            record["seed"],
            record["attempt"],
            record["model"],
            record["model_fingerprint"],
            record["sampler"],
            record["pairing"],
        ),
        quality=Quality(**record["quality"]),
    )


def decode_png(data: bytes, what: str) -> np.ndarray[Any, Any]:
    """(C, H, W) uint8 or uint16 of a grey or RGB PNG; the size is bounded before a pixel is read.

    Raises:
        UserError: not such a PNG, larger than `MAX_PIXELS`, or damaged; begins with ``what``.
    """
    if data[: len(_PNG_HEAD)] != _PNG_HEAD or len(data) < 26:
        raise UserError(f"{what}: not a PNG file")
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= MAX_PIXELS:
        raise UserError(f"{what}: {width} x {height} pixels; at most {MAX_PIXELS} in all are read")
    if (data[24], data[25]) not in _PNG_KINDS:
        raise UserError(f"{what}: neither 8- or 16-bit grey nor 8-bit RGB (PNG colour type {data[25]}, {data[24]} bit)")
    try:
        with PillowImage.open(io.BytesIO(data), formats=["PNG"]) as image:
            array = np.array(image)  # a copy: Pillow lends its own memory, read-only
    except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError) as error:
        raise UserError(f"{what}: damaged PNG ({error})") from None
    if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)):
        raise UserError(f"{what}: neither 8- or 16-bit grey nor RGB (Pillow's mode {image.mode})")
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _member(members: Mapping[str, bytes], suffix: str, key: str, where: str) -> bytes:
    if suffix not in members:
        raise UserError(f"{where}: {key} has no member {suffix}; the shard is damaged or of another dataset")
    return members[suffix]


def _png(members: Mapping[str, bytes], suffix: str, field: ImageField, key: str, where: str) -> np.ndarray[Any, Any]:
    levels = decode_png(_member(members, suffix, key, where), f"{where}: {key}.{suffix}")
    if levels.shape[0] != field.channels or levels.dtype.itemsize * 8 != field.bits:
        raise UserError(
            f"{where}: {key}.{suffix}: {levels.dtype} with {levels.shape[0]} channels; dataset.json says {field.bits} "
            f"bit, {field.channels}"
        )
    return levels


def _mask(members: Mapping[str, bytes], name: str, field: ImageField, key: str, where: str) -> Mask:
    levels = decode_png(_member(members, f"{name}.mask.png", key, where), f"{where}: {key}.{name}.mask.png")
    if levels.dtype != np.uint8 or levels.shape[0] != 1 or int(levels.max()) >= len(field.mask):
        raise UserError(f"{where}: {key}.{name}.mask.png is not an 8-bit map of {len(field.mask)} labels")
    return levels


def _text(members: Mapping[str, bytes], suffix: str, key: str, where: str) -> str:
    data = _member(members, suffix, key, where)
    if len(data) > MAX_TEXT_BYTES:
        raise UserError(f"{where}: {key}.{suffix}: {len(data)} bytes; at most {MAX_TEXT_BYTES} are read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: {key}.{suffix}: not UTF-8 ({error})") from None
