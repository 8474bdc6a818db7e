"""The parts of shared/data: the real ones against their README, and miniatures of their rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from helpers.shared import ROOT, real

from synthmed.data.loading import LoadRecord
from synthmed.data.reading import read_array
from synthmed.data.record import FileRef, MaskRef, Problem, Record
from synthmed.data.sources.shared import SharedData
from synthmed.errors import UserError
from synthmed.sample import Box

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def counts_of_the_readme() -> dict[str, dict[str, int]]:
    """Rows by part and split, from the README's table."""
    table = re.findall(
        r"^\| (\w+) \|[^|]*\| ([\d-]+)/([\d-]+)/([\d-]+)/[\d-]+ \|", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    return {
        part: {split: int(n) for split, n in zip(("train", "val", "test"), numbers, strict=True) if n != "-"}
        for part, *numbers in table
        if numbers != ["-"] * 3
    }


def row_name(part: str, found: Record | Problem) -> str:
    """A row's name: its line for a problem; its id, without the slice, for a record."""
    return str(found).split(": ")[0] if isinstance(found, Problem) else found.id.split("#")[0]


@real
def test_the_readme_lists_every_part() -> None:
    parts = {path.parent.name for path in ROOT.glob("*/train.jsonl")}
    assert counts_of_the_readme().keys() == parts
    assert len(parts) == 21


@real
@pytest.mark.parametrize("part", sorted(counts_of_the_readme()) if ROOT.is_dir() else [])
def test_counts_equal_the_readmes(part: str) -> None:
    found = list(SharedData(part).records(ROOT))
    problems = [item for item in found if isinstance(item, Problem)]
    rows = {(item.split, row_name(part, item)) for item in found if isinstance(item, Record)}
    counts = Counter(split for split, _ in rows)
    if part == "text_captions":
        # The README counts files; each file's row counts its captions.
        lines = [json.loads((ROOT / part / f"{split}.jsonl").read_text()) for split in ("train", "val", "test")]
        assert dict(counts) == {line["split"]: line["count"] for line in lines}
        assert counts_of_the_readme()[part] == dict.fromkeys(("train", "val", "test"), 1)
    elif part == "ct_lungtumour_patches":
        assert (rows, len(problems)) == (set(), counts_of_the_readme()[part]["train"])
    else:
        assert dict(counts) == counts_of_the_readme()[part]
        assert problems == []


@real
@pytest.mark.parametrize("part", sorted(counts_of_the_readme()) if ROOT.is_dir() else [])
def test_what_is_shippable(part: str) -> None:
    """Row by row from the JSON lines, in the words of the README's *Licences*."""
    expected = 0
    for split in ("train", "val", "test"):
        path = ROOT / part / f"{split}.jsonl"
        for line in path.read_text().splitlines() if path.is_file() else ():
            row = json.loads(line)
            nih = part == "ct_slices" and row["license"].startswith("NIH")
            if (row["reuse"] in ("yes", "attribution") or nih) and "notumor" not in row.get("labels", []):
                captions = (path.parent / row["text_file"]).read_text() if "text_file" in row else ""
                licences = [json.loads(caption)["license"] for caption in captions.splitlines()] or [""]
                expected += sum("SA" not in licence for licence in licences) if "arrays" not in row else 0
    kept = [r for r in SharedData(part, licence="shippable").records(ROOT) if isinstance(r, Record)]
    extra = 1 if part == "dicom_samples" else 0  # one row holds two CT series
    assert len(kept) == expected + extra
    assert all(record.shippable for record in kept)


@real
def test_no_patient_is_in_two_splits_of_any_part() -> None:
    for part in ("xray_notes", "xray_nih64", "xray_pneumonia", "ct_slices", "mri_lgg"):
        sides: dict[str, set[str]] = {}
        for record in SharedData(part).records(ROOT):
            assert isinstance(record, Record)
            sides.setdefault(record.patient, set()).add(record.split)
        assert max(map(len, sides.values())) == 1


@real
def test_the_large_part_holds_the_small_ones_train_patients() -> None:
    small = {r.patient for r in SharedData("xray_pneumonia").records(ROOT) if isinstance(r, Record)}
    train = {
        r.patient for r in SharedData("xray_pneumonia").records(ROOT) if isinstance(r, Record) and r.split == "train"
    }
    large = {r.patient for r in SharedData("xray_pneumonia_large").records(ROOT) if isinstance(r, Record)}
    assert train <= large
    assert not (small - train) & large


@real
def test_slices_of_real_volumes() -> None:
    records = [r for r in SharedData("mri_multicontrast3d", slices="every:8").records(ROOT) if isinstance(r, Record)]
    study = [record for record in records if record.id.startswith("pgbm_study1#")]
    assert [record.id for record in study] == ["pgbm_study1#04", "pgbm_study1#12", "pgbm_study1#20"]
    assert set(study[0].images) == {"mri", "mri.t1c", "mri.flair", "mri.t2"}
    assert {ref.plane for ref in study[1].images.values()} == {(2, 12)}


def test_channels_masks_and_missing_ones(put: Put, read: Read, tmp_path: Path) -> None:
    put("lgg/train/images/a.png"), put("lgg/train/masks/a.png")
    row = {
        "part": "lgg",
        "id": "a",
        "image": "train/images/a.png",
        "masks": {"flair_abnormality": "train/masks/a.png"},
        "modality": "MRI",
        "channels": ["T1 pre-contrast", "FLAIR", "T1 post-contrast"],
        "labels": ["no tumour in slice"],
        "patient": "p",
        "age": "39",
        "license": "CC BY-NC-SA 4.0",
        "reuse": "nc",
    }
    second = {**row, "id": "b", "missing_channels": ["T1 pre-contrast"]}
    put("lgg/train.jsonl", f"{json.dumps(row)}\n{json.dumps(second)}\n")
    records, problems = read(SharedData("lgg"))
    assert problems == []
    path = tmp_path / "lgg/train/images/a.png"
    images = {
        "mri": FileRef(path, channel=0),
        "mri.flair": FileRef(path, channel=1),
        "mri.t1c": FileRef(path, channel=2),
    }
    mask = MaskRef((FileRef(tmp_path / "lgg/train/masks/a.png"),), {1: "flair_abnormality"})
    first, other = records
    assert first.images == images
    assert first.masks == dict.fromkeys(images, mask)
    assert other.images == {name: ref for name, ref in images.items() if name != "mri"}
    assert (first.labels, first.split, first.attributes) == (("no finding",), "train", {"age": 39})
    assert first.patient == other.patient != ""
    assert (first.licence, first.shippable) == ("CC BY-NC-SA 4.0", False)


def test_windows_boxes_and_templates(put: Put, read: Read) -> None:
    put("ct_slices/i.png")
    row = {
        "part": "ct_slices",
        "image": "i.png",
        "modality": "CT",
        "caption": "A slice.",
        "caption_source": "template from an automatic body-part score",
        "boxes": [{"label": "tumour", "x": 1.5, "y": 2, "w": 3, "h": 4}],
        "reuse": "attribution; see CADLab LICENSE.md",
    }
    put("ct_slices/train.jsonl", "")
    rows = [{**row, "id": "1", "window": [-1000, 400]}, {**row, "id": "2", "report": "Text."}]
    put("ct_slices/test.jsonl", "\n".join(map(json.dumps, rows)))
    (first, second), problems = read(SharedData("ct_slices"))
    assert problems == []
    assert (first.window, first.attributes) == ({"ct": (-1000.0, 400.0)}, {})
    assert (second.window, second.attributes) == ({}, {"window_missing": True})
    assert first.boxes == (Box("ct", "tumour", 1.5, 2.0, 3.0, 4.0),)
    assert (first.text, first.text_kind) == ("A slice.", "template")
    assert (second.text, second.text_kind) == ("Text.", "report")
    assert first.split == "test"
    assert first.shippable


def test_which_lung_mask(put: Put, read: Read) -> None:
    for name in ("i.png", "m.png", "a.png"):
        put(f"xray_notes/{name}")
    row = {"part": "xray_notes", "image": "i.png", "modality": "X-ray"}
    both = {**row, "id": "1", "masks": {"lungs_auto": "a.png", "lungs_manual": "m.png"}}
    auto = {**row, "id": "2", "masks": {"lungs_auto": "a.png"}}
    put("xray_notes/train.jsonl", f"{json.dumps(both)}\n{json.dumps(auto)}\n")
    for lungs, expected in (("best", ["m.png", "a.png"]), ("manual", ["m.png", None]), ("auto", ["a.png", "a.png"])):
        records, _ = read(SharedData("xray_notes", lungs=lungs))  # type: ignore[arg-type]
        assert [r.masks["xray"].files[0].path.name if r.masks else None for r in records] == expected


@pytest.mark.parametrize(
    ("reuse", "labels", "kept"),
    [
        ("yes", ["glioma"], True),
        ("attribution", ["glioma"], True),
        ("yes", ["notumor"], False),
        ("yes (share alike)", ["glioma"], False),
        ("attribution; check", ["glioma"], False),
        ("attribution; see CADLab LICENSE.md", ["glioma"], False),
        ("nc", [], False),
        (None, [], False),
    ],
)
def test_the_licence_filter(put: Put, read: Read, reuse: str | None, labels: list[str], kept: bool) -> None:
    put("mri_tumor/i.png")
    row = {"part": "mri_tumor", "id": "1", "image": "i.png", "modality": "MRI", "labels": labels, "reuse": reuse}
    put("mri_tumor/train.jsonl", json.dumps(row))
    assert len(read(SharedData("mri_tumor"))[0]) == 1
    assert len(read(SharedData("mri_tumor", licence="shippable"))[0]) == kept


def test_volumes_label_maps_and_captions(put: Put, read: Read, tmp_path: Path) -> None:
    for name in ("ct.nii.gz", "pet.nii.gz", "m.nii.gz"):
        put(f"p/{name}")
        nibabel.save(nibabel.Nifti1Image(np.ones((6, 5, 9), np.int16), np.eye(4)), tmp_path / "p" / name)
    rows = [
        {"id": "v", "volumes": {"CT": "ct.nii.gz", "PET": "pet.nii.gz"}, "masks": {"organs": "m.nii.gz"}},
        {"id": "l", "volume": "m.nii.gz", "modality": "label map"},
        {"id": "t", "text_file": "captions.jsonl", "reuse": "yes"},
        {"id": "z", "arrays": "x.npz", "modality": "CT"},
    ]
    rows[0]["mask_values"] = {"1": "liver", "2": "spleen"}
    put("p/captions.jsonl", '{"id": "R1", "text": "A scan.", "license": "CC BY"}\n{"id": "R2"}\n')
    put("p/train.jsonl", "\n".join(map(json.dumps, rows)))
    records, problems = read(SharedData("p", slices="every:4"))
    assert [record.id for record in records] == ["v#2", "v#6", "l#2", "l#6", "R1"]
    assert records[1].images == {"ct": FileRef(tmp_path / "p/ct.nii.gz", (2, 6))}
    assert records[1].masks["ct"] == MaskRef((FileRef(tmp_path / "p/m.nii.gz", (2, 6)),), {1: "liver", 2: "spleen"})
    assert records[0].patient == records[1].patient != ""
    assert (records[2].images, list(records[2].masks)) == ({}, ["mri"])
    assert (records[4].id, records[4].text, records[4].text_kind) == ("R1", "A scan.", "caption")
    assert (records[4].licence, records[4].shippable, records[4].images) == ("CC BY", True, {})
    assert [problem.split(": ")[0] for problem in problems] == ["p/captions.jsonl:2", "p/train.jsonl:4"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "../x.png"}, "not the name of a file within"),
        ({"image": "/x.png"}, "not the name of a file within"),
        ({"image": "gone.png"}, "missing file"),
        ({"masks": {"a": "gone.png"}}, "missing file"),
        ({"masks": ["a"]}, "masks is not a dict"),
        ({"window": ["low", 3]}, "window is not two numbers"),
        ({"boxes": [{"label": "a"}]}, "not four numbers"),
        ({"id": ""}, "no id"),
        ({"id": "ok"}, "there already"),
        ({"modality": "PET"}, "no image of a known kind (PET)"),
    ],
)
def test_a_bad_row_is_a_problem(put: Put, read: Read, changes: dict[str, object], words: str) -> None:
    put("p/i.png"), put("x.png")
    row = {"id": "ok", "image": "i.png", "modality": "X-ray"}
    put("p/train.jsonl", f"{json.dumps(row)}\n{json.dumps({**row, 'id': '2', **changes})}\n")
    records, problems = read(SharedData("p"))
    assert [record.id for record in records] == ["ok"]
    assert len(problems) == 1
    assert problems[0].startswith("p/train.jsonl:2: ")
    assert words in problems[0]


def test_a_wrong_root_or_option(put: Put, read: Read, tmp_path: Path) -> None:
    put("one/train.jsonl")
    with pytest.raises(UserError, match=r"no part '' with a train\.jsonl; there are: one"):
        read(SharedData())
    with pytest.raises(UserError, match="licence 'free'"):
        read(SharedData("one", licence="free"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no such folder"):
        read(SharedData("one"), tmp_path / "gone")


@real
@pytest.mark.parametrize("part", ["xray_notes", "mri_lgg", "colour_chase"])
def test_real_masks_are_not_empty(part: str) -> None:
    """Each stored mask against the file's own count of pixels above 0."""
    records = [r for r in SharedData(part).records(ROOT) if isinstance(r, Record) and r.masks][:12]
    assert records
    filled = 0
    for record in records:
        name, mask = next(iter(record.masks.items()))
        item = LoadRecord(mask_names=tuple(mask.names.values()))(record)
        stored = np.any([read_array(ref).values[0] > 0 for ref in mask.files], axis=0)
        assert int((item[f"{name}.mask"] > 0).sum()) == int(stored.sum())
        filled += bool(stored.any())
    assert filled > 3
