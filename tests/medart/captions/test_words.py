"""Measures to words: length, variety, determinism, and every domain's data."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from synthmed.errors import UserError
from synthmed.medart.captions.domain import Domain, domain_names, domain_of, load_domain
from synthmed.medart.captions.embedded.colours import Shade
from synthmed.medart.captions.embedded.describer import EmbeddedDescriber
from synthmed.medart.captions.embedded.facts import fact, trait_names
from synthmed.medart.captions.embedded.measure import Measures
from synthmed.medart.captions.embedded.outline import Outline
from synthmed.medart.captions.embedded.surface import Spot
from synthmed.medart.captions.embedded.words import MOST, caption
from synthmed.medart.captions.protocol import DESCRIBERS, Describer, Failure, Picture

MEASURES = Measures(
    colours=(Shade("dark brown", 0.7), Shade("red", 0.3)),
    darkest="black",
    background="pink",
    extent=0.2,
    place=(0.5, 0.2),
    outline=Outline(0.6, 90.0, 0.97, 0.97, 1.0, (0.95, 0.5)),
    edge=0.5,
    stands_out=50.0,
    grain=2.0,
    lines=0.05,
    brightness=30.0,
    contrast=5.0,
    sides=9.0,
    vertical=-9.0,
    centre=-9.0,
    dark_area=Spot(0.1, (0.1, 0.9)),
    bright_area=Spot(0.1, (0.9, 0.1)),
    highlights=0.01,
    rim=0.1,
    count=6,
    lungs=(0.2, 0.1),
)


def test_numbers_become_the_right_words() -> None:
    wording = load_domain("dermoscopy").wording
    told = {trait: fact(trait, MEASURES, wording) for trait in trait_names()}
    assert told["colour"] == ("colour.several", {"colour": "dark brown", "others": "red"})
    assert told["extent"] == ("extent.one", {"size": "medium-sized", "percent": "20"})
    assert told["shape"] == ("shape.turned", {"form": "oval", "turn": "vertical"})
    assert told["edge"] == ("edge", {"edge": "sharp"})
    assert told["symmetry"] == ("symmetry", {"symmetry": "symmetric about one axis"})
    assert told["sides"] == ("sides.one", {"side": "left"})
    assert told["vertical"] == ("vertical", {"half": "lower"})
    assert told["centre"] == ("centre", {"shade": "darker"})
    assert told["position"] == ("position", {"place": "left part"})
    assert told["dark_area"] == ("dark_area", {"place": "upper right part"})
    assert told["bright_area"] == ("bright_area", {"place": "lower left part"})
    assert told["lines"] == ("lines.many", {"lines": "long dark lines"})
    assert told["contrast"] == ("contrast.apart", {"contrast": "high"})
    assert told["count"] == ("count.many", {"count": "several", "number": "6"})
    assert fact("lines", replace(MEASURES, lines=0.0), load_domain("fundus").wording) is None
    smear = fact("extent", MEASURES, load_domain("blood_smear").wording)
    assert smear == ("extent.many", {"size": "medium-sized", "percent": "20"})
    assert told["lung_sides"] == ("lung_sides.one", {"side": "left"})
    plain = replace(MEASURES, background="", outline=None, edge=None, dark_area=None, colours=(Shade("red", 1.0),))
    assert fact("colour", plain, wording) == ("colour.one", {"colour": "red", "others": ""})
    assert fact("contrast", plain, wording) == ("contrast.within", {"contrast": "low"})
    assert all(fact(trait, plain, wording) is None for trait in ("background", "shape", "border", "edge", "dark_area"))
    assert fact("border", replace(MEASURES, extent=0.01), wording) is None  # of so few pixels any border is smooth


@pytest.mark.parametrize("name", domain_names())
def test_each_domain_words_every_fact_in_bounds(name: str) -> None:
    domain = load_domain(name)
    assert domain.name == name
    assert len(domain.attributes) >= 4
    texts = [caption(MEASURES, domain, "some_label|other", seed) for seed in range(200)]
    first = domain.sentence("some_label|other")
    assert "some label and other" in first
    for text in texts:
        assert text.startswith(first)
        assert 35 <= len(text.split()) <= MOST
        assert not re.search(r"[{}_]|\ba [aeiou]|  ", text), text
        # Of what, where the sentence before it spoke of the background?
        assert not re.search(r"\. (Its|Their) ", text), text
    # What the words alone bring: the measures are the same each time.
    assert len({re.sub(r"\d+", "#", text) for text in texts}) > 190
    assert caption(MEASURES, domain, "x", 7) == caption(MEASURES, domain, "x", 7)


def test_every_sentence_of_the_wording_can_be_reached() -> None:
    """A key in the file that no trait gives, or the other way round, is a slip."""
    folder = Path(__import__("synthmed.medart.captions.embedded", fromlist=["x"]).__file__ or "").parent
    keys = set(yaml.safe_load((folder / "wording.yaml").read_text(encoding="utf-8")))
    source = (folder / "facts.py").read_text(encoding="utf-8")
    named = set(re.findall(r'"([a-z_]+(?:\.[a-z]+)?)"', source))
    assert keys <= named


def test_no_caption_is_longer_than_the_limit() -> None:
    domain = load_domain("dermoscopy").model_copy(update={"template": f"A {'very ' * 90}long {{label}}."})
    assert len(caption(MEASURES, domain, "lesion", 0).split()) <= MOST
    far = domain.model_copy(update={"template": f"A {'very ' * 200}long {{label}}."})
    assert len(caption(MEASURES, far, "lesion", 0).split()) == MOST


def test_class_sentences() -> None:
    skin = load_domain("dermoscopy")
    assert skin.sentence("benign") == "A dermoscopy image of a benign lesion."
    assert skin.sentence("no finding") == "A dermoscopy image of healthy skin."
    assert skin.sentence("") == skin.plain
    assert load_domain("chest_xray").sentence("Effusion|Mass|Nodule") == "A chest X-ray with Effusion, Mass and Nodule."
    assert load_domain("chest_xray").sentence("COVID-19") == "A chest X-ray with COVID-19."
    assert load_domain("chest_xray").sentence("viral") == "A chest X-ray with viral pneumonia."
    assert load_domain("ct").sentence("pelvis") == "An axial CT slice with the pelvis in view."
    assert load_domain("ct").sentence("no box in slice") == "An axial CT slice with no marked tumour."
    assert load_domain("endoscopy").sentence("dyed-lifted-polyps").endswith("dyed and lifted polyps.")
    assert [domain_of(kind) for kind in ("xray", "ct", "mri", "photo")] == ["chest_xray", "ct", "mri", "generic"]


def test_a_users_own_domain(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    own = load_domain("generic").model_dump()
    path.write_text(yaml.safe_dump({**own, "name": "mine", "template": "Ultrasound of {label}."}))
    assert load_domain(str(path)).sentence("a cyst") == "Ultrasound of a cyst."
    for change, message in (
        ({"tempalte": "x"}, "tempalte"),
        ({"template": "no place"}, "label"),
        ({"template": "{label} {0}"}, "braces"),
        ({"attributes": None}, "attributes"),
    ):
        path.write_text(yaml.safe_dump({**own, **change}))
        with pytest.raises(UserError, match=message):
            load_domain(str(path))
    path.write_text("a: [")
    with pytest.raises(UserError, match="not YAML"):
        load_domain(str(path))
    with pytest.raises(UserError, match="did you mean 'fundus'"):
        load_domain("funds")
    with pytest.raises(UserError, match="No such file"):
        load_domain(str(tmp_path / "none.yaml"))


def test_the_embedded_describer_is_a_describer_and_survives_any_picture() -> None:
    describer = DESCRIBERS.get("embedded")()
    assert isinstance(describer, Describer)
    assert isinstance(describer, EmbeddedDescriber)
    pixels = [np.full((20, 31, 3), level, np.uint8) for level in (0, 128, 255)]
    pixels.append(np.random.default_rng(0).integers(0, 256, (40, 17, 3), dtype=np.uint8))
    pictures = [Picture("a", each) for each in pixels] + [Picture("tiny", np.zeros((3, 90, 3), np.uint8))]
    for name in domain_names():
        texts = describer.describe(pictures, load_domain(name), range(len(pictures)))
        assert all(isinstance(text, str) for text in texts[:-1])
        assert isinstance(texts[-1], Failure)
        assert "16 a side" in texts[-1].reason
    wrong = load_domain("generic")
    wrong = wrong.model_copy(update={"wording": wrong.wording.model_copy(update={"traits": ("colur",)})})
    with pytest.raises(UserError, match="did you mean 'colour'"):
        describer.describe(pictures, wrong, range(len(pictures)))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.integers(0, 2**63 - 1))
def test_any_label_and_seed_give_a_caption(label: str, seed: int) -> None:
    domain: Domain = load_domain("generic")
    assert 1 <= len(caption(MEASURES, domain, label, seed).split()) <= MOST
