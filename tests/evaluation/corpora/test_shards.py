from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.samples import fixed_dataset, write_dataset

from synthmed.data.transforms.windows import HUWindowd
from synthmed.errors import UserError
from synthmed.evaluation.corpora.open import open_corpus
from synthmed.evaluation.corpora.shards import ShardCorpus
from synthmed.sample import NO_FINDING


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "set"
    write_dataset(fixed_dataset(), folder)
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_rows_are_the_samples(made: Path) -> None:
    corpus, samples = open_corpus(str(made)), fixed_dataset().samples
    assert (len(corpus), corpus.name) == (10, "set")
    assert corpus.rows == dict.fromkeys(("xray", "ct", "mri.t2", "photo"), 10)
    assert corpus.images["xray"].mask == ("background", "heart", "nodule")
    places = [9, 0, 4]
    for image, field in corpus.images.items():
        np.testing.assert_array_equal(corpus.having(image), np.arange(10))
        found = corpus.pixels(image, places)
        assert found.dtype == np.float32
        expected = np.stack([samples[place].images[image] for place in places])
        np.testing.assert_allclose(found, expected, atol=field.slope / 2 * 1.001)
    np.testing.assert_array_equal(
        corpus.masks("xray", places), np.stack([samples[place].masks["xray"][0] for place in places])
    )
    for facts, place in zip(corpus.facts(places), places, strict=True):
        sample = samples[place]
        assert (facts.report, facts.labels, facts.boxes) == (sample.report, tuple(sample.labels), tuple(sample.boxes))
        assert facts.labels_by_image["ct"] == (("nodule",) if place % 2 else (NO_FINDING,))
        assert facts.prompt == "a prompt,\nof two lines"
        assert facts.attributes == sample.attributes
        assert facts.patient == ""
    assert len({facts.key for facts in corpus.facts(range(10))}) == 10


def test_one_size_moves_images_masks_and_boxes_together(made: Path) -> None:
    corpus = open_corpus(str(made), size=40)
    assert corpus.pixels("ct", [0, 1]).shape == (2, 1, 40, 40)
    assert corpus.pixels("ct", [0])[0, 0, 0, 0] == -1024  # the padding is air
    mask = corpus.masks("xray", [4])[0]
    rows, columns = np.nonzero(mask == 2)
    # 12 x 20 becomes 24 x 40 with 8 rows of padding above and below; the nodule was rows 2-4, columns 7 and 8 to 9.
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (12, 18, 14, 20)
    (box,) = corpus.facts([1])[0].boxes
    assert (box.x, box.y, box.width, box.height) == pytest.approx((14, 12, 6, 6))


def test_a_window_over_ct(made: Path) -> None:
    corpus = open_corpus(str(made), window="lung", image="ct")
    assert list(corpus.images) == ["ct"]
    assert corpus.images["ct"].window == (-1350.0, 150.0)
    hounsfield = open_corpus(str(made)).pixels("ct", [3])
    expected = HUWindowd("ct", "lung")({"ct": hounsfield[0]})["ct"].numpy()
    np.testing.assert_allclose(corpus.pixels("ct", [3])[0], expected, atol=1e-6)
    with pytest.raises(UserError, match="no image 'xray'"):
        corpus.pixels("xray", [0])


def test_the_digest_is_of_content(made: Path, copy: Path) -> None:
    first = open_corpus(str(made)).digest
    assert open_corpus(str(copy)).digest == first
    assert open_corpus(str(copy), size=32).digest != first
    for stats in copy.glob("*.stats.json"):
        stats.unlink()
    assert open_corpus(str(copy)).digest == first  # from the bytes themselves
    tar = min(copy.glob("*.tar"))
    data = bytearray(tar.read_bytes())
    data[len(data) // 2] ^= 1
    tar.write_bytes(data)
    assert open_corpus(str(copy)).digest != first


def test_rejected_samples_are_left_out(made: Path, copy: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = sorted(copy.glob("*.parquet"))[1]
    table = pyarrow.parquet.read_table(path)
    place = table.schema.get_field_index("accepted")
    table = table.set_column(place, "accepted", pyarrow.array([True, False, False, True]))
    pyarrow.parquet.write_table(table, path)
    corpus = open_corpus(str(copy))
    assert len(corpus) == 8
    kept = [place for place in range(10) if place not in (5, 6)]
    assert corpus.facts(range(8)) == open_corpus(str(made)).facts(kept)
    assert corpus.digest != open_corpus(str(made)).digest
    tar = min(copy.glob("*.tar"))
    tar.write_bytes(tar.read_bytes() + bytes(512))
    with pytest.raises(UserError, match=r"tar: \d+ bytes, \d+ in its stats"):
        _ = open_corpus(str(copy)).digest


def test_a_row_costs_eight_bytes(made: Path) -> None:
    corpus = ShardCorpus(made)
    held = [value for value in vars(corpus).values() if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in held) == 8 * len(corpus)


def damage(folder: Path, kind: str) -> None:
    tar, table = min(folder.glob("*.tar")), min(folder.glob("*.parquet"))
    if kind == "truncated":
        tar.write_bytes(tar.read_bytes()[:2000])
    elif kind == "no tar":
        tar.unlink()
    elif kind == "table":
        table.write_bytes(b"PAR1 and no more")
    elif kind == "png":
        data = tar.read_bytes()
        tar.write_bytes(data.replace(b"IDAT", b"XDAT"))
    elif kind == "json":
        (folder / "dataset.json").write_text("[]")
    elif kind == "empty":
        for file in [*folder.glob("*.tar"), *folder.glob("*.parquet")]:
            file.unlink()


@pytest.mark.parametrize("kind", ["truncated", "no tar", "table", "png", "json", "empty"])
def test_damage_is_named(copy: Path, kind: str) -> None:
    damage(copy, kind)
    with pytest.raises(UserError) as refused:
        corpus = open_corpus(str(copy))
        corpus.pixels("xray", range(10))
    assert str(copy) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_images_of_two_sizes_need_one(tmp_path: Path) -> None:
    given = fixed_dataset(4)
    given.samples[2].images["ct"] = np.tile(given.samples[2].images["ct"], (1, 2, 1))
    write_dataset(given, tmp_path / "set")
    with pytest.raises(UserError, match="give one size"):
        open_corpus(str(tmp_path / "set")).pixels("ct", range(4))
    assert open_corpus(str(tmp_path / "set"), size=24).pixels("ct", range(4)).shape == (4, 1, 24, 24)
    with pytest.raises(UserError, match="no masks"):
        open_corpus(str(tmp_path / "set")).masks("ct", [0])
    with pytest.raises(UserError, match="no splits"):
        open_corpus(str(tmp_path / "set"), split="test")
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["n"] == 4
