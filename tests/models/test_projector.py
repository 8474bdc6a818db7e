"""The projector of Barlow Twins."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from synthmed.models.projector import Projector


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_projector_is_barlow_twins() -> None:
    """Its sizes at the widths in question, and the layers of the published one (2048 to 3 × 8192) by name."""
    with torch.device("meta"):
        assert count(Projector((768, 2400, 2400, 2400))) == 768 * 2400 + 2 * 2400**2 + 4 * 2400
        published = Projector((2048, 8192, 8192, 8192))
    kinds = [type(layer).__name__ for layer in published.layers]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert count(published) == 2048 * 8192 + 2 * 8192**2 + 4 * 8192
    assert not any(name.endswith("bias") and parameter.ndim > 1 for name, parameter in published.named_parameters())
    with pytest.raises(ValueError, match="an input and an output"):
        Projector([4])


def test_the_projector_written_out(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Projector((5, 7, 3))
    x = torch.randn(9, 5)
    hidden = x @ model.layers[0].weight.T
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(model(x), hidden.relu() @ model.layers[3].weight.T)
    model.save_pretrained(tmp_path)
    assert torch.equal(Projector.from_pretrained(tmp_path)(x), model.eval()(x))
