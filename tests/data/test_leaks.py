"""Leaks between splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthmed.data.leaks import NEAR, Leak, LeakFinder, difference_hash, find_leaks, refusal
from synthmed.data.reading import Pixels
from synthmed.data.record import FileRef, Record
from synthmed.errors import UserError


def picture(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray[Any, Any]:
    """Smooth noise, so that it survives a change of size as a radiograph does."""
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 13), dtype=np.uint8))
    return np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC))


def save(path: Path, pixels: np.ndarray[Any, Any], **options: Any) -> FileRef:
    Image.fromarray(pixels).save(path, **options)
    return FileRef(path)


def test_each_kind_with_its_offenders(tmp_path: Path) -> None:
    one, other, third, fourth = (picture(seed) for seed in range(4))
    train = [
        Record("a", {"xray": save(tmp_path / "a.png", one)}, patient="p1"),
        Record("b", {"xray": save(tmp_path / "b.png", other)}),
        Record("c", {"xray": save(tmp_path / "c.png", third)}),
        Record("text"),
    ]
    test = [
        Record("d", {"xray": save(tmp_path / "d.png", fourth)}, patient="p1"),
        Record("e", {"xray": save(tmp_path / "e.bmp", other)}),
        Record(
            "f", {"xray": save(tmp_path / "f.jpg", np.asarray(Image.fromarray(third).resize((96, 72))), quality=80)}
        ),
    ]
    leaks = find_leaks({"train": train, "test": test})
    assert leaks[0] == Leak("patient", (("train", "a"), ("test", "d")))
    assert leaks[1] == Leak("pixels", (("train", "b"), ("test", "e")))
    assert [leaks[2].kind, leaks[2].offenders] == ["near-duplicate", (("train", "c"), ("test", "f"))]
    assert 0 <= leaks[2].distance <= NEAR
    assert len(leaks) == 3
    message = refusal(leaks, shown=2)
    assert message.startswith("3 leak(s) between splits: same patient: train a, test d; same pixels: train b, test e;")
    assert "and 1 more" in message
    assert find_leaks({"train": train, "test": []}) == []


def test_one_side_is_no_leak_and_flat_pictures_are_not_alike(tmp_path: Path) -> None:
    same = save(tmp_path / "a.png", picture(1))
    dark, bright = (save(tmp_path / f"{level}.png", np.full((9, 7), level, np.uint8)) for level in (0, 255))
    train = [
        Record("a", {"xray": same}, patient="p"),
        Record("b", {"xray": same}, patient="p"),
        Record("c", {"ct": dark}),
    ]
    assert find_leaks({"train": train, "test": [Record("d", {"ct": bright})]}) == []


def test_near_duplicates_of_one_patient_are_listed_once(tmp_path: Path) -> None:
    pixels = picture(1)
    refs = [save(tmp_path / f"{i}.png", pixels // 2 + i) for i in range(2)]
    records = [Record(str(i), {"mri": ref}, patient="p") for i, ref in enumerate(refs)]
    assert [leak.kind for leak in find_leaks({"train": records[:1], "val": records[1:]})] == ["patient"]


def test_images_of_two_names_are_not_compared(tmp_path: Path) -> None:
    pixels = picture(1)
    one = Record("1", {"mri": save(tmp_path / "1.png", pixels)})
    other = Record("2", {"mri.t2": save(tmp_path / "2.png", pixels // 2)})
    assert find_leaks({"train": [one], "val": [other]}) == []


def test_the_hash_by_hand() -> None:
    ramp = np.tile(np.arange(17, dtype=np.uint8), (16, 1))[None]
    ascending, descending = difference_hash(ramp), difference_hash(ramp[..., ::-1].copy())
    assert ascending is not None
    assert descending is not None
    assert ascending.shape == (256,)
    assert not ascending.any()
    assert descending.all()
    half = ramp.copy()
    half[:, 8:] = half[:, 8:, ::-1]
    mixed = difference_hash(half)
    assert mixed is not None
    assert mixed.reshape(16, 16).sum(axis=1).tolist() == [0] * 8 + [16] * 8
    # Colours are averaged, and a change of brightness and contrast changes nothing.
    assert (difference_hash(np.repeat(ramp * 3 + 9, 3, axis=0)) == ascending).all()
    assert difference_hash(np.full((1, 5, 9), 7, np.uint8)) is None


def test_every_pair_is_compared_across_blocks() -> None:
    """Against a plain count of bits, on more rows than a block holds."""
    rng = np.random.default_rng(0)
    n = 2300
    base = rng.integers(0, 256, (n, 16, 17), dtype=np.uint8)
    for copy, of in ((2200, 3), (1500, 40), (1030, 1020)):
        base[copy] = base[of]
        base[copy, 0, 5] ^= 128
    finder = LeakFinder()
    for split, places in (("train", range(0, n, 2)), ("val", range(1, n, 2))):
        for i in places:
            finder.add(split, Record(str(i)), {"xray": Pixels(base[i][None], 8, "1")})
    found = finder.leaks()
    hashes = np.stack([np.packbits(difference_hash(base[i][None])) for i in range(n)])  # type: ignore[arg-type]
    expected = set()
    for i in range(n):
        distances = np.unpackbits(hashes[i] ^ hashes[i + 1 :], axis=1).sum(axis=1)
        expected |= {(i, i + 1 + j) for j in np.flatnonzero(distances <= NEAR) if (j + 1) % 2}
    assert {tuple(sorted(int(name) for _, name in leak.offenders)) for leak in found} == expected
    assert (3, 2200) in expected


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(UserError, match=r"bad\.png"):
        find_leaks({"train": [Record("a", {"xray": FileRef(tmp_path / "bad.png")})]})
