from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.embedders import Grid

from synthmed.errors import UserError
from synthmed.evaluation.embedders import EMBEDDERS
from synthmed.evaluation.embedders.inception import FILE, Inception, inception, resized
from synthmed.evaluation.embedders.open import open_embedder, refuse_trained
from synthmed.evaluation.embedders.protocol import Embedder


def test_lite0_is_the_classifiers_own_last_layer() -> None:
    """Its features, through the network's own head, are the logits that the whole network gives at 224 px."""
    lite0 = open_embedder("lite0")
    assert isinstance(lite0, Embedder)
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    found = lite0(images)
    assert (found.shape, found.dtype, lite0.width) == ((2, 1280), torch.float32, 1280)
    network = lite0._network  # type: ignore[attr-defined]
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(network._fc(found), network((images - mean) / deviation), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(lite0(images[1:]), found[1:], rtol=1e-4, atol=1e-5)
    assert lite0(images[:1, :, :40, :60]).shape == (1, 1280)
    refuse_trained(lite0, ["squeezenet-1.0", "taef2"])
    with pytest.raises(UserError, match="used in training the generator"):
        refuse_trained(lite0, ["squeezenet-1.0", "EfficientNet-Lite0 (ImageNet)"])


def test_inception_is_clean_fids_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """With equal random weights: clean-fid's own class, but for the download in its constructor."""
    from cleanfid import inception_pytorch

    torch.manual_seed(0)
    ours = inception()
    monkeypatch.setattr(inception_pytorch, "fid_inception_v3", lambda: ours)
    theirs = inception_pytorch.InceptionV3(resize_input=False).eval()
    images = torch.rand(1, 3, 299, 299)
    found = ours(2 * images - 1)
    torch.testing.assert_close(found, theirs(images)[0].flatten(1))
    assert found.shape == (1, 2048)


def test_inception_resizes_as_clean_fid_does() -> None:
    from cleanfid.resize import build_resizer

    image = torch.rand(1, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    expected = build_resizer("clean")(image[0].permute(1, 2, 0).numpy() * 255)
    np.testing.assert_allclose(resized(image, 299)[0].permute(1, 2, 0).numpy() * 255, expected, atol=1e-3)


def test_inception_is_never_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match="download it there from https"):
        Inception()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / FILE).write_bytes(b"other weights")
    with pytest.raises(UserError, match="does not begin with 6726825d"):
        Inception()


READY = Grid()


def test_a_users_own() -> None:
    assert open_embedder("helpers.embedders:Grid").width == 16
    assert sorted(EMBEDDERS.names())[:2] == ["inception", "lite0"]
    for name, message in (
        ("lite", "did you mean 'lite0'"),
        ("no_such_module:Net", "no_such_module"),
        ("helpers.embedders:Net", "Net"),
        ("pathlib:Path", "has no"),
    ):
        with pytest.raises(UserError, match=message):
            open_embedder(name)


def test_a_digest_gives_a_network_away() -> None:
    with pytest.raises(UserError, match="choose another embedder"):
        refuse_trained(READY, ["something-else", READY.digest])
    refuse_trained(READY, [])
