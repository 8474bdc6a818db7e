"""BIDS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from synthmed.data.record import FileRef, Record
from synthmed.data.sources.bids import Bids
from synthmed.errors import UserError

Put = Callable[..., Path]
Read = Callable[..., tuple[list[Record], list[str]]]


def scan(root: Path, name: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.ones((6, 5, 8), np.int16), np.eye(4)), path)
    return path


def test_sessions_contrasts_and_participants(put: Put, read: Read, tmp_path: Path) -> None:
    names = {
        "sub-01/anat/sub-01_FLAIR.nii.gz": "mri.flair",
        "sub-01/anat/sub-01_T1w.nii.gz": "mri",
        "sub-01/anat/sub-01_ce-gadolinium_T1w.nii": "mri.t1c",
        "sub-02/ses-pre/anat/sub-02_ses-pre_run-1_T2w.nii.gz": "mri.t2",
        "sub-02/ses-pre/anat/sub-02_ses-pre_acq-tse_PDw.nii.gz": "mri.pd",
    }
    paths = {name: scan(tmp_path, name) for name in names}
    for other in ("sub-01/func/sub-01_task-rest_bold.nii.gz", "sub-01/anat/sub-01_part-phase_T1w.nii.gz"):
        scan(tmp_path, other)
    scan(tmp_path, "derivatives/x/sub-01/anat/sub-01_T1w.nii.gz")
    put("participants.tsv", "participant_id\tage\tsex\tdiagnosis\nsub-01\t34\tF\tcontrol\nsub-02\tn/a\tM\tMS\n")
    records, problems = read(Bids(labels="diagnosis", negative="control"))
    assert problems == []
    assert {record.id: list(record.images) for record in records} == {f"{n}#4": [f] for n, f in names.items()}
    assert [record.images["mri"] for record in records if "mri" in record.images] == [
        FileRef(paths["sub-01/anat/sub-01_T1w.nii.gz"], (2, 4))
    ]
    assert {(record.id[:6], record.labels) for record in records} == {
        ("sub-01", ("no finding",)),
        ("sub-02", ("MS",)),
    }
    assert [record.attributes.get("age") for record in records] == [34, 34, 34, None, None]
    assert records[0].attributes["sex"] == "female"
    assert len({record.patient for record in records}) == 2


def test_two_data_sets_have_different_patients(put: Put, read: Read, tmp_path: Path) -> None:
    patients = []
    for name in ("one", "two"):
        scan(tmp_path / name, "sub-01/anat/sub-01_T1w.nii.gz")
        put(f"{name}/dataset_description.json", f'{{"Name": "{name}", "BIDSVersion": "1.9.0"}}')
        records, _ = read(Bids(), tmp_path / name)
        patients += [record.patient for record in records]
    assert len(set(patients)) == 2


def test_bad_files_and_rows_are_problems(put: Put, read: Read, tmp_path: Path) -> None:
    scan(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz")
    scan(tmp_path, "sub-01/anat/sub-02_T1w.nii.gz")
    put("sub-02/anat/sub-02_T1w.nii.gz", b"damaged")
    put("participants.tsv", "participant_id\tage\nsub-01\t3\nsub-01\t4\n")
    records, problems = read(Bids())
    assert [record.id for record in records] == ["sub-01/anat/sub-01_T1w.nii.gz#4"]
    assert [problem.split(": ")[0] for problem in problems] == [
        "participants.tsv:3",
        "sub-01/anat/sub-02_T1w.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
    ]


def test_a_wrong_root(put: Put, read: Read, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="anat"):
        read(Bids())
    scan(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz")
    with pytest.raises(UserError, match=r"participants\.tsv"):
        read(Bids(labels="diagnosis"))
    put("participants.tsv", "participant_id\nsub-01\n")
    with pytest.raises(UserError, match="no column 'diagnosis'"):
        read(Bids(labels="diagnosis"))
