from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthmed.errors import UserError
from synthmed.evaluation.extractor import choose_extractor, training_networks


def test_what_taught_does_not_judge() -> None:
    assert choose_extractor("helpers.embedders:Grid", ["squeezenet-1.0"]).embedder is not None
    refused = choose_extractor("helpers.embedders:Grid", ["squeezenet-1.0", "Grid 4"])
    assert refused.embedder is None
    assert "was used in training the generator (as 'Grid 4')" in refused.reason
    assert choose_extractor("none", []).reason == "--embedder none"
    with pytest.raises(UserError, match="did you mean 'lite0'"):
        choose_extractor("lite", [])


def test_without_a_name_it_is_the_first_that_may_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = choose_extractor("auto", ["efficientnet-lite0"])
    assert found.embedder is None
    assert "inception: " in found.reason
    assert "efficientnet-lite0" in found.reason


def test_networks_are_those_of_cards_and_names(tmp_path: Path) -> None:
    assert training_networks(tmp_path) is None
    assert training_networks(tmp_path, ["none"]) == ()
    model = tmp_path / "model"
    model.mkdir()
    (model / "training.json").write_text(json.dumps({"networks": ["squeezenet-1.0"], "data": {}}))
    assert training_networks(tmp_path, [str(model), "vgg16"]) == ("squeezenet-1.0", "vgg16")
    assert training_networks(model) == ("squeezenet-1.0",)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"networks": "vgg"}', '{"networks": [1]}'])
def test_a_damaged_card_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(text)
    with pytest.raises(UserError, match="does not list the networks"):
        training_networks(tmp_path)
