from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.runs import Make
from monai.data import MetaTensor

from synthmed.data.assemble import assemble
from synthmed.data.datasets import RecordDataset
from synthmed.errors import UserError
from synthmed.medm2g.config import Config
from synthmed.medm2g.sizes import make_config
from synthmed.medm2g.tokenizer import Tokenizers, encode, train_tokenizer
from synthmed.medm2g.training.datasets import PairItems, RawPromptItems
from synthmed.medm2g.training.ellipses import ellipses
from synthmed.medm2g.training.features import Features
from synthmed.medm2g.training.recipe import train_recipe
from synthmed.medm2g.training.rows import Rows, in_network_range, stack
from synthmed.medm2g.training.scales import scaled_config, scaled_group
from synthmed.medm2g.training.store import Store
from synthmed.medm2g.training.tables import flow_tree
from synthmed.training.tensor_table import TensorTable


@pytest.fixture
def rows(recipe: Make) -> Rows:
    spec = train_recipe(recipe(fields=["xray", "ct", "mri", "mri.t2"]), "mine.yaml").data
    found = assemble(spec)
    masks = {"xray": found.mask_names}
    config = make_config(
        "debug",
        ["xray", "ct", "mri", "mri.t2", "mri.pd"],
        image_size=32,
        vocabulary=300,
        masks=masks,
        labels=found.labels,
    )
    return Rows(config, RecordDataset(spec, found, "train"))


def test_items_are_what_the_networks_take(rows: Rows) -> None:
    item = rows[0]
    assert set(item) == {"xray", "xray.mask", "ct", "mri", "mri.t2"}
    assert item["xray.mask"].dtype == torch.uint8
    for field, value in item.items():
        assert type(value) is torch.Tensor
        assert value.shape == (1, 32, 32)
        if field != "xray.mask":
            assert value.dtype == torch.float32
            assert -1 <= value.min() < value.max() <= 1
    assert torch.equal(rows.field(0, "ct"), item["ct"])
    assert torch.allclose(item["xray"], torch.as_tensor(rows.dataset[0]["xray"]) * 2 - 1)
    stacked = stack(item, rows.config.flow("mri"))
    assert torch.equal(stacked[0:2], torch.cat([item["mri"], item["mri.t2"]]))
    assert (stacked[2] == -1).all()
    assert rows.kinds(0) == {"text", "labels", "xray", "ct", "mri"}
    assert rows.counts()[frozenset({"text", "ct"})] == len(rows)


def test_ct_is_in_the_models_window(rows: Rows) -> None:
    flow = rows.config.flow("ct")
    hounsfield = torch.tensor([[[-1024.0, -1000.0, -300.0, 400.0, 3000.0]]])
    expected = np.clip((hounsfield.numpy() + 1000) / 1400, 0, 1) * 2 - 1
    np.testing.assert_allclose(in_network_range(MetaTensor(hounsfield), "ct", flow, "a"), expected, atol=1e-6)
    lung = MetaTensor(torch.tensor([[[0.0, 0.5, 1.0]]]), meta={"window": (-1350.0, 450.0)})
    expected = np.clip((np.array([[[-1350, -450, 450]]]) + 1000) / 1400, 0, 1) * 2 - 1
    np.testing.assert_allclose(in_network_range(lung, "ct", flow, "a"), expected, atol=1e-6)
    narrow = MetaTensor(torch.zeros(1, 1, 1), meta={"window": (-100.0, 100.0)})
    with pytest.raises(UserError, match="its values have the window"):
        in_network_range(narrow, "ct", flow, "a")


@pytest.mark.parametrize("values", [[-3.0, 3.0], [0.0, 255.0], [0.0, float("nan")]])
def test_values_that_were_never_brought_into_range_are_refused(values: list[float], rows: Rows) -> None:
    with pytest.raises(UserError, match="the model takes 0 to 1"):
        in_network_range(torch.tensor([[values]]), "xray", rows.config.flow("xray"), "a")
    slightly = in_network_range(torch.tensor([[[-0.1, 1.2]]]), "xray", rows.config.flow("xray"), "a")
    assert slightly.tolist() == [[[-1.0, 1.0]]]


def test_a_label_prompt_names_what_its_own_image_shows(rows: Rows, tmp_path: Path) -> None:
    record = replace(
        rows.record(0), labels=("mass", "nodule"), labels_by_image={"ct": ("mass",), "mri": ("no finding",)}
    )
    rows.dataset.rows[0] = replace(rows.dataset.rows[0], record=record)
    assert rows.label_prompt(0) == "mass and nodule"
    assert rows.label_prompt(0, "ct") == "mass"
    assert rows.label_prompt(0, "mri") == "no finding"
    assert rows.label_prompt(0, "xray") == "mass and nodule"  # of which nothing is said

    pairs = {name: PairItems(rows, ("text", name), 1.0, {})[0]["a"] for name in ("xray", "ct", "mri")}
    assert pairs == {"xray": "mass and nodule", "ct": "mass", "mri": "no finding"}
    features = _features(rows, tmp_path)
    encoder = Store(rows.config, 0).load(["encoder_text"])["encoder_text"].eval()
    _, of_patient = features.embeddings("labels", encoder)
    _, of_ct = features.embeddings("labels", encoder, "ct")
    ids = encode(features.tokenizers.prompt, ["mass"], rows.config.text_length)
    with torch.no_grad():
        torch.testing.assert_close(of_ct[0], encoder.embed(**ids)[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(of_ct[0], of_patient[0])
    table = TensorTable({"mean": torch.zeros(1, 2)}, 1)
    assert RawPromptItems(table, rows, [0], ["labels"], "ct", {})[0]["inputs"] == {"labels": "mass"}


def test_a_reports_latent_is_its_mean(rows: Rows, tmp_path: Path) -> None:
    parts = Store(rows.config, 0).load(rows.config.parts).eval()
    flow = rows.config.flow("text")
    found = _features(rows, tmp_path).posteriors(flow, flow.groups[0], parts["autoencoder_text"])
    assert found["mean"].std() > 0
    assert (found["logvar"].exp() < 1e-12).all()


def _features(rows: Rows, folder: Path) -> Features:
    texts = [rows.text(index) or "" for index in range(len(rows))]
    return Features(rows, folder, Tokenizers.same(train_tokenizer(texts, 300)), 0)


def test_features_are_the_networks_own_and_stay(rows: Rows, tmp_path: Path) -> None:
    features = _features(rows, tmp_path)
    parts = Store(rows.config, 0).load(rows.config.parts).eval()
    flow = rows.config.flow("xray")
    found = features.posteriors(flow, flow.groups[0], parts["autoencoder_grey"])
    images = torch.stack([rows[index]["xray"] for index in range(len(rows))])
    with torch.no_grad():
        expected = parts["autoencoder_grey"].encode(images).latent_dist
    torch.testing.assert_close(found["mean"], expected.mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found["logvar"], expected.logvar, atol=1e-5, rtol=1e-5)

    has, tokens = features.embeddings("text", parts["encoder_text"])
    ids = encode(features.tokenizers.prompt, [rows.text(2) or ""], rows.config.text_length)
    with torch.no_grad():
        torch.testing.assert_close(tokens[2], parts["encoder_text"].embed(**ids)[0], atol=1e-5, rtol=1e-5)
    assert has.all()
    assert features.null(parts["encoder_text"]).norm() == pytest.approx(1, abs=1e-5)
    absent = features.posteriors(rows.config.flow("mri"), rows.config.flow("mri").groups[2], parts["autoencoder_grey"])
    assert not absent["present"].any()
    assert not absent["mean"].any()

    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    again = _features(rows, tmp_path).posteriors(flow, flow.groups[0], parts["autoencoder_grey"])
    assert torch.equal(again["mean"], found["mean"])
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}


def test_scaled_latents_have_mean_0_and_deviation_1(rows: Rows, tmp_path: Path) -> None:
    features = _features(rows, tmp_path)
    parts = Store(rows.config, 0).load(rows.config.parts).eval()
    config: Config = scaled_config(rows.config, features, lambda name: parts[name])
    for flow in config.flows:
        indices = range(len(rows))
        tree = flow_tree(config, features, parts, flow, ["labels"] if flow.name != "text" else [], indices)
        spread = parts[f"flow_{flow.name}"].spread(tree["present"]).expand_as(tree["mean"])
        noise = torch.randn(400, *tree["mean"].shape, generator=torch.Generator().manual_seed(0))
        drawn = tree["mean"] + torch.exp(0.5 * tree["logvar"]) * noise
        start = 0
        for place, group in enumerate(flow.groups):
            channels = slice(start, start + group.channels)
            start += group.channels
            if tree["present"][:, place].any():
                values = drawn[:, :, channels][:, spread[:, channels]] if drawn.ndim == 3 else drawn[:, :, channels]
                assert abs(float(values.mean())) < 0.01
                assert float(values.std()) == pytest.approx(1, abs=0.01)
        assert tree["has"].shape[1] == 1
        assert bool(tree["has"].any()) is (flow.name != "text")


def test_a_group_without_rows_keeps_its_scale(rows: Rows) -> None:
    group = rows.config.flow("mri").groups[2]
    assert scaled_group(group, torch.zeros(0, 2, 4, 4), torch.zeros(0, 2, 4, 4)) == group


def test_ellipses_fill_their_boxes_and_small_ones_lie_on_top() -> None:
    boxes = torch.tensor([[10.0, 20.0, 12.0, 24.0], [0.0, 0.0, 40.0, 60.0]])
    label_map = ellipses(boxes, torch.tensor([0, 2]), (48, 64))
    assert label_map.shape == (1, 48, 64)
    large, small = (label_map == 3)[0], (label_map == 1)[0]
    assert float((large | small).sum()) == pytest.approx(np.pi / 4 * 40 * 60, rel=0.01)
    assert small[10:12, 21:23].all()
    assert large.any(dim=1).nonzero().flatten()[[0, -1]].tolist() == [0, 39]
    assert large.any(dim=0).nonzero().flatten()[[0, -1]].tolist() == [0, 59]
    assert not ellipses(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), (8, 8)).any()
