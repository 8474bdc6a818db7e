from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from synthmed.data.reading import read_array
from synthmed.data.sources.sliver07 import SLIVER07
from synthmed.errors import UserError

SHAPE = (7, 5, 9)


def put(path: Path, data: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(data.T)
    image.SetSpacing((0.68, 0.7, 3.0))
    sitk.WriteImage(image, str(path))
    return data


@pytest.fixture
def scans(tmp_path: Path) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for number, folder in (("001", "training-part1"), ("011", "training-part2")):
        made[number] = put(
            tmp_path / folder / f"liver-orig{number}.mhd", rng.integers(-1024, 900, SHAPE).astype(np.int16)
        )
        mask = np.zeros(SHAPE, np.uint8)
        mask[2:5, 1:4, 2:8] = 1
        put(tmp_path / folder / f"liver-seg{number}.mhd", mask)
    put(tmp_path / "test/liver-orig001.mhd", np.zeros(SHAPE, np.int16))
    return made


def test_slices_and_masks(scans, read) -> None:
    records, problems = read(SLIVER07())
    assert [record.id for record in records] == [
        f"{folder}/liver-orig{number}#{z}"
        for folder, number in (("training-part1", "001"), ("training-part2", "011"))
        for z in (2, 6)
    ]
    assert problems == ["test/liver-orig001.mhd: slices 'mask:4': this volume has no mask; use central or every:k"]
    for record in records:
        name, z = record.id.split("#")
        pixels = read_array(record.images["ct"])
        # MetaImage's identity is LPS: columns run to the left, rows to posterior already.
        np.testing.assert_array_equal(pixels.values[0], scans[name[-3:]][:, :, int(z)].T)
        assert pixels.spacing == pytest.approx((0.7, 0.68))
        mask = read_array(record.masks["ct"].files[0]).values
        assert mask.sum() == 9
        assert mask[0, 1:4, 2:5].all()
        assert record.masks["ct"].names == {1: "liver"}
        assert record.split == "train"
    assert len({record.patient for record in records}) == 2


def test_test_volumes_are_other_patients(scans, read) -> None:
    records, problems = read(SLIVER07(slices="central"))
    assert not problems
    splits = {record.id: (record.split, bool(record.masks)) for record in records}
    assert splits["test/liver-orig001#4"] == ("test", False)
    assert splits["training-part1/liver-orig001#4"] == ("train", True)
    assert len({record.patient for record in records}) == 3


def test_what_is_missing(scans, read, tmp_path: Path) -> None:
    (tmp_path / "training-part1/liver-seg001.mhd").unlink()
    (tmp_path / "training-part2/liver-orig011.raw").unlink()
    records, problems = read(SLIVER07(slices="central"))
    assert len(records) == 2
    assert problems[0] == "training-part1/liver-orig001.mhd: there is no liver-seg001.mhd"
    assert "'liver-orig011.raw' is not beside it" in problems[1]
    with pytest.raises(UserError, match=r"liver-orig001\.mhd"):
        list(SLIVER07().records(tmp_path / "test" / "none"))
