"""The run over a folder: resumption, failures, labels, copies, and the table that others read."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from synthmed.data.record import FileRef, Problem
from synthmed.data.sources.imagefolder import ImageFolder
from synthmed.errors import UserError
from synthmed.medart.captions.domain import Domain
from synthmed.medart.captions.options import make_describer
from synthmed.medart.captions.pace import Pace
from synthmed.medart.captions.pictures import Wanted, read_picture
from synthmed.medart.captions.protocol import DESCRIBERS, Failure, Picture
from synthmed.medart.captions.run import Summary, run_captions
from synthmed.medart.captions.settings import Settings
from synthmed.medart.captions.tasks import plan_tasks
from synthmed.registry import Entry


class Cheap:
    """Tells a picture's mean; fails on black, and breaks on white."""

    name = "cheap"

    def __init__(self, prefix: str = "seen", repeat: int = 1) -> None:
        self.prefix, self.repeat = prefix, repeat

    def describe(self, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]) -> list[str | Failure]:
        if any(picture.pixels.min() == 255 for picture in pictures):
            raise ZeroDivisionError("of all\nthings")
        return [
            Failure("too dark") if not picture.pixels.any() else f'{domain.sentence(picture.label)} "{seed}",\n mean\r'
            for picture, seed in zip(pictures, seeds, strict=True)
        ]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DESCRIBERS._entries, "cheap", Entry("cheap", "for the tests", Cheap))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures in two class folders under train and test."""
    rng = np.random.default_rng(0)
    for split, kind in (("train", "nevus"), ("train", "melanoma"), ("test", "nevus")):
        place = tmp_path / "skin" / split / kind
        place.mkdir(parents=True)
        for index in range(4):
            pixels = rng.integers(1, 255, (24, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / f"{index}.{('png', 'jpg', 'bmp', 'png')[index]}")
    return tmp_path / "skin"


def run(folder: Path, **changes: object) -> Summary:
    chosen: dict[str, object] = {"describer": "cheap", "domain": "dermoscopy", "labels": "folders", **changes}
    return run_captions(Settings(folder, **chosen))  # type: ignore[arg-type]


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_an_imagefolder(folder: Path) -> None:
    summary = run(folder)
    assert (summary.described, summary.kept, summary.failed, summary.failures) == (12, 0, (), None)
    records = list(ImageFolder().records(folder))
    assert not [each for each in records if isinstance(each, Problem)]
    assert {(each.id.split("/")[0], each.split) for each in records} == {("train", "train"), ("test", "test")}
    assert all(each.text and each.text.startswith(f'A dermoscopy image of a {each.labels[0]}. "') for each in records)
    assert len({each.text for each in records}) == 12


def test_hugging_face_reads_it(folder: Path, tmp_path: Path) -> None:
    run(folder / "train")
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder / "train"), cache_dir=str(tmp_path / "cache"))
    rows = list(loaded["train"])
    assert len(rows) == 8
    assert all(row["text"].startswith("A dermoscopy image of a ") for row in rows)
    assert {row["image"].size for row in rows} == {(30, 24)}


def test_the_same_command_goes_on_from_any_byte(folder: Path) -> None:
    table = run(folder).table
    whole = table.read_bytes()
    assert run(folder).described == 0
    for cut in (0, 3, 40, 55, 60, len(whole) // 2, len(whole) - 1, *range(100, len(whole), 173)):
        table.write_bytes(whole[:cut])
        summary = run(folder)
        assert table.read_bytes() == whole, cut
        assert summary.kept == max(0, whole[:cut].count(b"\n") - 1)


def test_a_killed_run_keeps_whole_rows(folder: Path) -> None:
    code = (
        "import time\nfrom pathlib import Path\n"
        "from synthmed.medart.captions.protocol import DESCRIBERS\nfrom synthmed.registry import Entry\n"
        "from synthmed.medart.captions.run import run_captions\n"
        "from synthmed.medart.captions.settings import Settings\n"
        "class Cheap:\n    name = 'cheap'\n    def describe(self, pictures, domain, seeds):\n        time.sleep(0.3)\n"
        "        return [f'{domain.sentence(p.label)} \"{s}\", mean' for p, s in zip(pictures, seeds)]\n"
        "DESCRIBERS.add(Entry('cheap', '', Cheap))\n"
        f"folder = Path({str(folder)!r})\n"
        "run_captions(Settings(folder, describer='cheap', domain='dermoscopy', labels='folders', batch=1))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    table = folder / "metadata.csv"
    end = time.monotonic() + 300
    while (not table.exists() or table.read_bytes().count(b"\n") < 4) and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = table.read_bytes()
    summary = run(folder)
    assert summary.kept >= 3
    assert summary.described == 12 - summary.kept > 0
    assert table.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    whole = run(folder, out=folder / "whole.csv").table
    assert table.read_bytes() == whole.read_bytes()


def test_bad_pictures_are_listed_and_tried_again(folder: Path) -> None:
    (folder / "train" / "nevus" / "bad.png").write_text("no image")
    for name, level in (("black", 0), ("white", 255)):
        Image.new("RGB", (20, 20), (level,) * 3).save(folder / "train" / "nevus" / f"{name}.png")
    summary = run(folder)
    assert summary.described == 12
    assert summary.failures is not None
    lines = summary.failures.read_text().splitlines()
    assert len(lines) == 3
    assert "train/nevus/bad.png" in lines[0]
    assert lines[1] == "train/nevus/black.png: too dark"
    assert lines[2] == "train/nevus/white.png: ZeroDivisionError: of all things"
    for name in ("bad", "black", "white"):
        Image.new("RGB", (20, 20), (9, 9, 9)).save(folder / "train" / "nevus" / f"{name}.png")
    again = run(folder)
    assert (again.described, again.kept, again.failures) == (3, 12, None)
    assert not summary.failures.exists()


def test_not_one_caption_is_the_users_mistake(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"not one picture of 1 could be described; the first: a\.png: too dark"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"domain": "fundus"}, "has domain 'dermoscopy', this run's is 'fundus'"),
        ({"seed": 1}, "has seed"),
        ({"mode": "simple"}, "this run's is 'none'"),
        ({"labels": "none"}, "has label 'nevus'"),
    ],
)
def test_a_table_of_another_run_is_left_alone(folder: Path, changes: dict[str, object], message: str) -> None:
    table = run(folder).table
    before = table.read_bytes()
    with pytest.raises(UserError, match=message):
        run(folder, **changes)
    assert table.read_bytes() == before
    assert run(folder, overwrite=True, **changes).described == 12
    assert table.read_bytes() != before


def test_another_files_table_is_left_alone(folder: Path) -> None:
    table = folder / "metadata.csv"
    table.write_text("file_name,diagnosis\n" + "".join(f"train/nevus/{n}.png,x y\n" for n in (0, 3)))
    before = table.read_bytes()
    with pytest.raises(UserError, match="its columns are others"):
        run(folder)
    with pytest.raises(UserError, match="the labels come from it"):
        run(folder, labels=f"{table}:diagnosis", overwrite=True)
    assert table.read_bytes() == before
    summary = run(folder, labels=f"{table}:diagnosis", out=folder / "captions.csv")
    assert [row["label"] for row in rows_of(summary.table)].count("x y") == 2
    assert summary.unlabelled == 10
    with pytest.raises(UserError, match="no column 'diagnose'"):
        run(folder, labels=f"{table}:diagnose", out=folder / "b.csv")


def test_no_caption_makes_a_table_that_cannot_be_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's reader of CSV refuses a cell of 131,072 characters, and with it all rows."""

    def describe(self: Cheap, pictures: Sequence[Picture], domain: Domain, seeds: Sequence[int]) -> list[str | Failure]:
        return ["x" * 200_000 if "train" in picture.file else "seen" for picture in pictures]

    monkeypatch.setattr(Cheap, "describe", describe)
    first = run(folder)
    assert (first.described, len(first.failed)) == (4, 8)
    assert all("200000 characters" in line for line in first.failed)
    monkeypatch.undo()
    monkeypatch.setitem(DESCRIBERS._entries, "cheap", Entry("cheap", "for the tests", Cheap))
    again = run(folder)
    assert (again.described, again.kept) == (8, 4)


def test_a_label_that_readers_would_part_is_told(folder: Path) -> None:
    (folder / "train" / "nevus").rename(folder / "train" / "nevus|mole")
    summary = run(folder)
    assert (summary.described, len(summary.failed)) == (8, 4)
    assert all("'nevus|mole' holds |" in line for line in summary.failed)


def test_a_file_of_two_records_has_one_row(folder: Path) -> None:
    """Hugging Face's reader, and ours, take a file_name once."""
    images = [Wanted(name, FileRef(folder / "train" / "nevus" / "0.png"), "photo") for name in ("one", "two")]
    tasks, problems = plan_tasks(images, Settings(folder), "dermoscopy", "cheap", lambda wanted: "")
    assert [task.wanted.id for task in tasks] == ["one"]
    assert [str(problem) for problem in problems] == ["two: train/nevus/0.png has a row already"]


def test_two_runs_do_not_fill_one_table(folder: Path) -> None:
    with FileLock(folder / ".metadata.csv.lock"), pytest.raises(UserError, match="another run is filling it"):
        run(folder)


def test_simple_and_empty_captions(folder: Path) -> None:
    simple = rows_of(run(folder, mode="simple", out=folder / "simple.csv").table)
    assert {row["text"] for row in simple} == {"A dermoscopy image of a nevus.", "A dermoscopy image of a melanoma."}
    empty = rows_of(run(folder, mode="empty", out=folder / "empty.csv").table)
    assert {(row["text"], row["describer"], row["mode"]) for row in empty} == {("", "none", "empty")}


def test_copies_stand_alone(folder: Path, tmp_path: Path) -> None:
    grey = np.arange(600, dtype=np.uint8).reshape(20, 30)
    Image.fromarray(grey).save(folder / "test" / "nevus" / "grey.png")
    out = tmp_path / "set" / "metadata.csv"
    assert run(folder, out=out, copy=True).outside is False
    assert run(folder, out=out, copy=True).described == 0
    names = [row["file_name"] for row in rows_of(out)]
    assert len(set(names)) == 13
    (copied,) = (name for name in names if "grey" in name)
    assert (np.asarray(Image.open(out.parent / copied)) == grey).all()
    assert len([each for each in ImageFolder().records(out.parent) if not isinstance(each, Problem)]) == 13
    with pytest.raises(UserError, match="lies among the images"):
        run(folder, copy=True)
    assert run(folder, out=tmp_path / "other" / "metadata.csv").outside


def test_slices_and_channels_need_a_copy(tmp_path: Path) -> None:
    import nibabel

    volume = np.random.default_rng(0).integers(1, 200, (20, 22, 3)).astype(np.int16)
    (tmp_path / "mri").mkdir()
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "mri" / "a.nii.gz")  # type: ignore[attr-defined]
    chosen = {"domain": "mri", "labels": "", "source_options": {"slices": "every:1"}}
    with pytest.raises(UserError, match=r"is a slice or channel of a\.nii\.gz"):
        run(tmp_path / "mri", **chosen)
    summary = run(tmp_path / "mri", copy=True, out=tmp_path / "out" / "metadata.csv", **chosen)
    assert summary.described == 3
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3


def test_one_file_and_no_file(folder: Path, tmp_path: Path) -> None:
    one = folder / "train" / "nevus" / "0.png"
    assert run(one, labels="none", out=tmp_path / "one.csv").described == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no image"):
        run(tmp_path / "empty")
    with pytest.raises(UserError, match="no such folder"):
        run(tmp_path / "missing")


def test_a_describers_options() -> None:
    cheap = make_describer("cheap", ["prefix=a=b", "repeat=3"])
    assert isinstance(cheap, Cheap)
    assert (cheap.prefix, cheap.repeat) == ("a=b", 3)
    assert make_describer("embedded").name == "embedded"
    for name, option, message in (
        ("cheap", "prefx=1", "did you mean 'prefix'"),
        ("cheap", "repeat=many", "option repeat"),
        ("cheap", "repeat", "write name=value"),
        ("embeded", "", "did you mean 'embedded'"),
        ("embedded", "x=1", "no option"),
    ):
        with pytest.raises(UserError, match=message):
            make_describer(name, [option])


def test_the_pace_spreads_pictures_evenly() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(30, lambda: now[0], sleep)
    moments = []
    for pictures in (1, 1, 4, 1):
        pace.wait(pictures)
        moments.append(now[0])
    assert moments == [0, 2, 4, 12]
    now[0] = 100
    pace.wait(1)
    pace.wait(1)
    assert now[0] == 102
    free = Pace(0, lambda: now[0], sleep)
    free.wait(1000)
    free.wait(1000)
    assert now[0] == 102


def test_a_picture_is_shown_over_its_own_range(tmp_path: Path) -> None:
    hounsfield = np.array([[-1024, -1000, -300], [400, 1000, -1000]] * 2)
    Image.fromarray((hounsfield + 1024).astype(np.uint16)).save(tmp_path / "ct.png")
    grey = np.array([[0, 7, 128], [254, 255, 0]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    shown = read_picture(Wanted("a", FileRef(tmp_path / "ct.png"), "ct"))
    assert shown[:2, :, 0].tolist() == [[0, 0, 128], [255, 255, 0]]  # (-300 + 1000) / 1400 is a half
    narrow = read_picture(Wanted("a", FileRef(tmp_path / "ct.png"), "ct", window=(-300.0, 1000.0)))
    assert narrow[:2, :, 0].tolist() == [[0, 0, 0], [137, 255, 0]]
    for image in ("xray", "photo", "ct"):
        same = read_picture(Wanted("a", FileRef(tmp_path / "grey.png"), image))
        assert (same == grey[..., None]).all()
        assert same.shape == (2, 3, 3)
