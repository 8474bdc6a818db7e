"""``medm2g/paper`` on miniatures of the releases it names: what it would train, on no memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.dicoms import dataset, save
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from synthmed.data.sources.chexpert import FINDINGS
from synthmed.medm2g.tokenizer import Tokenizers, decode, encode, save_tokenizer, special_ids, train_tokenizer
from synthmed.medm2g.training.run import train_medm2g
from synthmed.recipe import read_recipe

MEDICAT = "medicat/release/s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl"


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def mimic(root: Path) -> None:
    studies = [("train", 10000001), ("train", 10000002), ("validate", 10000003)]
    for name, header in (
        ("split", "dicom_id,study_id,subject_id,split"),
        ("chexpert", f"subject_id,study_id,No Finding,{','.join(FINDINGS)}"),
        ("metadata", "dicom_id,subject_id,study_id,ViewPosition,Rows,Columns"),
    ):
        rows = {
            "split": [f"d{p},5{p},{p},{split}" for split, p in studies],
            "chexpert": [f"{p},5{p},1.0{',' * len(FINDINGS)}" for _, p in studies],
            "metadata": [f"d{p},{p},5{p},PA,100,100" for _, p in studies],
        }
        put(root / f"mimic-cxr-2.0.0-{name}.csv", "\n".join([header, *rows[name]]) + "\n")
    for _, p in studies:
        put(root / f"files/p10/p{p}/s5{p}/d{p}.jpg")
        put(root / f"mimic-cxr-reports/files/p10/p{p}/s5{p}.txt", " FINDINGS:\n\n Clear lungs.\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DATA, as the recipe's first lines describe it; pictures are empty files, which a dry run does not open."""
    monkeypatch.setenv("SYNTHMED_PATIENT_KEY", "0" * 64)
    mimic(tmp_path / "mimic-cxr-jpg")
    rows = []
    for place in range(12):
        caption = "Axial CT of the chest." if place % 3 else "MRI of the knee."
        rows.append({"pdf_hash": f"p{place}", "fig_uri": "1.png", "s2_caption": caption, "radiology": True})
        put(tmp_path / f"medicat/release/figures/p{place}_1.png")
    put(tmp_path / MEDICAT, "".join(json.dumps(row) + "\n" for row in rows))
    for place in range(10):
        put(tmp_path / f"brain-mri-ct/Brain Tumor CT scan Images/Tumor/ct_tumor ({place}).jpg")
        put(tmp_path / f"brain-mri-ct/Brain Tumor MRI images/Healthy/mri_healthy ({place}).jpg")
    for name in ("CT scan Images/Healthy", "MRI images/Tumor"):
        (tmp_path / f"brain-mri-ct/Brain Tumor {name}").mkdir(parents=True)
    for patient in (f"1_{number:02d}_P" for number in range(1, 11)):
        for modality, description in (("MR", "AX T1 FSE"), ("MR", "t2_tse"), ("CT", "Deformed CT")):
            made = dataset(np.zeros((3, 5), np.int16), modality, SeriesDescription=description)
            save(made, tmp_path / f"gold-atlas/{patient}/{modality}.{description[:2]}.0.dcm")
    for place, role in enumerate(("prompt", "encoder")):
        save_tokenizer(train_tokenizer(["Clear lungs."], 260 + place), tmp_path / "tokenizers" / role)
    (tmp_path / "tokenizers/decoder").mkdir()
    gpt2_with_optimus_tokens().save(str(tmp_path / "tokenizers/decoder/tokenizer.json"))
    return tmp_path


def gpt2_with_optimus_tokens() -> Tokenizer:
    """As small as can be, with the tokens that the recipe's first lines add."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([], BpeTrainer(special_tokens=["<|endoftext|>"], initial_alphabet=alphabet))
    tokenizer.add_special_tokens(["<PAD>", "<BOS>", "<EOS>"])
    return tokenizer


def test_gpt2s_tokenizer_with_the_three_tokens_is_optimus(root: Path) -> None:
    decoder = Tokenizers.load(root / "tokenizers").decoder
    assert special_ids(decoder) == (258, 259, 257), "BOS, EOS, PAD come after GPT-2's own, as in OPTIMUS"
    assert decode(decoder, encode(decoder, ["Clear lungs."], 20)["input_ids"]) == ["Clear lungs."]


def test_a_dry_run_names_the_papers_stages_sizes_and_what_they_find(root: Path, tmp_path: Path) -> None:
    data = read_recipe("medm2g/paper", [f"data.root={root}", f"model.tokenizer={root / 'tokenizers'}"])
    notes: list[str] = []
    train_medm2g(data, "paper.yaml", tmp_path / "run", dry_run=True, on_note=notes.append)
    assert not (tmp_path / "run").exists()
    table = next(note for note in notes if "trained" in note.splitlines()[0])
    rows = {line.split()[0]: line.split() for line in table.splitlines() if line[:2].isdigit()}
    assert [name[3:] for name in rows] == [
        "text-autoencoder",
        *("alignment-text-xray", "alignment-text-ct", "alignment-text-mri", "alignment-ct-mri"),
        *("flow-xray", "flow-ct", "flow-mri", "flow-text"),
        *("round-text-xray", "round-text-ct", "round-ct-mri"),
    ]
    trained = {name[3:]: row[1] for name, row in rows.items()}
    assert {trained[f"flow-{name}"].replace(",", "") for name in ("xray", "ct", "mri")} == {"859520964"}
    assert trained["flow-text"].replace(",", "") == "1708848448"
    items = {name[3:]: int(row[4]) for name, row in rows.items()}
    # Two training films; eight figures of CT and ten pictures of CT in parts that are split by patient, and so on.
    assert items["flow-xray"] == items["alignment-text-xray"] == items["round-text-xray"] == 2
    assert 0 < items["flow-ct"] <= 8 + 10 + 10
    assert 0 < items["round-ct-mri"] == items["alignment-ct-mri"] <= 10
    said = "\n".join(notes)
    assert "alignment-text-ct trains encoder_ct" in said
    assert "round-text-xray trains context_text, context_xray" in said
    assert "round-text-ct trains context_ct, adaptive_ct, layers_ct" in said
    assert "round-ct-mri trains context_mri, adaptive_mri, layers_mri" in said
