"""The perceptual distance, and the weights that it reads."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.shared import ROOT
from sklearn.datasets import load_sample_image
from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0
from torchvision.transforms import functional

from synthmed.autoencoding.perceptual import PerceptualDistance
from synthmed.autoencoding.squeezenet import load_squeezenet
from synthmed.errors import UserError

REAL = ROOT / "weights" / "squeezenet1_0_torchvision_fp16.npz"
needs_real = pytest.mark.skipif(not REAL.is_file(), reason="SqueezeNet's weights are not here")


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray[Any, Any]]:
    torch.manual_seed(0)
    return {name: value.numpy() for name, value in squeezenet1_0().state_dict().items()}


@pytest.fixture(scope="module")
def made(arrays: dict[str, np.ndarray[Any, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "made.npz"
    np.savez_compressed(path, **arrays)
    return path


def images(channels: int, size: int = 48, seed: int = 0) -> torch.Tensor:
    return torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_it_is_the_distance_written_out(made: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    network = squeezenet1_0()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    network = network.double().eval()
    a, b = images(3), images(3, seed=1)
    outputs: list[torch.Tensor] = []
    for place in (1, 5, 10):
        network.features[place].register_forward_hook(lambda *call: outputs.append(call[2].clone()))
    for image in (a, b):
        levels = (image.double() + 1) / 2 * 255
        network(torch.stack([levels[:, 2] - 104, levels[:, 1] - 117, levels[:, 0] - 123], dim=1))
    expected = 0.0
    for x, y in zip(outputs[:3], outputs[3:], strict=True):
        unit_x, unit_y = (f / f.norm(dim=1, keepdim=True).clamp_min(1e-12) for f in (x, y))
        expected += float(((unit_x - unit_y) ** 2).sum(1).mean().detach())
    assert float(PerceptualDistance(load_squeezenet(made))(a, b)) == pytest.approx(expected, rel=1e-4)


def test_grey_is_three_equal_channels_and_nothing_is_trained(made: Path) -> None:
    distance = PerceptualDistance(load_squeezenet(made))
    a, b = images(1).requires_grad_(), images(1, seed=1)
    loss = distance(a, b)
    torch.testing.assert_close(loss, distance(a.expand(-1, 3, -1, -1), b.expand(-1, 3, -1, -1)))
    assert distance(a, a) == 0
    loss.backward()
    assert a.grad is not None
    assert a.grad.isfinite().all()
    assert a.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in distance.parameters())
    assert not distance.state_dict().keys() & {"mean"}


@needs_real
def test_the_real_weights_know_a_picture_under_their_own_normalisation_alone() -> None:
    """Caffe's levels, blue first: a temple. Torchvision's normalisation leaves all classes alike."""
    photo = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    photo = functional.center_crop(functional.resize(photo, [256, 384], antialias=True), [224, 224])
    network = squeezenet1_0()
    with np.load(REAL, allow_pickle=False) as weights:
        network.load_state_dict({name: torch.from_numpy(weights[name].astype(np.float32)) for name in weights.files})
    network.eval()
    # What the distance makes of an image in [-1, 1] before its first layer.
    distance, inputs = PerceptualDistance(load_squeezenet(REAL)), []
    distance.features[0].register_forward_hook(lambda *call: inputs.append(call[1][0]))
    preset = SqueezeNet1_0_Weights.IMAGENET1K_V1
    with torch.no_grad():
        distance(photo[None] / 127.5 - 1, photo[None] / 127.5 - 1)
        ours = network(inputs[0]).softmax(1)[0]
        theirs = network(preset.transforms()(photo)[None]).softmax(1)[0]
    likely = [preset.meta["categories"][place] for place in ours.topk(3).indices]
    assert "monastery" in likely
    assert ours.max() > 20 * theirs.max()


@needs_real
def test_a_blurred_image_is_further_than_one_with_less_blur() -> None:
    distance = PerceptualDistance(load_squeezenet(REAL))
    sharp = images(1, 64)
    blurred = [torch.nn.functional.avg_pool2d(sharp, k, 1, k // 2) for k in (3, 7)]
    first, second = (float(distance(image, sharp)) for image in blurred)
    assert 0 < first < second


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("the pickle ran",))


def damaged(path: Path, made: Path, name: str, content: bytes | None) -> Path:
    """A copy with one member replaced, or left out."""
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
            elif content is not None:
                new.writestr(member, content)
    return path


def npy(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"not numpy",
        pickle.dumps(Evil()),
        npy(np.array([Evil()] * 96, dtype=object)),
        npy(np.zeros(95, np.float32)),
        npy(np.zeros(96, np.int32)),
        npy(np.full(96, np.nan, np.float32)),
        npy(np.zeros(96, np.float32))[:-8],
        header("(10**12,)"),
        header("(1000000000000,)"),
        header("(96,)"),
    ],
    ids=str,
)
def test_damaged_weights_are_refused_in_one_line(
    content: bytes | None, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damaged(tmp_path / "w.npz", made, "features.0.bias.npy", content)
    with pytest.raises(UserError, match="not SqueezeNet") as error:
        load_squeezenet(path)
    assert "\n" not in str(error.value)
    assert "the pickle ran" not in capsys.readouterr().out


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_squeezenet(tmp_path / "none.npz")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(UserError, match="not SqueezeNet"):
        load_squeezenet(tmp_path / "text")
