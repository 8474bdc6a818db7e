from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.transforms import Compose, RandFlip, Resized

from synthmed.data.pipeline import build_pipeline
from synthmed.errors import UserError


def build(*steps: Any, trust: bool = False) -> Compose:
    return build_pipeline(steps, where="data.pipelines.mine", trust=trust)


def test_a_step_is_the_transform_with_its_arguments() -> None:
    ours = build(
        {"_target_": "monai.transforms.Resized", "keys": ["a"], "spatial_size": [4, 6]},
        {
            "_target_": "monai.transforms.ScaleIntensityRanged",
            "keys": "a",
            "a_min": 0,
            "a_max": 2,
            "b_min": 0,
            "b_max": 1,
        },
    )
    image = torch.rand(1, 8, 9) * 2
    expected = Resized("a", [4, 6])({"a": image})["a"] / 2
    torch.testing.assert_close(ours({"a": image})["a"], expected)


def test_transforms_nest() -> None:
    step = {
        "_target_": "monai.transforms.OneOf",
        "transforms": [{"_target_": "monai.transforms.RandFlip", "prob": 1.0, "spatial_axis": 1}],
    }
    image = torch.rand(1, 3, 5)
    result = build(step)(image)
    torch.testing.assert_close(torch.as_tensor(result), RandFlip(1.0, 1)(image).as_tensor())


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"_target_": "os.system", "command": "true"}, "outside monai., torchio., synthmed."),
        ({"_target_": "monai.utils.misc.run_cmd"}, "is not a transform"),
        ({"_target_": "monai.bundle.ConfigExpression", "config": "$1"}, "is not a transform"),
        ({"_target_": "monai.transforms.LoadImaged", "keys": "a"}, "reads or writes files"),
        ({"_target_": "monai.transforms.SaveImage"}, "reads or writes files"),
        ({"_target_": "monai.transforms.Resizd", "keys": "a"}, "did you mean 'Resized'"),
        ({"_target_": "monai.transformz.Resized"}, "cannot be imported"),
        ({"_target_": "monai.transforms.Resized", "keys": "a", "spatial": 3}, "does not take these arguments"),
        ({"_target_": "monai.transforms.Resized"}, "does not take these arguments"),
        ({"target": "monai.transforms.Resized"}, "a mapping with a _target_"),
        ("monai.transforms.Resized", "a mapping with a _target_"),
        ({"_target_": "monai.transforms.OneOf", "transforms": [{"_target_": "os.getcwd"}]}, "transforms[0]: os.getcwd"),
        ({"_target_": "monai"}, "outside"),
        ({"_target_": "monai."}, "has no ''"),
    ],
)
def test_a_wrong_step_is_one_line_that_names_it(step: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        build({"_target_": "monai.transforms.Flipd", "keys": "a"}, step)
    assert message in str(caught.value)
    assert str(caught.value).startswith("data.pipelines.mine[1]")
    assert "\n" not in str(caught.value)


def test_a_string_with_a_dollar_stays_a_string() -> None:
    """MONAI's own parser would run it."""
    step = {"_target_": "monai.transforms.CopyItemsd", "keys": "a", "names": "$__import__('os').getcwd()"}
    assert build(step)({"a": 1})["$__import__('os').getcwd()"] == 1


def test_a_users_own_class_is_taken_when_the_recipe_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own.py").write_text("class Twice:\n    def __call__(self, item):\n        return item * 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    step = {"_target_": "my_own.Twice"}
    with pytest.raises(UserError, match="--trust-recipe"):
        build(step)
    assert "my_own" not in sys.modules
    assert build(step, trust=True)(3) == 6


@given(st.dictionaries(st.sampled_from(["_target_", "keys", "x"]), st.text() | st.integers() | st.lists(st.none())))
def test_any_mapping_is_built_or_refused(step: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        build(step)
