"""Shards from strangers: every one is refused in one line that names the file, and nothing in it runs."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.samples import fixed_dataset, refusal, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.fields import Layout
from synthmed.generation.dataset import SyntheticDataset
from synthmed.generation.dataset_json import read_dataset_json
from synthmed.generation.tar_stream import MAX_MEMBER_BYTES, iterate_tar
from synthmed.sample import Sample


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Layout]:
    folder = tmp_path_factory.mktemp("hostile") / "set"
    write_dataset(fixed_dataset(3), folder, shard_size=3)
    return (folder / "synthmed-000000.tar").read_bytes(), read_dataset_json(folder).layout


def refused(source: Any, layout: Layout, **options: Any) -> str:
    with pytest.raises(UserError) as error:
        list(iterate_tar(source, layout, **options))
    assert "\n" not in str(error.value)
    return str(error.value)


def members(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def pack(entries: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return io.BytesIO(buffer.getvalue())


def entry(
    name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def test_a_tar_cut_anywhere_is_refused(shard: tuple[bytes, Layout]) -> None:
    data, layout = shard
    end = len(data.rstrip(b"\0")) // 512 * 512 + 512
    for cut in [*range(0, end + 1, 256), *range(1, end, 997), end + 511]:
        assert "x.tar: " in refused(io.BytesIO(data[:cut]), layout, where="x.tar"), cut
    assert len(list(iterate_tar(io.BytesIO(data), layout))) == 3


def test_too_few_samples_are_refused_even_with_an_end_mark(shard: tuple[bytes, Layout]) -> None:
    data, layout = shard
    kept = [(info, content) for info, content in members(data) if not info.name.startswith("000000002")]
    assert len(list(iterate_tar(pack(kept), layout))) == 2
    assert "2 samples; dataset.json says 3" in refused(pack(kept), layout, count=3)


def test_a_second_tar_behind_the_first_is_refused(shard: tuple[bytes, Layout]) -> None:
    data, layout = shard
    assert "after the tar's end mark" in refused(io.BytesIO(data + data), layout)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "/etc/passwd",
        "..",
        "a/../../b.json",
        "a\\b.json",
        "000000000.x/../json",
        ".json",
        "000000000",
        "000000000.",
        "0 0.json",
        "0\n0.json",
        "ключ.json",
        "000000000.json.gz",
        "000000000.JSON",
        "000000000.nii.gz",
        "000000000.xray.png\x1b[2J",
        "a" * 99,
    ],
)
def test_odd_names_are_refused(
    name: str, shard: tuple[bytes, Layout], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, layout = shard
    monkeypatch.chdir(tmp_path)
    message = refused(pack([*members(data), entry(name)]), layout, where="x.tar")
    assert message.startswith("x.tar: member ")
    assert "\x1b" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "000000000.json"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
        (tarfile.CONTTYPE, ""),
    ],
)
def test_only_plain_files_are_read(kind: bytes, link: str, shard: tuple[bytes, Layout]) -> None:
    data, layout = shard
    message = refused(pack([entry("000000000.json", b"", kind, link), *members(data)]), layout, where="x.tar")
    assert "is not a plain file" in message


def test_extended_headers_are_refused(shard: tuple[bytes, Layout]) -> None:
    info, data = entry("000000000.json")
    info.pax_headers = {"path": "../evil.json"}
    assert "is not a plain file" in refused(pack([(info, data)], tarfile.PAX_FORMAT), shard[1])
    assert "is not a plain file" in refused(pack([entry("k" * 200 + ".json")], tarfile.GNU_FORMAT), shard[1])


def test_a_members_size_is_bounded_before_it_is_read(shard: tuple[bytes, Layout]) -> None:
    for suffix, size in (("xray.png", MAX_MEMBER_BYTES + 1), ("json", 2**23), ("report.txt", 2**40)):
        info = tarfile.TarInfo(f"000000000.{suffix}")
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
        assert f"{suffix}: {size} bytes; at most" in refused(io.BytesIO(header), shard[1])
    info.size = -512
    assert "damaged tar header" in refused(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT)), shard[1])


def test_missing_and_repeated_members_are_refused(shard: tuple[bytes, Layout]) -> None:
    data, layout = shard
    good = members(data)
    assert "has no member ct.png" in refused(pack([m for m in good if m[0].name != "000000001.ct.png"]), layout)
    assert "000000000.ct.png stands twice" in refused(pack([good[0], *good]), layout)
    assert "stands twice" in refused(pack([*good, *good[:7]]), layout)


def test_a_sample_under_anothers_key_is_refused(shard: tuple[bytes, Layout]) -> None:
    data, layout = shard
    swapped = [(info.replace(name=info.name.replace("000000001.", "000000009.")), d) for info, d in members(data)]
    assert "000000009.json: the key in it is '000000001'" in refused(pack(swapped), layout)


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", ["pkl", "pickle", "pyd", "pth", "json", "xray.png", "report.txt"])
def test_a_pickle_does_not_run(suffix: str, shard: tuple[bytes, Layout], tmp_path: Path) -> None:
    data, layout = shard
    bomb = pickle.dumps(Canary(tmp_path / "ran"))
    kept = [m for m in members(data) if m[0].name != f"000000000.{suffix}"]
    place = next((i for i, m in enumerate(kept) if m[0].name > f"000000000.{suffix}"), len(kept))
    assert f"000000000.{suffix}" in refused(
        pack([*kept[:place], entry(f"000000000.{suffix}", bomb), *kept[place:]]), layout
    )
    assert not (tmp_path / "ran").exists()
    pickle.loads(bomb)
    assert (tmp_path / "ran").exists(), "the canary is alive"


@pytest.mark.parametrize("url", ["pipe:touch {}", "PIPE:touch {}", "pipe://touch {}", "simplecache::pipe:touch {}"])
def test_a_pipe_does_not_run(url: str, tmp_path: Path, shard: tuple[bytes, Layout]) -> None:
    ran = tmp_path / "ran"
    for read in (SyntheticDataset.from_shards, SyntheticDataset.stream, lambda u: list(iterate_tar(u, shard[1]))):
        with pytest.raises(UserError, match="is not a place that is read from"):
            read(url.format(ran))
    assert not ran.exists()


@pytest.mark.parametrize(
    "url", ["reference://x", "arrow_hdfs://h/x", "zip://a::/tmp/b.zip", "data:,x", "github://a:b@/x"]
)
def test_protocols_that_do_more_than_fetch_are_refused(url: str) -> None:
    with pytest.raises(UserError, match="is not a place that is read from"):
        SyntheticDataset.from_shards(url)


def test_a_folder_or_nothing_in_a_shards_place_is_refused(tmp_path: Path, shard: tuple[bytes, Layout]) -> None:
    for place in (tmp_path, tmp_path / "nothing.tar"):
        assert str(place) in refused(place, shard[1])


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bytes_are_read_as_they_are_or_refused(shard: tuple[bytes, Layout], data: st.DataObject) -> None:
    good, layout = shard
    end = len(good.rstrip(b"\0"))
    # Half of the flips in headers and records, which are a small part of the bytes.
    heads = [info.offset + 512 * (i % 2) for i, (info, _) in enumerate(members(good))]
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        near = st.builds(lambda head, by: min(head + by, end), st.sampled_from(heads), st.integers(0, 511))
        damaged[data.draw(near | st.integers(0, end))] ^= data.draw(st.integers(1, 255))
    read: list[Sample] = []
    message = refusal(lambda: read.extend(iterate_tar(io.BytesIO(bytes(damaged)), layout, where="x.tar")))
    assert message.startswith("x.tar: ") or (not message and len(read) == 3), "samples were lost in silence"
