"""The generator's contract, on an untrained ``debug`` model: every task, its refusals, and what it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from synthmed import generate, load_model
from synthmed.errors import UserError
from synthmed.medm2g.config import Config
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.parts import build_parts
from synthmed.protocols import Generator, Request
from synthmed.sample import NO_FINDING, NOT_STATED

SIDE = 32


@pytest.fixture(scope="module")
def folder(model: MedM2G, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    model.save_pretrained(place)
    return place


def image(seed: int, rows: int = SIDE, columns: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).random((1, rows, columns), dtype=np.float32)


LABEL_MAP = np.tile(np.arange(SIDE, dtype=np.uint8) // 11, (1, SIDE, 1))
TASKS: list[tuple[list[str], dict[str, Any]]] = [
    (["xray"], {"report": "A nodule of 7 mm."}),
    (["ct", "ct.mask"], {"labels": ("nodule",)}),
    (["report"], {"xray": image(0, 40, 24)}),
    (["mri.t2"], {"mri": image(1)}),
    (["ct"], {"mri": image(1), "mri.t2": image(2)}),
    (["mri"], {"ct": image(1) * 1000 - 500, "report": "No finding."}),
    (["xray"], {"ct": image(1) * 1000 - 500}),
    (["ct"], {"ct.mask": LABEL_MAP}),
    (["ct.mask"], {"ct": image(3) * 1000 - 500}),
    (["report", "xray", "ct", "ct.mask", "mri", "mri.t2"], {}),
]


@pytest.mark.parametrize(("to", "given"), TASKS)
def test_every_task_gives_what_is_asked_for_in_its_range(model: MedM2G, to: list[str], given: dict[str, Any]) -> None:
    samples = generate(model, to=to, given=given, n=2, seed=3)
    for sample in samples:
        assert set(sample.images) == {name for name in to if name != "report" and not name.endswith(".mask")}
        assert set(sample.masks) == {name.removesuffix(".mask") for name in to if name.endswith(".mask")}
        assert (sample.report is not None) == ("report" in to)
        for name, values in sample.images.items():
            low, high = (-1000, 400) if name == "ct" else (0, 1)
            assert values.shape == (1, SIDE, SIDE)
            assert values.dtype == np.float32
            assert low <= values.min() <= values.max() <= high
        for mask in sample.masks.values():
            assert mask.dtype == np.uint8
            assert mask.max() <= 2
        for box in sample.boxes:
            rows = slice(int(box.y), int(box.y + box.height))
            columns = slice(int(box.x), int(box.x + box.width))
            assert (sample.masks["ct"][0, rows, columns] == 2).any()
            assert box.category == "nodule"
    assert any(not np.array_equal(samples[0].images[name], samples[1].images[name]) for name in samples[0].images) or (
        not samples[0].images
    )


def test_the_contract_is_kept(model: MedM2G) -> None:
    assert isinstance(model, Generator)
    assert model.prompt({"labels": ("nodule", "mass")}) == "A film with mass and nodule."
    assert model.prompt({"labels": (NO_FINDING,)}) == "A film with no finding."
    assert model.prompt({"report": "as it is"}) == "as it is"
    assert model.prompt({}) == ""
    layout = model.layout(["ct", "ct.mask", "report"])
    assert layout.images["ct"].mask == ("background", "lung", "nodule")
    assert layout.images["ct"].unit == "HU"


def test_labels_are_those_given_those_drawn_or_not_stated(model: MedM2G) -> None:
    given = generate(model, to=["xray"], given={"labels": ("mass",)}, n=1)
    assert given[0].labels == ["mass"]
    assert generate(model, to=["xray"], given={"report": "A mass."}, n=1)[0].labels == [NOT_STATED]
    requests = [Request(("xray",))] * 40
    drawn = [sample.labels for sample in model.render(requests, range(40))]
    assert {tuple(labels) for labels in drawn} == {("nodule",), (NO_FINDING,)}
    assert 20 <= sum(labels == ["nodule"] for labels in drawn) <= 38
    assert drawn[3:4] == [sample.labels for sample in model.render(requests[:1], [3])]


def test_what_is_given_matters_and_the_seed_does(model: MedM2G) -> None:
    def ct(given: dict[str, Any], seed: int = 0) -> np.ndarray:
        return generate(model, to=["ct"], given=given, seed=seed)[0].images["ct"]

    base = ct({"mri": image(1), "mri.t2": image(2)})
    assert np.array_equal(base, ct({"mri": image(1), "mri.t2": image(2)}))
    assert not np.array_equal(base, ct({"mri": image(5), "mri.t2": image(2)}))
    assert not np.array_equal(base, ct({"mri": image(1), "mri.t2": image(2)}, seed=1))
    masked = ct({"ct.mask": LABEL_MAP})
    assert not np.array_equal(masked, ct({"ct.mask": np.zeros_like(LABEL_MAP)}))


def test_requests_of_several_kinds_come_back_in_their_order(model: MedM2G) -> None:
    mixed = [Request(("xray",)), Request(("ct",)), Request(("xray",))]
    samples = model.render(mixed, [0, 1, 2])
    assert [set(sample.images) for sample in samples] == [{"xray"}, {"ct"}, {"xray"}]
    alone = model.render([mixed[0], mixed[2]], [0, 2])
    np.testing.assert_allclose(samples[2].images["xray"], alone[1].images["xray"], atol=1e-4)


@pytest.mark.parametrize(
    ("to", "given", "message"),
    [
        (["ct"], {"ct": image(0)}, "does not make ct from ct"),
        (["xray"], {"ct.mask": LABEL_MAP}, "does not make xray from ct.mask"),
        (["photo"], {}, "photo"),
        (["xray"], {"labels": ("fracture",)}, "fracture"),
        (["xray"], {"ct": np.zeros((3, 8, 8), np.float32)}, "given ct: shape"),
        (["xray"], {"ct": np.full((1, 8, 8), np.nan, np.float32)}, "not finite"),
        (["ct"], {"ct.mask": LABEL_MAP + 7}, "label 9; the model knows 0, 1 lung, 2 nodule"),
    ],
)
def test_what_it_cannot_do_is_told(model: MedM2G, to: list[str], given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        generate(model, to=to, given=given)


def test_a_saved_model_is_the_same_model(model: MedM2G, folder: Path) -> None:
    loaded = load_model(folder)
    assert isinstance(loaded, MedM2G)
    assert loaded.fingerprint == model.fingerprint
    one, other = (generate(m, to=["ct", "mri"], n=2, seed=5) for m in (model, loaded))
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(a.images[name], b.images[name]) for name in ("ct", "mri"))
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]


def test_half_precision_halves_the_folder_and_loads_as_float32(model: MedM2G, folder: Path, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, torch.float16)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) < 0.6 * sum(
        path.stat().st_size for path in folder.rglob("*.safetensors")
    )
    loaded = load_model(tmp_path)
    assert isinstance(loaded, MedM2G)
    assert {parameter.dtype for parameter in loaded.parts.parameters()} == {torch.float32}


@pytest.mark.parametrize("damage", ["config", "key", "part", "class", "weights", "missing tensor", "tokenizer"])
def test_a_damaged_folder_is_told_in_one_line(folder: Path, tmp_path: Path, damage: str) -> None:
    import shutil

    place = tmp_path / "model"
    shutil.copytree(folder, place)
    config = json.loads((place / "config.json").read_text())
    weights = place / "flow_ct" / "diffusion_pytorch_model.safetensors"
    if damage == "config":
        (place / "config.json").write_text("{")
    elif damage == "key":
        (place / "config.json").write_text(json.dumps({**config, "flowz": []}))
    elif damage == "part":
        shutil.rmtree(place / "encoder_ct")
    elif damage == "class":
        config["parts"]["flow_ct"]["class"] = "subprocess.Popen"
        (place / "config.json").write_text(json.dumps(config))
    elif damage == "weights":
        weights.write_bytes(weights.read_bytes()[:200])
    elif damage == "missing tensor":
        tensors = load_file(weights)
        tensors.pop(next(iter(tensors)))
        save_file(tensors, weights)
    else:
        (place / "tokenizer" / "tokenizer.json").write_text("[]")
    with pytest.raises(UserError) as caught:
        load_model(place)
    assert "\n" not in str(caught.value)


def test_initial_weights_do_not_depend_on_the_other_parts(model: MedM2G) -> None:
    """Ablations leave parts out; the rest begins alike."""
    some = build_parts(model.config, only=["flow_ct", "encoder_text"])
    full = build_parts(model.config)
    for name in some:
        for key, value in some[name].state_dict().items():
            assert torch.equal(value, full[name].state_dict()[key])
    one, other = (build_parts(model.config, seed=seed, only=["flow_ct"]).state_dict() for seed in (0, 1))
    assert not torch.equal(one["flow_ct.network.conv_in.weight"], other["flow_ct.network.conv_in.weight"])


def test_a_config_that_contradicts_itself_is_refused(model: MedM2G) -> None:
    data = model.config.model_dump(mode="json")
    for change in (
        {"guides": [["text", "us"]]},
        {"parts": {name: part for name, part in data["parts"].items() if name != "encoder_ct"}},
        {"parts": {**data["parts"], "../evil": {"class": "LatentFlow"}}},
        {"flows": [*data["flows"], data["flows"][0]]},
    ):
        with pytest.raises(ValueError, match=r"guides|no part|part '\.\./evil'|two flows"):
            Config.model_validate({**data, **change})
