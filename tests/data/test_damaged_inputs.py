"""Damaged inputs through the command line: 22 kinds × 15 seeds, each a process under 2 GiB of memory and 20 s."""

from __future__ import annotations

import gzip
import io
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel
import numpy as np
import pytest
from helpers.dicoms import dataset, save
from PIL import Image

SEEDS = int(os.environ.get("SYNTHMED_DAMAGE_SEEDS", "15"))
ADDRESS_SPACE = 2**31
SECONDS = 20

Rng = np.random.Generator


def png(rng: Rng, rows: int = 20, columns: int = 30) -> bytes:
    return encoded(rng.integers(0, 256, (rows, columns), np.uint8), "PNG")


def encoded(array: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def cut(data: bytes, rng: Rng) -> bytes:
    """At most nine tenths of it: the last bytes of a file may be padding."""
    return data[: int(rng.integers(1, max(2, len(data) * 9 // 10)))]


def nifti(values: np.ndarray, path: Path) -> bytes:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return path.read_bytes()


def png_header(columns: int, rows: int, data: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_shape(data: bytes, *shape: int) -> bytes:
    return data[:40] + struct.pack(f"<{len(shape) + 1}h", len(shape), *shape) + data[42 + 2 * len(shape) :]


def truncated_png(root: Path, rng: Rng) -> None:
    (root / "bad.png").write_bytes(cut(png(rng), rng))


def truncated_jpeg(root: Path, rng: Rng) -> None:
    (root / "bad.jpg").write_bytes(cut(encoded(rng.integers(0, 256, (40, 30), np.uint8), "JPEG"), rng))


def truncated_nifti(root: Path, rng: Rng) -> None:
    data = nifti(rng.integers(0, 99, (8, 9, 5)).astype(np.int16), root / "bad.nii")
    (root / "bad.nii").write_bytes(cut(data, rng))


def truncated_nifti_gz(root: Path, rng: Rng) -> None:
    data = nifti(rng.integers(0, 9999, (8, 9, 5)).astype(np.int16), root / "bad.nii.gz")
    (root / "bad.nii.gz").write_bytes(cut(data, rng))


def zero_bytes(root: Path, rng: Rng) -> None:
    (root / f"bad.{rng.choice(['png', 'jpg', 'nii', 'nii.gz', 'bmp'])}").touch()


def wrong_ending(root: Path, rng: Rng) -> None:
    (root / "bad.png").write_bytes(rng.bytes(int(rng.integers(20, 2000))))


def text_for_an_image(root: Path, rng: Rng) -> None:
    (root / "bad.jpg").write_text("<html>not found</html>" * int(rng.integers(1, 50)))


def no_pixels(root: Path, rng: Rng) -> None:
    rows, columns = ((0, 5), (5, 0), (0, 0))[int(rng.integers(3))]
    (root / "bad.png").write_bytes(png_header(columns, rows, zlib.compress(b"")))


def not_finite(root: Path, rng: Rng) -> None:
    values = rng.random((8, 9, 1)).astype(np.float32)
    values[tuple(rng.integers(0, n) for n in values.shape)] = rng.choice([np.nan, np.inf, -np.inf])
    nifti(values, root / "bad.nii")


def absurd_png(root: Path, rng: Rng) -> None:
    side = int(rng.choice([10**6, 2**31 - 1, 50_000]))
    (root / "bad.png").write_bytes(png_header(side, side, zlib.compress(b"\0" * 1000)))


def absurd_nifti(root: Path, rng: Rng) -> None:
    data = nifti(rng.integers(0, 99, (8, 9, 1)).astype(np.int16), root / "bad.nii")
    (root / "bad.nii").write_bytes(with_shape(data, 32767, 32767, int(rng.integers(1, 32767))))


def negative_nifti(root: Path, rng: Rng) -> None:
    data = nifti(rng.integers(0, 99, (8, 9, 1)).astype(np.int16), root / "bad.nii")
    (root / "bad.nii").write_bytes(with_shape(data, 8, -int(rng.integers(1, 999)), 1))


def png_bomb(root: Path, rng: Rng) -> None:
    side = int(rng.integers(9_000, 20_000))
    (root / "bad.png").write_bytes(png_header(side, side, zlib.compress(b"\0" * 50_000_000, 9)))


def gzip_bomb(root: Path, rng: Rng) -> None:
    head = with_shape(nifti(np.zeros((8, 9, 1), np.int16), root / "bad.nii"), 8, 9, 1)
    (root / "bad.nii").unlink()
    body = head + bytes(int(rng.integers(200, 400)) * 2**20)
    (root / "bad.nii.gz").write_bytes(gzip.compress(with_shape(body, 30000, 30000, 1), 1))


def truncated_dicom(root: Path, rng: Rng) -> None:
    path = save(dataset(rng.integers(0, 999, (12, 9)).astype(np.uint16)), root / "bad.dcm")
    path.write_bytes(cut(path.read_bytes(), rng))


def absurd_dicom(root: Path, rng: Rng) -> None:
    columns = int(rng.integers(60_000, 65_535))
    save(dataset(np.zeros((12, 9), np.uint16), Rows=65_535, Columns=columns), root / "bad.dcm")


def missing_column(root: Path, rng: Rng) -> None:
    (root / "bad.csv").write_text(f"picture{rng.integers(99)},label\ngood.png,mass\n")


def duplicate_ids(root: Path, rng: Rng) -> None:
    (root / "bad.csv").write_text("image,name\n" + "good.png,a\n" * int(rng.integers(2, 9)))


def not_utf8(root: Path, rng: Rng) -> None:
    (root / "bad.csv").write_bytes(b"image,text\ngood.png,caf\xe9 " + rng.bytes(5).replace(b"\n", b"") + b"\xff\n")


def ragged_rows(root: Path, rng: Rng) -> None:
    (root / "bad.csv").write_text("image,text\ngood.png,a\ngood.png" + ",b" * int(rng.integers(2, 6)) + "\n")


def path_out_of_the_folder(root: Path, rng: Rng) -> None:
    (root / "bad.csv").write_text("image\n" + "../" * int(rng.integers(1, 9)) + "etc/passwd\n")


def link_loop(root: Path, rng: Rng) -> None:
    names = [f"bad{i}.png" for i in range(int(rng.integers(1, 5)))]
    for name, target in zip(names, [*names[1:], names[0]], strict=True):
        (root / name).symlink_to(target)


Kind = Callable[[Path, Rng], None]
FOLDERS: tuple[Kind, ...] = (
    truncated_png,
    truncated_jpeg,
    truncated_nifti,
    truncated_nifti_gz,
    zero_bytes,
    wrong_ending,
    text_for_an_image,
    no_pixels,
    not_finite,
    absurd_png,
    absurd_nifti,
    negative_nifti,
    png_bomb,
    gzip_bomb,
    link_loop,
)
TABLES: tuple[Kind, ...] = (missing_column, duplicate_ids, not_utf8, ragged_rows, path_out_of_the_folder)
DICOMS: tuple[Kind, ...] = (truncated_dicom, absurd_dicom)


def check(root: Path, kind: Kind) -> subprocess.CompletedProcess[str]:
    source = ["folder", "-o", "modality=mri"]
    if kind in TABLES:
        source = ["table", "-o", "file=bad.csv", "-o", "modality=xray"]
        source += ["-o", "id=name"] if kind is duplicate_ids else []
    elif kind in DICOMS:
        source = ["dicom_tree"]
    return subprocess.run(
        [sys.executable, "-m", "synthmed", "data", "check", source[0], str(root), *source[1:]],
        env={**os.environ, "SYNTHMED_PATIENT_KEY": "test", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
    )


def is_told(done: subprocess.CompletedProcess[str]) -> str:
    """What is wrong with how the damage was told; ``""`` for nothing."""
    if "Traceback" in done.stderr + done.stdout:
        return "a traceback"
    if done.returncode == 2:
        lines = done.stderr.strip().splitlines()
        return "" if lines[-1].startswith("synthmed: ") and "bad" in lines[-1] else "refused without the file's name"
    problems = done.stdout.partition("PROBLEMS")[2].partition("REPEATED")[0]
    return "" if done.returncode == 0 and "bad" in problems else f"exit code {done.returncode}, not among the problems"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*FOLDERS, *TABLES, *DICOMS], ids=lambda kind: kind.__name__)
def test_damage_is_told_with_file_and_reason(kind: Kind, tmp_path: Path) -> None:
    def run(seed: int) -> tuple[int, str, str]:
        root = tmp_path / str(seed)
        root.mkdir()
        rng = np.random.default_rng(seed)
        if kind in DICOMS:
            save(dataset(np.arange(108, dtype=np.uint16).reshape(12, 9), SeriesInstanceUID="1.2.4"), root / "good.dcm")
        else:
            (root / "good.png").write_bytes(png(rng))
        kind(root, rng)
        done = check(root, kind)
        return seed, is_told(done), done.stderr + done.stdout

    with ThreadPoolExecutor(2) as pool:
        wrong = [(seed, how, output) for seed, how, output in pool.map(run, range(SEEDS)) if how]
    assert not wrong, wrong[0]
