from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.samples import GivenSamples, fixed_dataset, write_dataset
from monai.apps.detection.transforms.box_ops import convert_box_to_mask
from monai.apps.detection.transforms.dictionary import ClipBoxToImaged, FlipBoxd
from monai.data import MetaTensor
from monai.transforms import Flipd, Spacingd
from torch.utils.data import DataLoader

import synthmed
from synthmed.errors import UserError
from synthmed.fields import ImageField, Layout
from synthmed.generation.dataset import SyntheticDataset
from synthmed.sample import Box, Sample


def test_an_item_is_a_monai_dictionary() -> None:
    dataset = SyntheticDataset(fixed_dataset(3), 3)
    item = dataset[1]
    assert set(item) == {
        *("xray", "ct", "mri.t2", "photo", "xray.mask"),
        *("report", "prompt", "key", "index", "labels"),
    }
    for name, shape in {"xray": (1, 12, 20), "ct": (1, 12, 20), "photo": (3, 12, 20)}.items():
        assert isinstance(item[name], MetaTensor)
        assert (item[name].dtype, tuple(item[name].shape)) == (torch.float32, shape)
    assert isinstance(item["xray.mask"], MetaTensor)
    assert (item["xray.mask"].dtype, tuple(item["xray.mask"].shape)) == (torch.uint8, (1, 12, 20))
    assert (item["ct"].min(), item["ct"].max()) == (-1024, 3071)
    assert item["report"] == "Report 1.\nÜber zwei Zeilen."
    assert (item["key"], item["index"], item["prompt"]) == ("000000001", 1, "a prompt,\nof two lines")
    assert item["labels"].dtype == torch.float32
    assert dataset.label_names == ("nodule", "pleural effusion", "größe")
    assert item["labels"].tolist() == [1, 0, 0]
    assert dataset[0]["labels"].tolist() == [0, 0, 0], "no finding"


def test_affines_are_in_millimetres_with_rows_first() -> None:
    item = SyntheticDataset(fixed_dataset(1), 1)[0]
    assert item["xray"].affine.tolist() == np.diag([0.5, 0.25, 1, 1]).tolist()
    assert item["xray.mask"].affine.tolist() == np.diag([0.5, 0.25, 1, 1]).tolist()
    assert item["photo"].affine.tolist() == np.eye(4).tolist(), "not known"
    assert Spacingd("xray", (0.25, 0.25))(item)["xray"].shape == (1, 23, 20), "12 rows of 0.5 mm, 20 columns of 0.25 mm"


def test_boxes_lie_where_monai_draws_them() -> None:
    dataset = SyntheticDataset(fixed_dataset(8), 8, boxes=True)
    assert dataset.box_names == ("nodule", "pleural effusion", "größe", "heart")
    for i in range(1, 8, 2):
        item = dataset[i]
        assert (item["box"].dtype, item["label"].dtype) == (torch.float32, torch.int64)
        assert item["label"].tolist() == [0]
        drawn = convert_box_to_mask(item["box"], item["label"], (12, 20), bg_label=-1)
        assert torch.equal(drawn[0] == 0, item["xray.mask"][0].as_tensor() == 2)
    assert dataset[0]["box"].shape == (0, 4)
    assert dataset[0]["label"].shape == (0,)


def test_boxes_go_through_monais_transforms() -> None:
    item = SyntheticDataset(fixed_dataset(2), 2, boxes="xray")[1]
    item = ClipBoxToImaged("box", "label", "xray")(item)
    assert item["box"].tolist() == [[2, 7, 5, 10]]
    flipped = FlipBoxd("xray", "box", "xray", spatial_axis=1)(Flipd("xray.mask", spatial_axis=1)(item))
    drawn = convert_box_to_mask(flipped["box"], flipped["label"], (12, 20), bg_label=-1)
    assert torch.equal(drawn[0] == 0, flipped["xray.mask"][0].as_tensor() == 2)


def test_boxes_are_of_one_image(tmp_path: Path) -> None:
    layout = Layout({"xray": ImageField.of("xray"), "ct": ImageField.of("ct")})
    rng = np.random.default_rng(0)
    sample = Sample(
        {name: rng.uniform(0, 1, (1, 4, 4)).astype(np.float32) for name in layout.images},
        report="r",
        boxes=[Box("ct", "nodule", 0, 1, 2, 2), Box("xray", "größe", 0, 0, 1, 1)],
        labels_by_image={name: ["no finding"] for name in layout.images},
    )
    generator = GivenSamples([sample], layout)
    write_dataset(generator, tmp_path / "set")
    for make in (
        lambda **o: SyntheticDataset(generator, 1, **o),
        lambda **o: SyntheticDataset.from_shards(tmp_path / "set", **o),
    ):
        assert make(boxes="ct")[0]["box"].tolist() == [[1, 0, 3, 2]]
        assert make(boxes=True)[0]["box"].tolist() == [[0, 0, 1, 1]], "the first image that was asked for"
        with pytest.raises(UserError, match="no such image; they have"):
            make(boxes="mri")


def test_words_outside_the_vocabulary_are_refused() -> None:
    generator = fixed_dataset(2)
    generator.samples[0] = replace(generator.samples[0], labels=["cough"])
    generator.samples[1] = replace(generator.samples[1], boxes=[Box("xray", "dog", 0, 0, 1, 1)])
    dataset = SyntheticDataset(generator, 2, boxes=True)
    for i, word in enumerate(("cough", "dog")):
        with pytest.raises(UserError, match=f"00000000{i}: '{word}' is not in the dataset's vocabulary"):
            dataset[i]


def test_collate_leaves_ragged_entries_as_lists() -> None:
    generator = fixed_dataset(4)
    generator.samples[3].images["ct"] = generator.samples[3].images["ct"][:, :5]
    dataset = SyntheticDataset(generator, 4, boxes=True)
    batch = next(iter(DataLoader(dataset, 4, collate_fn=synthmed.collate)))
    assert [tuple(box.shape) for box in batch["box"]] == [(0, 4), (1, 4), (0, 4), (1, 4)]
    assert [tuple(label.shape) for label in batch["label"]] == [(0,), (1,), (0,), (1,)]
    assert [image.shape[1] for image in batch["ct"]] == [12, 12, 12, 5]
    assert batch["xray"].shape == (4, 1, 12, 20)
    assert isinstance(batch["xray"], MetaTensor)
    assert batch["key"] == [f"{i:09d}" for i in range(4)]
    same = next(iter(DataLoader(dataset, 1, collate_fn=synthmed.collate)))
    assert isinstance(same["box"], list), "boxes are lists in every batch, also where they would stack"


def test_collate_takes_the_lists_of_cropping_transforms() -> None:
    dataset = SyntheticDataset(fixed_dataset(2), 2, boxes=True, transform=lambda item: [item, item])
    batch = next(iter(DataLoader(dataset, 2, collate_fn=synthmed.collate)))
    assert batch["xray"].shape[0] == len(batch["box"]) == 4
