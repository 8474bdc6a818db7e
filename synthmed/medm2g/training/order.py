"""Which parts each stage changes and takes as they stand, and whether the stages come in an order that can work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from synthmed.errors import UserError
from synthmed.medm2g.config import TEXT, Config
from synthmed.medm2g.training.stages import (
    AlignmentStage,
    AutoencoderStage,
    FlowStage,
    MaskAutoencoderStage,
    RoundStage,
    Stage,
    TextAutoencoderStage,
    label,
)
from synthmed.registry import nearest

LABELS = "labels"
_GUIDANCE = ("context", "adaptive", "layers")
Counts = Mapping[frozenset[str], int]
"""How many training records have at least these of ``text``, ``labels`` and the modalities, for one or two of them."""


@dataclass(frozen=True)
class Planned:
    """A stage in its place.

    Attributes:
        name: of its folder, ``03-flow-xray``.
        stage: as the recipe has it.
        trains: the parts that it changes.
        takes: the parts that it needs and leaves as they are.
        conditions: by flow, what prompts it in this stage: modalities, ``text``, ``labels``.
    """

    name: str
    stage: Stage
    trains: tuple[str, ...]
    takes: tuple[str, ...] = ()
    conditions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Before:
    """What a stage finds.

    Attributes:
        counts: of the training records.
        trained: parts that are trained already, by a stage or in ``init``.
        touched: parts that a stage has changed.
        prompted: what each flow was trained to be prompted by.
    """

    config: Config
    counts: Counts
    trained: set[str]
    touched: set[str] = field(default_factory=set)
    prompted: dict[str, tuple[str, ...]] = field(default_factory=dict)


def plan_stages(config: Config, stages: Sequence[Stage], counts: Counts, ready: Iterable[str] = ()) -> list[Planned]:
    """The stages with their parts.

    Args:
        counts: of the training records.
        ready: parts that are trained already, those of ``init``.

    Raises:
        UserError: a stage names what the model does not have, wants parts that nothing trains before it, or has no
            record; or two have one name.
    """
    before = _Before(config, counts, set(ready))
    planned: list[Planned] = []
    for place, stage in enumerate(stages, 1):
        name = f"{place:02d}-{label(stage)}"
        one = _plan(before, stage, name)
        missing = [part for part in one.takes if part not in before.trained]
        if missing:
            raise UserError(f"stage {name}: nothing before it trains {missing[0]}; add its stage, or give --init MODEL")
        planned.append(one)
        before.trained.update(one.trains)
        before.touched.update(one.trains)
        if isinstance(stage, FlowStage):
            before.prompted.update(one.conditions)
    names = [label(stage) for stage in stages]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two stages are {name}; the second would go on from the first, so give it more steps")
    made = [part for part in config.parts if part.startswith(("flow_", "autoencoder_"))]
    if missing := [part for part in made if part not in before.trained]:
        raise UserError(f"no stage trains {missing[0]}; add its stage, or leave what it makes out of model")
    return planned


def _plan(before: _Before, stage: Stage, name: str) -> Planned:
    config, where = before.config, f"stage {name}"
    if isinstance(stage, AutoencoderStage | MaskAutoencoderStage | TextAutoencoderStage):
        part = "autoencoder_text"
        if not isinstance(stage, TextAutoencoderStage):
            part = f"autoencoder_{stage.name}" + ("_mask" if isinstance(stage, MaskAutoencoderStage) else "")
        if part not in config.parts:
            known = [other for other in config.parts if other.startswith("autoencoder_")]
            raise UserError(f"{where}: the model has no {part}{nearest(part, known)}")
        return Planned(name, stage, (part,))
    if isinstance(stage, AlignmentStage):
        _check_pair(stage.pair, config_modalities(config), where)
        _check_records(stage.pair, before.counts, where)
        sides = _sides(stage.pair, stage.train, "encoder", before.touched, where)
        kept = _parts(["encoder"], [side for side in stage.pair if side not in sides])
        if stage.text_start == "autoencoder":
            if TEXT not in sides or encoder_of(TEXT) in before.trained:
                raise UserError(f"{where}: text_start: this stage trains no new text encoder; leave it out")
            kept = (*kept, "autoencoder_text")
        return Planned(name, stage, _parts(["encoder"], sides), kept)
    if isinstance(stage, FlowStage):
        return _plan_flow(before, stage, name)
    return _plan_round(before, stage, name)


def _plan_round(before: _Before, stage: RoundStage, name: str) -> Planned:
    """A round prompts each of its frozen flows as that one was trained to be, but not by the other side."""
    config, where = before.config, f"stage {name}"
    _check_pair(stage.pair, [flow.name for flow in config.flows], where)
    _check_records(stage.pair, before.counts, where)
    conditions = {}
    for side in stage.pair:
        asked = stage.condition if stage.condition is not None else before.prompted.get(side)
        if stage.condition is None and asked is not None:
            asked = tuple(one for one in asked if one not in stage.pair)
        conditions[side] = _conditions(before, asked, (side, *stage.pair), before.trained, where)
    sides = _sides(stage.pair, stage.train, "context", before.touched, where)
    others = [side for side in stage.pair if side not in sides]
    takes = [*_parts(["flow", "encoder"], stage.pair), *_parts(_GUIDANCE, others)]
    takes += [encoder for of_side in conditions.values() for encoder in _encoders(of_side)]
    takes += [group.autoencoder for side in stage.pair for group in config.flow(side).groups]
    return Planned(name, stage, _parts(_GUIDANCE, sides), tuple(dict.fromkeys(takes)), conditions)


def _plan_flow(before: _Before, stage: FlowStage, name: str) -> Planned:
    config, where = before.config, f"stage {name}"
    flows = [flow.name for flow in config.flows]
    if stage.modality not in flows:
        raise UserError(f"{where}: the model has no flow {stage.modality!r}{nearest(stage.modality, flows)}")
    if before.counts.get(frozenset({stage.modality}), 0) == 0:
        raise UserError(f"{where}: no training record has {stage.modality}")
    known = before.trained if stage.central else {f"encoder_{modality}" for modality in config_modalities(config)}
    conditions = _conditions(before, stage.condition, (stage.modality,), known, where)
    encoders = _encoders(conditions)
    fresh = () if stage.central else tuple(part for part in encoders if part not in before.trained)
    takes = [group.autoencoder for group in config.flow(stage.modality).groups]
    takes += [part for part in encoders if part not in fresh]
    if stage.invariant and not set(fresh) - {encoder_of(TEXT)}:
        raise UserError(f"{where}: invariant: it trains no image encoder; leave it out, or add an image to condition")
    trains = (f"flow_{stage.modality}", *fresh)
    return Planned(name, stage, trains, tuple(dict.fromkeys(takes)), {stage.modality: conditions})


def config_modalities(config: Config) -> tuple[str, ...]:
    """Those with a prompt encoder: ``text``, which every model has, and the images'."""
    return (TEXT, *(flow.name for flow in config.images()))


def encoder_of(condition: str) -> str:
    """The part that embeds a condition; labels are read as text."""
    return f"encoder_{TEXT if condition == LABELS else condition}"


def _encoders(conditions: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(encoder_of(condition) for condition in conditions))


def _parts(kinds: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    return tuple(f"{kind}_{name}" for kind in kinds for name in names)


def _conditions(
    before: _Before, asked: Sequence[str] | None, own: Sequence[str], known: set[str], where: str
) -> tuple[str, ...]:
    possible, counts = [*config_modalities(before.config), LABELS], before.counts
    if asked is not None:
        for condition in asked:
            if condition not in possible:
                raise UserError(f"{where}: nothing conditions by {condition!r}{nearest(condition, possible)}")
            _check_records((condition, own[0]), counts, where)
        return tuple(dict.fromkeys(asked))
    others = [condition for condition in possible if condition not in own]
    paired = [other for other in others if any(counts.get(frozenset({other, one}), 0) for one in own)]
    return tuple(condition for condition in paired if encoder_of(condition) in known)


def _check_pair(pair: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in pair:
        if name not in known:
            raise UserError(f"{where}: the model has no {name!r}{nearest(name, known)}")
    if pair[0] == pair[1]:
        raise UserError(f"{where}: a pair of two, not {pair[0]} with itself")


def _check_records(names: Sequence[str], counts: Counts, where: str) -> None:
    if counts.get(frozenset(names), 0) == 0:
        raise UserError(f"{where}: no training record has {' and '.join(dict.fromkeys(names))}")


def _sides(
    pair: Sequence[str], asked: Sequence[str] | None, kind: str, touched: set[str], where: str
) -> tuple[str, ...]:
    if asked is not None:
        wrong = [name for name in asked if name not in pair]
        if wrong or not asked:
            raise UserError(f"{where}: train names {' or '.join(pair)}, or both; not {', '.join(wrong) or 'none'}")
        return tuple(name for name in pair if name in asked)
    fresh = tuple(name for name in pair if f"{kind}_{name}" not in touched)
    return fresh or (pair[1],)
