from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.shared import ROOT, real
from PIL import Image

from synthmed.data.record import FileRef, MaskRef, Problem, Record
from synthmed.errors import UserError
from synthmed.evaluation.corpora.groups import groups
from synthmed.evaluation.corpora.open import open_corpus
from synthmed.evaluation.corpora.records import RecordCorpus
from synthmed.evaluation.corpora.spool import Spool
from synthmed.sample import Box


def save(path: Path, shape: tuple[int, ...] = (10, 14), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def levels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_spooled_record_comes_back_whole() -> None:
    spool = Spool()
    records = [
        Record(
            "größe/\udce9.png",
            {"xray": FileRef(Path("/a/\udce9"), (1, 2), 0, (3, 4)), "ct": FileRef(Path("b"))},
            patient="p",
            split="val",
            masks={"xray": MaskRef((FileRef(Path("m")),), {2: "heart"}), "ct": MaskRef((), {1: "x"}, ("1 2",))},
            boxes=(Box("xray", "nodule", 1, 2.5, 3, 4),),
            labels=("a", "b"),
            text="two\nlines",
            spacing={"xray": (0.5, 0.25)},
            window={"ct": (-5.0, 7.0)},
            attributes={"age": 4, "sex": "F", "share": 0.1, "on": True},
        ),
        Record("text alone", text=""),
        Record("last", {"ct": FileRef(Path("c"))}),
    ]
    for record in records:
        spool.append(record)
    assert [spool.read(place) for place in (2, 0, 1)] == [records[2], records[0], records[1]]
    assert spool.having("ct").tolist() == [0, 2]
    assert spool.having("xray.mask").tolist() == [0]
    assert spool.having("mri").tolist() == []
    with pytest.raises(IndexError):
        spool.read(3)


def test_images_masks_boxes_and_facts(tmp_path: Path) -> None:
    image, mask = save(tmp_path / "a.png"), np.zeros((10, 14), np.uint8)
    mask[2:4, 6:10] = 7
    Image.fromarray(mask).save(tmp_path / "m.png")
    rows = [
        Record(
            "a",
            {"xray": FileRef(image)},
            patient="p",
            masks={"xray": MaskRef((FileRef(tmp_path / "m.png"),), {7: "lung", 9: "heart"})},
            boxes=(Box("xray", "lung", 6, 2, 4, 2),),
            labels=("mass",),
            text="A report.",
        ),
        Problem("row 2", "no file"),
        Record("b", {"xray": FileRef(save(tmp_path / "b.png", seed=1))}),
        Record("c", text="text alone"),
    ]
    corpus = RecordCorpus(rows, "mine")
    assert (len(corpus), corpus.rows, corpus.problems, corpus.first_problem) == (3, {"xray": 2}, 1, "row 2: no file")
    assert corpus.having("xray").tolist() == [0, 1]
    assert corpus.having("xray.mask").tolist() == [0]
    found = corpus.pixels("xray", [1, 0])
    np.testing.assert_allclose(found[1, 0], levels(image) / 255, atol=1e-6)
    assert corpus.images["xray"].mask == ("background", "heart", "lung")
    np.testing.assert_array_equal(corpus.masks("xray", [0])[0], np.where(mask, 2, 0))
    facts = corpus.facts([0, 2])
    assert (facts[0].key, facts[0].patient, facts[0].labels, facts[0].report) == ("a", "p", ("mass",), "A report.")
    assert facts[0].boxes == rows[0].boxes  # type: ignore[union-attr]
    assert facts[1].report == "text alone"
    sized = RecordCorpus(rows, "mine", size=28)
    assert sized.pixels("xray", [0, 1]).shape == (2, 1, 28, 28)
    (box,) = sized.facts([0])[0].boxes
    rows_in, columns_in = np.nonzero(sized.masks("xray", [0])[0])
    assert (box.x, box.y, box.width, box.height) == pytest.approx((12, 8, 8, 4))
    assert (columns_in.min(), rows_in.min(), np.ptp(columns_in) + 1, np.ptp(rows_in) + 1) == (12, 8, 8, 4)
    with pytest.raises(UserError, match="mine: b has no mask of xray"):
        corpus.masks("xray", [1])
    with pytest.raises(UserError, match="mine: c has no image 'xray'"):
        corpus.pixels("xray", [2])
    with pytest.raises(UserError, match="no image 'ct'"):
        corpus.having("ct")
    assert groups(corpus, "xray").labels["mass"].tolist() == [0]
    assert groups(corpus, "xray").patients.tolist() == [0, -1]
    assert groups(corpus, "xray").label_sets.tolist() == [0, -1]


def test_ct_in_units_and_windows(tmp_path: Path) -> None:
    hounsfield = np.linspace(-1024, 3071, 140).reshape(10, 14).round()
    Image.fromarray((hounsfield + 1024).astype(np.uint16)).save(tmp_path / "hu.png")
    whole = Record("hu", {"ct": FileRef(tmp_path / "hu.png")})
    corpus = RecordCorpus([whole], "ct")
    assert (corpus.images["ct"].unit, corpus.images["ct"].window) == ("HU", None)
    np.testing.assert_allclose(corpus.pixels("ct", [0])[0, 0], hounsfield, atol=1e-3)
    assert RecordCorpus([whole], "ct", size=20).pixels("ct", [0])[0, 0, 0, 0] == -1024
    shown = RecordCorpus([whole], "ct", window=(-200.0, 300.0))
    np.testing.assert_allclose(shown.pixels("ct", [0])[0, 0], ((hounsfield + 200) / 500).clip(0, 1), atol=1e-5)
    lost = Record("8 bit", {"ct": FileRef(save(tmp_path / "w.png"))}, window={"ct": (-300.0, 500.0)})
    windowed = RecordCorpus([lost], "ct", size=14)
    assert windowed.images["ct"].window == (-300.0, 500.0)
    assert windowed.pixels("ct", [0]).max() <= 1
    with pytest.raises(UserError, match="several CT windows"):
        RecordCorpus([whole, lost], "ct")
    both = RecordCorpus([whole, lost], "ct", window=(-200.0, 300.0))
    expected = ((levels(tmp_path / "w.png") / 255 * 800 - 300 + 200) / 500).clip(0, 1)
    np.testing.assert_allclose(both.pixels("ct", [1])[0, 0], expected, atol=1e-5)
    with pytest.raises(UserError, match=r"window .* alone"):
        RecordCorpus([lost], "ct", window=(-1000.0, 1000.0)).pixels("ct", [0])


def test_the_digest_is_of_content_and_not_of_place(tmp_path: Path) -> None:
    def corpus(folder: str, seed: int = 0, label: str = "mass", size: int | None = None) -> RecordCorpus:
        path = save(tmp_path / folder / "a.png", seed=seed)
        return RecordCorpus([Record("a", {"xray": FileRef(path)}, labels=(label,))], folder, size=size)

    first = corpus("one").digest
    assert corpus("two").digest == first
    others = {corpus("three", seed=1).digest, corpus("four", label="nodule").digest, corpus("five", size=8).digest}
    assert len(others | {first}) == 4


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    gone = tmp_path / "gone.png"
    corpus = RecordCorpus(
        [Record("a", {"xray": FileRef(tmp_path / "bad.png")}), Record("b", {"xray": FileRef(gone)})], "x"
    )
    with pytest.raises(UserError, match=r"bad\.png"):
        corpus.pixels("xray", [0])
    with pytest.raises(UserError, match=r"gone\.png"):
        _ = corpus.digest
    with pytest.raises(UserError, match="x: no row to evaluate"):
        RecordCorpus([Problem("a", "is bad")], "x")


def test_folders_of_images_are_told_apart(tmp_path: Path) -> None:
    for name in ("plain/a.png", "plain/b/c.png", "classes/mass/a.png", "classes/none/b.png", "hf/train/x.png"):
        save(tmp_path / name, (10, 14, 3) if name.startswith("hf") else (10, 14))
    (tmp_path / "hf/train/metadata.jsonl").write_text(json.dumps({"file_name": "x.png", "text": "A caption."}))
    (tmp_path / "split/test").mkdir(parents=True)
    save(tmp_path / "split/test/a.png")
    plain = open_corpus(str(tmp_path / "plain"), image="xray")
    assert [facts.key for facts in plain.facts([0, 1])] == ["a.png", "b/c.png"]
    assert plain.name == "plain"
    classes = open_corpus(str(tmp_path / "classes"), image="mri.t1", name="mine")
    assert [facts.labels for facts in classes.facts([0, 1])] == [("mass",), ("none",)]
    assert (list(classes.images), classes.name) == (["mri"], "mine")
    captions = open_corpus(str(tmp_path / "hf"), image="photo", split="train")
    assert captions.facts([0])[0].report == "A caption."
    assert captions.pixels("photo", [0]).shape == (1, 3, 10, 14)
    assert len(open_corpus(str(tmp_path / "split"), image="xray")) == 1
    source = open_corpus(f"class_folders:{tmp_path / 'classes'}", options=["negative=none"])
    assert [facts.labels for facts in source.facts([0, 1])] == [("mass",), ("no finding",)]


def test_splits(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for place in range(40 if split == "train" else 2):
            save(tmp_path / split / "mass" / f"{place}.png", (4, 4), place)
    place = str(tmp_path)
    assert len(open_corpus(place, image="xray", split="train")) == 40
    dealt = [
        {facts.key for facts in corpus.facts(range(len(corpus)))}
        for corpus in (open_corpus(place, image="xray", split=f"patient:{part}") for part in ("train", "test"))
    ]
    assert not dealt[0] & dealt[1]
    assert 25 < len(dealt[0]) < 42
    with pytest.raises(UserError, match="no row in split 'val'; its splits: test, train"):
        open_corpus(place, image="xray", split="val")
    for wrong in ("validation", "patient:"):
        with pytest.raises(UserError, match="write train, val or test"):
            open_corpus(place, image="xray", split=wrong)


def test_refusals(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(UserError, match="name the image"):
        open_corpus(str(tmp_path))
    with pytest.raises(UserError, match="no such folder; or write SOURCE:PATH"):
        open_corpus(str(tmp_path / "gone"))
    with pytest.raises(UserError, match="no option 'modalty'"):
        open_corpus(f"folder:{tmp_path}", options=["modalty=ct"])
    with pytest.raises(UserError, match="no row to evaluate"):
        open_corpus(f"folder:{tmp_path}", image="mri")


@real
def test_shared_data() -> None:
    corpus = open_corpus(f"shared:{ROOT}", split="test", size=32, image="mri", options=["part=mri_lgg"])
    assert list(corpus.images) == ["mri"]
    pixels = corpus.pixels("mri", corpus.having("mri")[:3].tolist())
    assert pixels.shape == (3, 1, 32, 32)
    assert 0 <= pixels.min() < pixels.max() <= 1
