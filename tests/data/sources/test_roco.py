from __future__ import annotations

import pytest

from synthmed.data.record import FileRef
from synthmed.data.sources.roco import Roco
from synthmed.errors import UserError

# The blank behind the tab is the release's.
CAPTIONS = (
    "ROCO_00020\t Axial computed tomography of the bladder wall, catheter in situ (arrow).\n"
    "ROCO_00027\t  Postoperative radiograph of the pelvis – “AP”.\n"
)
LICENCES = (
    "ROCO_ID,PMC_ID,CC\n"
    "ROCO_00020,PMC3970251_CRIONM2014-931546.003.jpg,CC BY\n"
    "ROCO_00027,PMC2766744_cios-1-176-g005.jpg,NO-CC CODE\n"
)


@pytest.fixture
def release(put):
    for split in ("train", "validation", "test"):
        put(f"data/{split}/radiology/captions.txt", CAPTIONS.replace("ROCO_0", f"ROCO_{len(split)}"))
        put(f"data/{split}/radiology/licences.txt", LICENCES.replace("ROCO_0", f"ROCO_{len(split)}"))
        put(f"data/{split}/radiology/images/PMC3970251_CRIONM2014-931546.003.jpg")
        put(f"data/{split}/radiology/images/PMC2766744_cios-1-176-g005.jpg")


def test_records(release, read, tmp_path):
    records, problems = read(Roco())
    assert problems == []
    assert [(record.id, record.split) for record in records] == [
        (f"ROCO_{len(split)}{number}", "val" if split == "validation" else split)
        for split in ("train", "validation", "test")
        for number in ("0020", "0027")
    ]
    first, second = records[:2]
    path = tmp_path / "data/train/radiology/images/PMC3970251_CRIONM2014-931546.003.jpg"
    assert first.images == {"photo": FileRef(path)}
    assert first.text == "Axial computed tomography of the bladder wall, catheter in situ (arrow)."
    assert second.text == "Postoperative radiograph of the pelvis – “AP”."
    assert (first.text_kind, first.licence, first.shippable) == ("caption", "CC BY", True)
    assert (second.licence, second.shippable) == ("NO-CC CODE", False)
    assert first.attributes == {"article": "PMC3970251"}
    assert first.patient == ""


def test_images_by_their_roco_name(put, read, tmp_path):
    put("data/train/radiology/captions.txt", CAPTIONS)
    put("data/train/radiology/images/ROCO_00020.jpg")
    put("data/train/radiology/images/ROCO_00027.jpg")
    records, problems = read(Roco(image="ct"))
    assert [record.images["ct"].path.name for record in records] == ["ROCO_00020.jpg", "ROCO_00027.jpg"]
    assert [(record.licence, record.shippable) for record in records] == [("not stated", False)] * 2
    names = ("train/radiology/licences.txt", "validation/radiology/captions.txt", "test/radiology/captions.txt")
    assert problems == [f"data/{name}: missing file" for name in names]


def test_bad_rows(release, put, read):
    bad = CAPTIONS + "ROCO_00020\t again\nno tab\nROCO_3\t \nROCO_4\t lost\n../ROCO_5\t out\n"
    put("data/train/radiology/captions.txt", bad.encode() + b"ROCO_6\t \xff\n")
    put("data/train/radiology/licences.txt", LICENCES + "ROCO_00027,a.jpg,CC BY\n")
    records, problems = read(Roco())
    assert [record.id for record in records if record.split == "train"] == ["ROCO_00020", "ROCO_00027"]
    assert [problem.split(": ")[0].split("/")[-1] for problem in problems] == [
        "licences.txt:4",
        *(f"captions.txt:{line}" for line in range(3, 9)),
    ]


def test_wrong_root(read):
    with pytest.raises(UserError, match=r"data/train/radiology/captions\.txt"):
        read(Roco())
