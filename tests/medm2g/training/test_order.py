from __future__ import annotations

import itertools
from typing import Any

import pytest

from synthmed.errors import UserError
from synthmed.medm2g.config import Config
from synthmed.medm2g.sizes import make_config
from synthmed.medm2g.training.order import Planned, plan_stages
from synthmed.medm2g.training.stages import DEFAULTS, STAGES

KINDS = ("text", "labels", "xray", "ct", "mri")
COUNTS = {frozenset(names): 5 for size in (1, 2) for names in itertools.combinations(KINDS, size)}
AUTOENCODERS: list[dict[str, Any]] = [{"stage": "autoencoder"}, {"stage": "text_autoencoder"}]
ALIGNMENTS: list[dict[str, Any]] = [
    {"stage": "alignment", "pair": pair} for pair in (["text", "xray"], ["text", "ct"], ["text", "mri"], ["ct", "mri"])
]
FLOWS: list[dict[str, Any]] = [{"stage": "flow", "modality": name} for name in ("xray", "ct", "mri", "text")]
ROUNDS: list[dict[str, Any]] = [
    {"stage": "round", "pair": pair} for pair in (["text", "xray"], ["text", "ct"], ["ct", "mri"])
]


@pytest.fixture(scope="module")
def config() -> Config:
    guides = [("text", "xray"), ("text", "ct"), ("ct", "mri")]
    return make_config("debug", ["xray", "ct", "mri"], image_size=32, vocabulary=300, guides=guides)


def plan(config: Config, stages: list[dict[str, Any]], counts: Any = COUNTS, ready: Any = ()) -> list[Planned]:
    typed: list[Any] = [
        STAGES[entry["stage"]].model_validate({**entry, "training": DEFAULTS[entry["stage"]]}) for entry in stages
    ]
    return plan_stages(config, typed, counts, ready)


def test_the_papers_order_and_freezing(config: Config) -> None:
    planned = plan(config, [*AUTOENCODERS, *ALIGNMENTS, *FLOWS, *ROUNDS])
    assert [set(one.trains) for one in planned[2:6]] == [
        {"encoder_text", "encoder_xray"},
        {"encoder_ct"},
        {"encoder_mri"},
        {"encoder_mri"},
    ]
    assert planned[4].takes == ("encoder_text",)
    assert [one.trains for one in planned[6:10]] == [("flow_xray",), ("flow_ct",), ("flow_mri",), ("flow_text",)]
    guided = [{part.partition("_")[2] for part in one.trains} for one in planned[10:]]
    assert guided == [{"text", "xray"}, {"ct"}, {"mri"}]
    assert all(len(one.trains) == 3 * len(names) for one, names in zip(planned[10:], guided, strict=True))
    assert {"flow_text", "flow_ct", "context_text", "layers_text"} <= set(planned[11].takes)
    assert not [one.name for one in planned if set(one.trains) & set(one.takes)]


def test_a_text_encoder_may_begin_as_the_text_autoencoders(config: Config) -> None:
    start = {**ALIGNMENTS[0], "text_start": "autoencoder"}
    planned = plan(config, [*AUTOENCODERS, start, *ALIGNMENTS[1:], *FLOWS])
    assert planned[2].takes == ("autoencoder_text",)
    with pytest.raises(UserError, match="nothing before it trains autoencoder_text"):
        plan(config, [AUTOENCODERS[0], start])
    for later in ({**ALIGNMENTS[1], "text_start": "autoencoder"}, {**start, "train": ["xray"]}):
        with pytest.raises(UserError, match="text_start: this stage trains no new text encoder"):
            plan(config, [*AUTOENCODERS, ALIGNMENTS[0], later])


def test_prompts_are_what_the_data_pair_and_an_encoder_reads(config: Config) -> None:
    planned = plan(config, [*AUTOENCODERS, *ALIGNMENTS, *FLOWS, *ROUNDS])
    assert planned[6].conditions == {"xray": ("text", "ct", "mri", "labels")}
    assert planned[9].conditions == {"text": ("xray", "ct", "mri", "labels")}
    assert planned[12].conditions == {"ct": ("text", "xray", "labels"), "mri": ("text", "xray", "labels")}
    apart = {names: n for names, n in COUNTS.items() if names != frozenset({"xray", "ct"})}
    assert plan(config, [*AUTOENCODERS, *ALIGNMENTS, *FLOWS], apart)[6].conditions == {
        "xray": ("text", "mri", "labels")
    }
    few = [*AUTOENCODERS, ALIGNMENTS[0], *FLOWS]
    assert plan(config, few)[3].conditions == {"xray": ("text", "labels")}


def test_a_round_prompts_each_flow_as_its_own_stage_did_but_by_the_other_side(config: Config) -> None:
    asked = [["text", "labels"], ["text", "mri"], ["labels", "ct"], ["xray", "ct", "mri"]]
    flows = [{**flow, "condition": names} for flow, names in zip(FLOWS, asked, strict=True)]
    *_, one, two, three = plan(config, [*AUTOENCODERS, *ALIGNMENTS, *flows, *ROUNDS])
    assert one.conditions == {"text": ("ct", "mri"), "xray": ("labels",)}
    assert two.conditions == {"text": ("xray", "mri"), "ct": ("mri",)}
    assert three.conditions == {"ct": ("text",), "mri": ("labels",)}
    assert {"encoder_mri", "encoder_text"} <= set(two.takes)
    both = plan(config, [*AUTOENCODERS, *ALIGNMENTS, *flows, *ROUNDS[:2], {**ROUNDS[2], "condition": ["xray"]}])
    assert both[-1].conditions == {"ct": ("xray",), "mri": ("xray",)}


def test_without_central_alignment_a_flow_trains_the_encoders_that_none_trained(config: Config) -> None:
    flows = [{**flow, "central": False} for flow in FLOWS]
    planned = plan(config, [*AUTOENCODERS, *flows])
    assert set(planned[2].trains) == {"flow_xray", "encoder_text", "encoder_ct", "encoder_mri"}
    assert set(planned[3].trains) == {"flow_ct", "encoder_xray"}
    assert planned[5].trains == ("flow_text",)


def test_an_invariant_of_no_image_encoder_is_refused(config: Config) -> None:
    flows = [{**flow, "central": False} for flow in FLOWS]
    assert plan(config, [*AUTOENCODERS, {**flows[0], "invariant": True}, *flows[1:]])
    with pytest.raises(UserError, match="stage 06-flow-text: invariant: it trains no image encoder"):
        plan(config, [*AUTOENCODERS, *flows[:3], {**flows[3], "invariant": True}])


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"stage": "autoencoder", "name": "gray"}], "no autoencoder_gray; did you mean 'autoencoder_grey'"),
        ([{"stage": "mask_autoencoder", "name": "xray"}], "no autoencoder_xray_mask"),
        ([{"stage": "alignment", "pair": ["text", "photo"]}], "no 'photo'; there are: ct, mri, text, xray"),
        ([{"stage": "alignment", "pair": ["ct", "ct"]}], "not ct with itself"),
        (
            [{"stage": "alignment", "pair": ["text", "ct"], "train": ["mri"]}],
            "train names text or ct, or both; not mri",
        ),
        ([{"stage": "flow", "modality": "photo"}], "no flow 'photo'"),
        ([*AUTOENCODERS, {**FLOWS[0], "condition": ["reports"]}], "nothing conditions by 'reports'"),
        ([*AUTOENCODERS, {**FLOWS[0], "condition": ["text"]}], "nothing before it trains encoder_text"),
        ([AUTOENCODERS[1], *ALIGNMENTS, FLOWS[0]], "nothing before it trains autoencoder_grey"),
        ([*AUTOENCODERS, *ALIGNMENTS, FLOWS[0], ROUNDS[0]], "nothing before it trains flow_text"),
        ([*AUTOENCODERS, *ALIGNMENTS, *FLOWS[:3]], "no stage trains flow_text"),
        ([*AUTOENCODERS, *AUTOENCODERS], "two stages are autoencoder-grey"),
    ],
)
def test_an_order_that_cannot_work_is_refused(stages: list[dict[str, Any]], message: str, config: Config) -> None:
    with pytest.raises(UserError, match=message):
        plan(config, stages)


def test_a_pair_that_no_record_has_is_refused(config: Config) -> None:
    apart = {names: n for names, n in COUNTS.items() if names != frozenset({"ct", "mri"})}
    with pytest.raises(UserError, match="stage 06-alignment-ct-mri: no training record has ct and mri"):
        plan(config, [*AUTOENCODERS, *ALIGNMENTS], apart)


def test_parts_of_a_model_to_start_from_need_no_stage(config: Config) -> None:
    assert len(plan(config, [FLOWS[0]], ready=config.parts)) == 1
