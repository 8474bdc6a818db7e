"""Every transform is declared in a recipe, by plain YAML."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import yaml

from synthmed.data.pipeline import build_pipeline

RECIPE = """
- {_target_: synthmed.data.transforms.xray.Polarityd, keys: xray, invert: auto}
- {_target_: synthmed.data.transforms.xray.CropBorderd, keys: [xray, xray.mask], source_key: xray, outliers: 0.01}
- {_target_: synthmed.data.transforms.windows.HUWindowd, keys: ct, window: [-200, 300]}
- {_target_: synthmed.data.transforms.windows.HounsfieldUnitsd, keys: ct}
- {_target_: synthmed.data.transforms.windows.HUWindowd, keys: ct, window: brain}
- {_target_: synthmed.data.transforms.kspace.UndersampleKspaced, keys: mri, kind: equispaced, suffix: .under}
- {_target_: monai.transforms.Resized, keys: [xray, xray.mask], spatial_size: [20, 20], mode: nearest}
- {_target_: synthmed.data.transforms.boxes.MoveBoxesd, box_keys: box, label_keys: label, image_key: xray}
- {_target_: synthmed.data.transforms.views.TwoViewsd, keys: [xray, ct]}
- _target_: synthmed.data.transforms.views.TwoViewsd
  keys: [mri, mri.t2]
  allow_missing_keys: true
  views:
    _target_: monai.transforms.Compose
    transforms:
      - {_target_: synthmed.data.transforms.views.RandSmallAffine, rotate: 5, padding_mode: border}
      - _target_: synthmed.data.transforms.artefacts.RandTorchIO
        transforms: [{_target_: torchio.RandomSpike, intensity: [0.1, 0.2]}, {_target_: torchio.RandomGhosting}]
        prob: 0.5
      - {_target_: monai.transforms.ScaleIntensityRange, a_min: 0, a_max: 1, b_min: 0, b_max: 1, clip: true}
"""


def test_from_a_recipe(make: Any, picture: np.ndarray) -> None:
    compose = build_pipeline(yaml.safe_load(RECIPE), where="data.transforms")
    compose.set_random_state(0)
    made = compose(
        {
            "xray": make(picture),
            "xray.mask": make((picture > 0.5).astype(np.uint8)),
            "ct": make(picture * 1000 - 500),
            "mri": make(picture),
            "box": torch.tensor([[12.0, 20.0, 17.0, 28.0]]),
            "label": torch.tensor([0]),
        }
    )
    names = {"xray", "ct", "mri"}
    assert names | {f"{name}.view{n}" for name in names for n in (1, 2)} < set(made)
    assert "mri.under" in made
    assert made["xray.mask"].shape == (1, 20, 20)
    assert made["box"].shape == (1, 4)
    assert made["ct"].meta["window"] == (0, 80)
