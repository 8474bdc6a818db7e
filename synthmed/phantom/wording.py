"""The reports' words, as data. Every slot's even entries are wording group ``a``, its odd ones group ``b``.

A noun phrase has its article in front; ``{}``-slots are filled by `report`. So that the two groups never share a
template, no text stands twice in a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

Group = Literal["all", "a", "b"]
GROUPS: tuple[str, ...] = get_args(Group)

TERMS: dict[str, tuple[str, ...]] = {
    "nodule": ("a nodule", "a pulmonary nodule", "a nodular opacity", "a rounded nodule"),
    "mass": ("a mass", "a lung mass", "a mass lesion", "a soft tissue mass"),
    "consolidation": (
        "consolidation",
        "an airspace consolidation",
        "airspace opacification",
        "a patchy consolidation",
    ),
    "pleural effusion": ("a pleural effusion", "an effusion", "pleural fluid", "a collection of pleural fluid"),
    "pneumothorax": (
        "a pneumothorax",
        "a pneumothorax with a visible pleural edge",
        "pleural air",
        "air in the pleura",
    ),
    "cardiomegaly": (
        "cardiomegaly",
        "cardiac enlargement",
        "enlargement of the heart",
        "enlargement of the cardiac silhouette",
    ),
    "atelectasis": ("atelectasis", "plate-like atelectasis", "linear atelectasis", "subsegmental atelectasis"),
    "rib lesion": ("a sclerotic rib lesion", "a dense rib lesion", "a sclerotic bone lesion", "an osseous lesion"),
    "mediastinal enlargement": (
        "mediastinal enlargement",
        "mediastinal widening",
        "a widened mediastinum",
        "mediastinal lymphadenopathy",
    ),
    "hilar enlargement": (
        "hilar enlargement",
        "a prominent hilum",
        "hilar lymphadenopathy",
        "an enlarged hilum",
    ),
}

SEVERITY: dict[str, tuple[str, ...]] = {
    "mild": ("small", "mild", "slight", "minor"),
    "moderate": ("moderate", "moderate-sized", "medium", "moderately large"),
    "severe": ("large", "marked", "extensive", "severe"),
}

IN_PLACE = (
    "in the {side} {place}",
    "within the {side} {place}",
    "of the {side} {place}",
    "involving the {side} {place}",
)
ON_SIDE = ("on the {side}", "on the {side} side", "of the {side} hemithorax", "in the {side} hemithorax")
AT_HILUM = ("at the {side} hilum", "on the {side} side", "of the {side} hilum", "on the {side}")

PRESENT = (
    "There is {np} {where}, measuring {size}.",
    "{np} {where} is seen, about {size}.",
    "{np} of {size} is noted {where}.",
    "There is evidence of {np} {where} ({size}).",
    "Note is made of {np} {where}; it measures {size}.",
    "The study demonstrates {np} {where}, {size} in size.",
    "{np} {where} measures {size}.",
    "Present is {np} {where} of {size}.",
)

ON_FILM = (
    "It is seen on the radiograph.",
    "The radiograph shows it well.",
    "The frontal film depicts it.",
    "It can be made out on the frontal view.",
)
NOT_ON_FILM = (
    "It is not seen on the radiograph; CT shows it.",
    "The radiograph does not show it, while the CT slice does.",
    "It is occult on the frontal film and apparent on CT only.",
    "On the frontal view it cannot be made out; the CT section depicts it.",
)
MRI_ONLY = (
    "It is not seen on the radiograph; MRI shows it.",
    "Neither the film nor CT depicts it, while MRI does.",
)
NOT_IN_SLICE = (
    "It lies outside the axial slice.",
    "The CT section does not include it.",
    "It is not covered by the cross-sectional level.",
    "The axial images are at another level and do not show it.",
)
NOWHERE = (
    "It is known from earlier imaging and not seen on the present images.",
    "The current images do not show it; it is documented previously.",
    "It is below the visibility of this examination and listed from the history.",
    "On this examination it cannot be made out, being known from before.",
)
NOT_ON_MRI = (
    "It has no correlate on MRI.",
    "MRI does not show it.",
    "MRI is unremarkable at this site.",
    "On MRI it cannot be made out.",
)

ABSENT: dict[str, tuple[str, ...]] = {
    "lungs": (
        "The lungs are clear.",
        "Both lungs are well aerated.",
        "No focal lung abnormality.",
        "Lung fields are free of focal opacity.",
    ),
    "nodule mass": (
        "No nodule or mass.",
        "There is neither a nodule nor a mass.",
        "No evidence of a nodule or mass lesion.",
        "Free of any pulmonary nodule or mass.",
    ),
    "nodule": (
        "No nodule is seen.",
        "There is no pulmonary nodule.",
        "No evidence of a nodule.",
        "Without any discrete nodule.",
    ),
    "mass": ("No mass is seen.", "There is no lung mass.", "No evidence of a mass.", "Without any mass lesion."),
    "consolidation": (
        "No consolidation.",
        "There is no airspace consolidation.",
        "No airspace opacification is identified.",
        "Without focal consolidation.",
    ),
    "atelectasis": (
        "No atelectasis.",
        "There is no atelectasis or volume loss.",
        "No evidence of atelectasis.",
        "Without atelectasis.",
    ),
    "pleural effusion pneumothorax": (
        "No pleural effusion or pneumothorax.",
        "Neither an effusion nor a pneumothorax is present.",
        "The pleural spaces are free of fluid and air.",
        "Negative for pneumothorax or pleural effusion.",
    ),
    "pleural effusion": (
        "No pleural effusion.",
        "There is no effusion.",
        "No evidence of pleural fluid.",
        "The costophrenic angles are sharp, without effusion.",
    ),
    "pneumothorax": (
        "No pneumothorax.",
        "There is no pneumothorax.",
        "No evidence of a pneumothorax.",
        "Pneumothorax is absent.",
    ),
    "cardiomegaly": (
        "The heart is of normal size.",
        "Heart size is within normal limits.",
        "No cardiomegaly.",
        "The cardiac silhouette is not enlarged.",
    ),
    "mediastinal enlargement": (
        "The mediastinal contours are normal.",
        "The mediastinal contours are unremarkable.",
        "No mediastinal enlargement.",
        "There is no mediastinal lymphadenopathy.",
    ),
    "hilar enlargement": (
        "The hila are of normal size.",
        "The hilar contours are unremarkable.",
        "No hilar lymphadenopathy.",
        "There is no hilar enlargement.",
    ),
    "rib lesion": (
        "The ribs are intact.",
        "The visible bones are unremarkable.",
        "No rib lesion.",
        "There is no focal osseous lesion.",
    ),
}

EXAMINATION = (
    "Frontal chest radiograph with axial CT and MRI of one level.",
    "Chest film, CT section and MRI section.",
    "Radiograph, CT and MRI of the chest, {age}-year-old {person}.",
    "{person}, {age} years: chest radiograph and cross-sectional imaging.",
    "",
    "Imaging of the thorax in a {person} aged {age}.",
)
PERSON = {"F": ("woman", "female patient"), "M": ("man", "male patient")}
HEADERS = (
    ("FINDINGS:", "IMPRESSION:"),
    ("Findings.", "Conclusion."),
    ("Findings:", "Impression:"),
    ("Report:", "Summary:"),
)
NORMAL = (
    "No acute cardiopulmonary abnormality.",
    "Normal examination of the chest.",
    "No evidence of acute chest disease.",
    "Unremarkable study.",
    "Normal chest.",
    "No pathological finding.",
)
SUMMARY = ("{np} {where}.", "{np} {where}, {size}.", "Findings in keeping with {np} {where}.", "{np} ({size}) {where}.")


def pick(rng: np.random.Generator, slot: Sequence[str], group: str) -> str:
    """One entry of a slot, from the wording group."""
    return choices(slot, group)[int(rng.integers(len(choices(slot, group))))]


def choices(slot: Sequence[str], group: str) -> Sequence[str]:
    """The slot's entries that belong to the group."""
    return slot if group == "all" else slot[0::2] if group == "a" else slot[1::2]
