"""A modality that is given in part is completed before another flow reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from synthmed.medm2g import rendering
from synthmed.medm2g.model import MedM2G
from synthmed.medm2g.rendering import Networks, Wish, make

MRI = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
CT = np.random.default_rng(1).integers(-1000, 400, (1, 32, 32)).astype(np.float32)


def made(model: MedM2G, to: list[str], given: dict[str, Any]) -> dict[str, np.ndarray]:
    (sample,) = model.generate(to=to, given=given, seed=5)
    return {**sample.images, **{f"{name}.mask": mask for name, mask in sample.masks.items()}}


@pytest.mark.parametrize("told", [{}, {"report": "A nodule of 7 mm."}])
def test_missing_contrasts_come_first(model: MedM2G, told: dict[str, str]) -> None:
    first = made(model, ["mri.t2"], {"mri": MRI, **told})["mri.t2"]
    by_hand = made(model, ["ct"], {"mri": MRI, "mri.t2": first, **told})["ct"]
    # By hand, the contrast is rounded to the 8 bits of a sample in between.
    np.testing.assert_allclose(made(model, ["ct"], {"mri": MRI, **told})["ct"], by_hand, atol=2)
    other = made(model, ["ct"], {"mri": MRI, "mri.t2": 1 - first, **told})["ct"]
    assert np.abs(other - by_hand).max() > 20


def test_they_are_kept_where_they_are_asked_for(model: MedM2G) -> None:
    first = made(model, ["mri.t2"], {"mri": MRI})["mri.t2"]
    both = made(model, ["mri.t2", "ct"], {"mri": MRI})
    assert set(both) == {"mri.t2", "ct"}
    np.testing.assert_array_equal(both["mri.t2"], first)
    np.testing.assert_array_equal(both["ct"], made(model, ["ct"], {"mri": MRI})["ct"])


def test_two_modalities_that_complete_each_other_leave_nothing_to_make(model: MedM2G) -> None:
    given = {"ct": [CT], "mri": [MRI]}
    networks = Networks(model.config, model.parts, model.tokenizers, model.device)
    found = make(networks, Wish(("ct.mask", "mri.t2"), [""], [5], given), model.config.sampler.make())
    assert set(found) == {"ct.mask", "mri.t2"}


def rendered(model: MedM2G, to: str, guides: list[tuple[str, str]], **given: np.ndarray) -> torch.Tensor:
    config = model.config.model_copy(update={"guides": tuple(guides)})
    networks = Networks(config, model.parts, model.tokenizers, model.device)
    known = {name.replace("_", "."): [value] for name, value in given.items()}
    return make(networks, Wish((to,), [""], [5], known), config.sampler.make())[to]


def test_a_missing_label_map_comes_first_where_its_flow_guides(model: MedM2G) -> None:
    guides = [("ct", "mri")]
    mask = rendered(model, "ct.mask", guides, ct=CT)[0].numpy()
    whole = rendered(model, "mri", guides, ct=CT, ct_mask=mask)
    assert torch.equal(rendered(model, "mri", guides, ct=CT), whole)
    assert not torch.equal(rendered(model, "mri", guides, ct=CT, ct_mask=(mask + 1) % 3), whole)


def test_where_it_only_prompts_its_label_map_is_not_needed(model: MedM2G, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_as_given", pytest.fail)
    assert rendered(model, "mri", [], ct=CT).isfinite().all()
