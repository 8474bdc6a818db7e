from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from helpers.dicoms import dataset, save
from PIL import Image

from synthmed.codec import encode_png
from synthmed.errors import UserError
from synthmed.fields import ImageField
from synthmed.generation.given import GivenFile, content_hash_of_rows, texts_of
from synthmed.generation.plan import make_plan
from synthmed.phantom import Phantom

HU = np.array([[[-1024, 0, 3071], [40, -160, 240]]], np.float32)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_jsonl_of_the_same_rows_are_the_same(tmp_path: Path) -> None:
    reports = ['Two lines,\n"quoted"; größer', ""]
    table = write(tmp_path / "a.csv", 'labels,report\nnodule; mass,"Two lines,\n""quoted""; größer"\n,\n')
    lines = [{"report": r, "labels": labels} for r, labels in zip(reports, [["nodule", "mass"], []], strict=True)]
    jsonl = write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, lines)))
    for file in (GivenFile(table), GivenFile(jsonl)):
        assert list(file) == [{"report": reports[0], "labels": ("nodule", "mass")}, {"report": "", "labels": ()}]
        assert file[-1] == file[1]
        assert file[:1] == [file[0]]
        assert {label for row in texts_of(file) for label in row["labels"]} == {"nodule", "mass"}
    assert content_hash_of_rows(GivenFile(table)) == content_hash_of_rows(GivenFile(jsonl))
    assert content_hash_of_rows(GivenFile(table)) == content_hash_of_rows(list(GivenFile(table)))


def test_a_spreadsheets_byte_order_mark_is_not_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffreport\nx\n".encode())
    assert GivenFile(tmp_path / "a.csv")[0] == {"report": "x"}


def test_images_are_in_their_unit_and_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    ct = ImageField.of("ct")
    (tmp_path / "images" / "ct.png").write_bytes(encode_png(ct.quantise(HU)))
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "images" / "x8.png")
    Image.fromarray(np.array([[0, 13107, 65535]], np.uint16)).save(tmp_path / "images" / "x16.png")
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "images" / "mask.png")
    write(
        tmp_path / "a.csv",
        "ct,xray,mri.t1,ct.mask\n" + "images/ct.png,images/x8.png,images/x16.png,images/mask.png\n",
    )
    row = GivenFile(tmp_path / "a.csv")[0]
    assert list(row) == ["ct", "xray", "mri", "ct.mask"], "the first contrast has the modality's name"
    np.testing.assert_array_equal(row["ct"], HU)
    for name in ("xray", "mri"):
        assert row[name].dtype == np.float32
        np.testing.assert_allclose(row[name], [[[0, 0.2, 1]]], atol=1e-7)
    assert (row["ct.mask"].dtype, row["ct.mask"].tolist()) == (np.uint8, [[[0, 1, 2]]])


def test_the_hash_follows_an_images_bytes_not_its_path(tmp_path: Path) -> None:
    def hashed(name: str, value: int) -> str:
        Image.fromarray(np.full((2, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
        return content_hash_of_rows(GivenFile(write(tmp_path / f"{name}.csv", f"xray\n{name}.png\n")))

    assert hashed("a", 1) == hashed("b", 1) != hashed("a", 2)


def test_images_are_opened_only_when_asked_for(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png")
    file = GivenFile(write(tmp_path / "a.csv", "xray\na.png\nmissing.png\n"))
    assert file[0]["xray"].shape == (1, 2, 3)
    with pytest.raises(UserError, match=r"a\.csv: row 2: xray: missing\.png: No such file"):
        file[1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "no row"),
        ("a.csv", "report\n", "no row"),
        ("a.csv", "report,labels\nx\n", "row 1 has more or fewer cells"),
        ("a.csv", "report\nx,y\n", "row 1 has more or fewer cells"),
        ("a.csv", "raport\nx\n", "'raport'; there are"),
        ("a.csv", 'report\n"x\n', "row 1: unexpected end of data"),
        ("a.jsonl", '{"report": "x"}\n{"report": 1}\n', "row 2: report is not a string"),
        ("a.jsonl", '{"labels": ["a", 1]}\n', "row 1: labels is not a list of strings"),
        ("a.jsonl", '{"labels": null}\n', "row 1: labels is not a list of strings"),
        ("a.jsonl", '{"report": "x"}\n{"labels": []}\n', "row 2 has"),
        ("a.jsonl", '{"report": "x"}\n[]\n', "row 2 is not a JSON object"),
        ("a.jsonl", '{"report": "x"}\n{\n', "row 2: Expecting"),
        ("a.txt", "report\nx\n", "from a .csv or .jsonl file"),
        ("a.csv", "caf\udce9", "row 1: "),
    ],
)
def test_files_that_are_not_rows_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError) as error:
        GivenFile(tmp_path / name)
    assert str(error.value).startswith(str(tmp_path / name))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: No such file"):
        GivenFile(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("ct", np.zeros((2, 3), np.uint8), "CT is a 16-bit PNG"),
        ("ct.mask", np.zeros((2, 3), np.uint16), "a mask is an 8-bit grey PNG"),
        ("ct.mask", np.zeros((2, 3, 3), np.uint8), "a mask is an 8-bit grey PNG"),
        ("xray", np.zeros((2, 3, 4), np.uint8), "8- or 16-bit grey"),
    ],
)
def test_images_of_another_kind_are_refused(name: str, image: Any, message: str, tmp_path: Path) -> None:
    Image.fromarray(image).save(tmp_path / "x.png")
    with pytest.raises(UserError, match=message) as error:
        GivenFile(write(tmp_path / "a.csv", f"{name}\nx.png\n"))[0]
    assert str(error.value).startswith(f"{tmp_path / 'a.csv'}: row 1: {name}: x.png")


def test_rows_in_memory_hash_by_content() -> None:
    image = np.zeros((1, 2, 3), np.float32)
    hashes = {
        content_hash_of_rows(rows)
        for rows in (
            [{"xray": image}],
            [{"xray": image.reshape(1, 3, 2)}],
            [{"xray": image.astype(np.uint8)}],
            [{"ct": image}],
            [{"xray": image}, {"xray": image}],
            [{"labels": ("a", "b")}],
            [{"labels": ("b", "a")}],
            [{"report": "a"}],
            [{}],
        )
    }
    assert len(hashes) == 9
    assert content_hash_of_rows([{"labels": ("a",)}]) == content_hash_of_rows([{"labels": ["a"]}])
    fortran = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(1, 2, 3))
    assert content_hash_of_rows([{"xray": fortran}]) == content_hash_of_rows([{"xray": np.ascontiguousarray(fortran)}])


def test_files_of_every_format_are_read_as_real_data_are(tmp_path: Path) -> None:
    """CT of a DICOM in HU, a JPEG film, a NIfTI slice of MRI between its own percentiles; masks of whole numbers."""
    hounsfield = np.arange(-60, 60, dtype=np.int16).reshape(10, 12) * 10
    save(dataset(hounsfield, RescaleSlope=1, RescaleIntercept=0), tmp_path / "ct.dcm")
    slices = np.arange(1200, dtype=np.int16).reshape(40, 30, 1)
    slices[3, 4] = 30000  # as a bright vessel, which must not make the brain black
    nibabel.save(nibabel.Nifti1Image(slices, np.diag([-1.0, -1, 1, 1])), tmp_path / "mri.nii.gz")
    Image.fromarray(np.full((8, 6), 204, np.uint8)).save(tmp_path / "film.jpg", quality=95)
    np.save(tmp_path / "mask.npy", np.arange(12, dtype=np.uint8).reshape(3, 4))
    write(tmp_path / "a.csv", "ct,mri,xray,ct.mask\nct.dcm,mri.nii.gz,film.jpg,mask.npy\n")
    row = GivenFile(tmp_path / "a.csv")[0]
    np.testing.assert_array_equal(row["ct"], hounsfield[None].astype(np.float32))
    low, high = np.percentile(slices, [0.5, 99.5])
    expected = np.clip((slices[..., 0].T - low) / (high - low), 0, 1)
    np.testing.assert_allclose(np.sort(row["mri"][0], axis=None), np.sort(expected, axis=None), atol=1e-3)
    assert row["mri"].shape == (1, 30, 40)
    np.testing.assert_allclose(row["xray"], np.full((1, 8, 6), 0.8, np.float32), atol=0.01)
    assert row["ct.mask"].dtype == np.uint8
    assert row["ct.mask"].shape == (1, 3, 4)


def test_a_path_may_stand_for_an_image_in_memory_too(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 51], [255, 0]], np.uint8)).save(tmp_path / "mask.png")
    plan = make_plan(Phantom((32, 32)), 1, to=["ct"], given={"ct.mask": str(tmp_path / "mask.png")})
    assert plan.request(0, Phantom((32, 32))).given["ct.mask"].tolist() == [[[0, 51], [255, 0]]]
    with pytest.raises(UserError, match=r"given ct\.mask: .*nothing\.png: No such file"):
        make_plan(Phantom((32, 32)), 1, to=["ct"], given={"ct.mask": str(tmp_path / "nothing.png")})


def test_a_volume_is_refused_with_its_row(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((7, 5, 4), np.int16), np.eye(4)), tmp_path / "v.nii")
    write(tmp_path / "a.csv", "mri\nv.nii\n")
    with pytest.raises(UserError, match=r"a\.csv: row 1: mri: v\.nii: .*v\.nii"):
        GivenFile(tmp_path / "a.csv")[0]
