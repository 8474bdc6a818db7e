from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.nifti import axial, put_nifti

from synthmed.data.identity import pseudonym
from synthmed.data.reading import read_array
from synthmed.data.sources.ixi import IXI
from synthmed.errors import UserError

GRID = (6, 7, 5)


@pytest.fixture
def arrays(tmp_path: Path) -> dict[str, np.ndarray]:
    made = {}
    for name in ("IXI002-Guys-0828", "IXI012-HH-1211"):
        for seed, contrast in enumerate(("T2", "PD")):
            file = tmp_path / f"IXI-{contrast}" / f"{name}-{contrast}.nii.gz"
            made[f"{name}-{contrast}"] = put_nifti(file, GRID, seed)
    # T1 was scanned sagittally: its axes run to posterior, superior and right.
    sagittal = np.random.default_rng(9).integers(0, 99, (8, 9, 4)).astype(np.int16)
    affine = np.array([[0, 0, 1.2, 0], [-0.9375, 0, 0, 0], [0, 0.9375, 0, 0], [0, 0, 0, 1]])
    (tmp_path / "IXI-T1").mkdir()
    nib.save(nib.Nifti1Image(sagittal, affine), tmp_path / "IXI-T1/IXI002-Guys-0828-T1.nii.gz")
    made["IXI002-Guys-0828-T1"] = sagittal
    (tmp_path / "IXI-T1/notes.txt").write_text("x")
    return made


def test_t2_with_pd_and_t1_alone(arrays, read) -> None:
    records, problems = read(IXI())
    assert not problems
    assert [(record.id, set(record.images)) for record in records] == [
        ("IXI002-Guys-0828-T2-PD#2", {"mri.t2", "mri.pd"}),
        ("IXI002-Guys-0828-T1#4", {"mri"}),
        ("IXI012-HH-1211-T2-PD#2", {"mri.t2", "mri.pd"}),
    ]
    for field, contrast in (("mri.t2", "T2"), ("mri.pd", "PD")):
        values = read_array(records[2].images[field]).values
        np.testing.assert_array_equal(values, axial(arrays[f"IXI012-HH-1211-{contrast}"], 2))
    t1 = read_array(records[1].images["mri"])
    # Posterior runs down already; right runs to the image's left once flipped.
    np.testing.assert_array_equal(t1.values[0], arrays["IXI002-Guys-0828-T1"][:, 4, ::-1])
    assert t1.spacing == pytest.approx((0.9375, 1.2))
    assert records[0].patient == records[1].patient == pseudonym("ixi", "IXI002") != records[2].patient
    assert [record.attributes["site"] for record in records] == ["Guys", "Guys", "HH"]
    assert {record.labels for record in records} == {("no finding",)}


def test_other_planes_and_problems(arrays, read, tmp_path: Path) -> None:
    records, _ = read(IXI(plane="sagittal", slices="every:2"))
    assert len(records) == 3 + 2 + 3
    (tmp_path / "IXI-PD/IXI002-Guys-0828-PD.nii.gz").write_bytes(b"\x1f\x8bno")
    records, problems = read(IXI())
    assert [record.id for record in records] == ["IXI002-Guys-0828-T1#4", "IXI012-HH-1211-T2-PD#2"]
    assert len(problems) == 1
    assert "IXI002-Guys-0828-PD.nii.gz: cannot be read" in problems[0]
    with pytest.raises(UserError, match="IXI002-Guys-0828-T1"):
        list(IXI().records(tmp_path / "none"))
