"""Conditions from real data's sources, and transforms of what is given."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from synthmed.codec import encode_png
from synthmed.data.spec import DataSpec
from synthmed.errors import UserError
from synthmed.fields import ImageField
from synthmed.generation.given import GivenFile, content_hash_of_rows, texts_of
from synthmed.generation.given_data import GivenData
from synthmed.generation.given_pipeline import GivenPipeline
from synthmed.generation.settings import Settings

HU = np.linspace(-1000, 3000, 64, dtype=np.float32).round().reshape(1, 8, 8)
UNDERSAMPLE = {"_target_": "synthmed.data.transforms.kspace.UndersampleKspaced", "keys": "mri", "acceleration": 4}
WINDOW = {"_target_": "synthmed.data.transforms.windows.HUWindowd", "keys": "ct", "window": [-1000, 400]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHMED_PATIENT_KEY", "0" * 64)
    rng = np.random.default_rng(0)
    (tmp_path / "ct.png").write_bytes(encode_png(ImageField.of("ct").quantise(HU)))
    for name in ("m0", "m1"):
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / f"{name}.png")
    rows = [
        {"ct": "ct.png", "mri": "m0.png", "note": "First.", "label": "mass", "split": "train"},
        {"ct": "ct.png", "mri": "m1.png", "note": "", "label": "", "split": "test"},
    ]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, rows)))


def spec(tmp_path: Path, steps: list[dict[str, Any]], **part: Any) -> DataSpec:
    options = {"file": "table.jsonl", "image": {"ct": "ct", "mri": "mri"}, "text": "note", "labels": "label"}
    entry = {"source": "table", "options": {**options, "split": "split"}, "pipeline": "all", **part}
    return DataSpec.model_validate({"root": tmp_path, "parts": [entry], "pipelines": {"all": steps}})


def test_fields_come_in_their_unit_through_the_pipeline(tmp_path: Path) -> None:
    rows = GivenData(spec(tmp_path, [WINDOW]), ["ct", "mri.t1", "report"])
    assert len(rows) == 1, "the other row has no text"
    (row,) = rows
    assert row["report"] == "First."
    np.testing.assert_allclose(row["ct"], np.clip(HU, -1000, 400), atol=1e-3)
    np.testing.assert_array_equal(row["mri"], np.asarray(Image.open(tmp_path / "m0.png"), np.float32)[None] / 255)
    assert all(type(row[name]) is np.ndarray and row[name].dtype == np.float32 for name in ("ct", "mri"))
    assert rows.texts() == [{"report": "First."}]
    assert texts_of(GivenData(spec(tmp_path, []), ["labels", "mri"])) == [{"labels": ("mass",)}]


def test_splits_are_kept_as_the_data_say(tmp_path: Path) -> None:
    assert len(GivenData(spec(tmp_path, []), ["mri"])) == 2
    assert len(GivenData(spec(tmp_path, [], keep=["test"]), ["mri"])) == 1


def test_the_hash_is_of_what_is_given(tmp_path: Path) -> None:
    plain, again = GivenData(spec(tmp_path, []), ["mri"]), GivenData(spec(tmp_path, []), ["mri"])
    assert content_hash_of_rows(plain) == content_hash_of_rows(again) == content_hash_of_rows(list(plain))
    assert content_hash_of_rows(GivenData(spec(tmp_path, [UNDERSAMPLE]), ["mri"])) != content_hash_of_rows(plain)


def test_random_transforms_follow_the_rows_number_alone(tmp_path: Path) -> None:
    rows = GivenData(spec(tmp_path, [UNDERSAMPLE]), ["mri"])
    first = rows[1]["mri"]
    _ = rows[0]
    other = pickle.loads(pickle.dumps(rows))
    np.testing.assert_array_equal(rows[1]["mri"], first)
    np.testing.assert_array_equal(other[1]["mri"], first)
    np.testing.assert_array_equal(rows[-1]["mri"], first)


def test_what_draws_from_global_generators_follows_the_rows_number_too(tmp_path: Path) -> None:
    """torchvision's transforms draw from torch's generator."""
    jitter = {"_target_": "monai.transforms.TorchVisiond", "keys": "mri", "name": "ColorJitter", "brightness": 0.9}
    (tmp_path / "rows.csv").write_text("mri\nm0.png\nm0.png\n")
    for rows in (
        GivenPipeline(GivenFile(tmp_path / "rows.csv"), [jitter]),
        GivenData(spec(tmp_path, [jitter]), ["mri"]),
    ):
        state = torch.get_rng_state()
        first = rows[1]["mri"]
        assert torch.equal(torch.get_rng_state(), state), "a generator's draws are its own"
        torch.rand(3)
        np.testing.assert_array_equal(rows[1]["mri"], first)
        assert content_hash_of_rows(rows) == content_hash_of_rows(rows)
    twice = GivenPipeline(GivenFile(tmp_path / "rows.csv"), [jitter])
    assert (twice[0]["mri"] != twice[1]["mri"]).any()


def test_given_ct_comes_back_from_a_window(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ct\nct.png\n")
    (row,) = GivenPipeline(GivenFile(tmp_path / "rows.csv"), [WINDOW])
    np.testing.assert_allclose(row["ct"], np.clip(HU, -1000, 400), atol=1e-3)


@pytest.mark.parametrize(
    ("take", "message"),
    [
        ([], "take: name the fields"),
        (["xray"], "none of the 2 records has xray"),
        (["mri.mask"], r"none of the 2 records has mri\.mask"),
        (["mrt"], "'mrt'"),
    ],
)
def test_what_the_data_lack_is_told(tmp_path: Path, take: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        GivenData(spec(tmp_path, []), take)


def test_a_pipeline_that_drops_a_field_is_told(tmp_path: Path) -> None:
    rows = GivenData(spec(tmp_path, [{"_target_": "monai.transforms.DeleteItemsd", "keys": "mri"}]), ["mri"])
    with pytest.raises(UserError, match=r"pipeline gives no mri; it gives: key, ct"):
        rows[0]


def test_given_files_are_undersampled(tmp_path: Path) -> None:
    """Against NumPy's transform: some of the columns of k-space, and not all, give the image back."""
    (tmp_path / "rows.csv").write_text("report,mri\nx,m0.png\ny,m1.png\n")
    files = GivenFile(tmp_path / "rows.csv")
    rows = GivenPipeline(files, [UNDERSAMPLE])
    assert [row["report"] for row in rows] == ["x", "y"]
    for place in (1, 0):
        spectrum = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(files[place]["mri"][0])))
        found = np.fft.ifftshift(rows[place]["mri"][0])
        choices = [np.array([(number >> bit) & 1 for bit in range(8)]) for number in range(256)]
        made = [np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum * columns))).clip(0, 1) for columns in choices]
        right = [columns for columns, image in zip(choices, made, strict=True) if np.allclose(image, found, atol=1e-5)]
        assert right
        assert all(0 < columns.sum() < 8 for columns in right)
    assert rows.texts() == [{"report": "x"}, {"report": "y"}]
    twofold = GivenPipeline(files, [{**UNDERSAMPLE, "acceleration": 2}])
    assert len({content_hash_of_rows(given) for given in (rows, files, twofold)}) == 3
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows))[1]["mri"], rows[1]["mri"])


def test_a_steps_mistake_stays_one_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ct\nct.png\n")
    with pytest.raises(UserError, match=r"pipeline\[0\]: .* outside monai"):
        GivenPipeline(GivenFile(tmp_path / "rows.csv"), [{"_target_": "os.system"}])
    for step, message in (
        (UNDERSAMPLE, "^pipeline: KeyError: .*mri.*missing"),
        ({"_target_": "monai.transforms.DeleteItemsd", "keys": "ct"}, "^pipeline: the pipeline gives no ct"),
    ):
        with pytest.raises(UserError, match=message) as error:
            GivenPipeline(GivenFile(tmp_path / "rows.csv"), [step])[0]
        assert "\n" not in str(error.value)
    wrong = {
        "_target_": "monai.transforms.RandCropByPosNegLabeld",
        "keys": "mri",
        "label_key": "x",
        "spatial_size": [4, 4],
    }
    with pytest.raises(UserError, match=r"^data: \S+: \w+: "):
        GivenData(spec(tmp_path, [wrong]), ["mri"])[0]
    rows = GivenPipeline(GivenFile(tmp_path / "rows.csv"), [WINDOW, {**WINDOW, "window": [-2000, 0]}])
    with pytest.raises(UserError, match=r"ct: its values have the window \(-1000, 400\)"):
        rows[0]


def test_a_condition_takes_the_place_of_the_recipes(tmp_path: Path) -> None:
    recipe = Settings(data=spec(tmp_path, []), take=["mri"], pipeline=[UNDERSAMPLE])
    assert isinstance(recipe.condition(), GivenPipeline)
    told = recipe.told(given={"mri": tmp_path / "m0.png"}, n=3, seed=None)
    assert (told.n, told.seed, told.data) == (3, 0, None)
    assert len(told.condition() or ()) == 1
    assert recipe.told(labels=["mass"]).condition() == {"labels": ("mass",)}
    with pytest.raises(UserError, match="give one of them"):
        recipe.told(labels=["mass"], given=tmp_path / "a.csv").condition()
    with pytest.raises(UserError, match="take: name the fields"):
        Settings(data=spec(tmp_path, [])).condition()
