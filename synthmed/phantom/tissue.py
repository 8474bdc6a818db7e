"""Tissues and structures: what the solids are made of, in every modality's unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthmed.phantom.kinds import KINDS

Table = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tissue:
    """One tissue's physics.

    Attributes:
        hu: Hounsfield units at 120 kVp, within the usual clinical ranges.
        mu: linear attenuation at 50 keV in 1/mm: the mass attenuation coefficient of NIST's table 4 (Hubbell and
            Seltzer, https://physics.nist.gov/PhysRefData/XrayMassCoef/tab4.html, ICRU-44 tissues) times the density.
            The film's beam is softer than the CT's, so it is not a function of `hu`.
        t1, t2: relaxation times at 1.5 T in ms. Muscle, heart, liver, blood: Stanisz et al., MRM 54:507 (2005). Fat,
            spleen, marrow: de Bazelaire et al., Radiology 230:652 (2004). Lung: Hatabu et al., MRM 42:1158 (1999) for
            T2 and the inflated lung's T1 near 1.2 s. Fluids: the values of free water with protein. Tumour, airless
            lung, gland: the middle of the ranges in Bottomley et al., Med Phys 14:1 (1987), for long T1 and T2.
        pd: proton density, water = 1: the tissue's water (or lipid) protons per volume.
    """

    hu: float
    mu: float
    t1: float
    t2: float
    pd: float


AIR = Tissue(-1000.0, 0.0, 1000.0, 10.0, 0.0)
FAT = Tissue(-100.0, 0.0202, 343.0, 58.0, 0.90)
MUSCLE = Tissue(55.0, 0.0238, 1008.0, 44.0, 0.79)
GLAND = Tissue(30.0, 0.0233, 1100.0, 55.0, 0.75)
LUNG = Tissue(-850.0, 0.0036, 1200.0, 41.0, 0.15)
BLOOD = Tissue(45.0, 0.0241, 1441.0, 290.0, 0.83)
MYOCARDIUM = Tissue(50.0, 0.0240, 1030.0, 40.0, 0.78)
LIVER = Tissue(62.0, 0.0241, 576.0, 46.0, 0.71)
SPLEEN = Tissue(50.0, 0.0240, 1057.0, 79.0, 0.78)
CHYME = Tissue(25.0, 0.0232, 1500.0, 120.0, 0.90)
CORTICAL = Tissue(750.0, 0.0560, 240.0, 2.0, 0.15)
TRABECULAR = Tissue(220.0, 0.0300, 549.0, 49.0, 0.60)
CARTILAGE = Tissue(120.0, 0.0255, 1024.0, 30.0, 0.70)
CANAL = Tissue(20.0, 0.0230, 2500.0, 300.0, 0.95)
TUMOUR = Tissue(42.0, 0.0240, 1050.0, 85.0, 0.84)
AIRLESS = Tissue(32.0, 0.0238, 1200.0, 95.0, 0.82)
COLLAPSED = Tissue(48.0, 0.0240, 950.0, 60.0, 0.80)
FLUID = Tissue(12.0, 0.0231, 2700.0, 480.0, 0.97)
SCLEROTIC = Tissue(600.0, 0.0460, 400.0, 15.0, 0.25)


@dataclass(frozen=True)
class Structure:
    """A part of the body: its tissue, and the name of the label that it carries in the masks."""

    name: str
    tissue: Tissue
    label: str


ORGANS = ("background", "body", "lung right", "lung left", "heart", "mediastinum", "liver", "bone")
MASK_NAMES: tuple[str, ...] = (*ORGANS, *KINDS)
"""Label names by value of every mask of the phantom; 0 is the background."""

_FINDING_TISSUE = {
    "nodule": TUMOUR,
    "mass": TUMOUR,
    "consolidation": AIRLESS,
    "pleural effusion": FLUID,
    "pneumothorax": AIR,
    "cardiomegaly": MYOCARDIUM,
    "atelectasis": COLLAPSED,
    "rib lesion": SCLEROTIC,
    "mediastinal enlargement": TUMOUR,
    "hilar enlargement": TUMOUR,
}

STRUCTURES: tuple[Structure, ...] = (
    Structure("outside", AIR, "background"),
    Structure("fat", FAT, "body"),
    Structure("muscle", MUSCLE, "body"),
    Structure("gland", GLAND, "body"),
    Structure("lung", LUNG, "lung right"),
    Structure("lung vessel", BLOOD, "lung right"),
    Structure("mediastinal fat", FAT, "mediastinum"),
    Structure("great vessel", BLOOD, "mediastinum"),
    Structure("airway", AIR, "mediastinum"),
    Structure("myocardium", MYOCARDIUM, "heart"),
    Structure("chamber", BLOOD, "heart"),
    Structure("liver", LIVER, "liver"),
    Structure("abdominal fat", FAT, "body"),
    Structure("spleen", SPLEEN, "body"),
    Structure("stomach", CHYME, "body"),
    Structure("stomach gas", AIR, "body"),
    Structure("cortical bone", CORTICAL, "bone"),
    Structure("trabecular bone", TRABECULAR, "bone"),
    Structure("disc", CARTILAGE, "bone"),
    Structure("spinal canal", CANAL, "body"),
    *(Structure(kind, _FINDING_TISSUE[kind], kind) for kind in KINDS),
)
"""Every structure a voxel can be; a structure map holds the index (uint8)."""

INDEX: dict[str, int] = {structure.name: index for index, structure in enumerate(STRUCTURES)}
LABEL_OF = np.array([MASK_NAMES.index(structure.label) for structure in STRUCTURES], dtype=np.uint8)
"""Structure index to mask value; both lungs' voxels have the right lung's value here."""


def table(column: str) -> Table:
    """One column of the tissue table (``hu``, ``mu``, ``t1``, ``t2``, ``pd``) by structure index, float32."""
    return np.array([getattr(structure.tissue, column) for structure in STRUCTURES], dtype=np.float32)
