"""What a report must hold: ``kid<0.05``, ``copy_rate<=floor``, ``precision_recall.recall@xray>=0.6``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthmed.errors import UserError
from synthmed.evaluation.metric import Figure

_OPERATORS: Mapping[str, Any] = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_FLOORS = ("floor", "floor_low", "floor_high")
_GATE = re.compile(
    r"""\s* (?P<metric>[A-Za-z0-9_-]+)
        (?: \. (?: "(?P<quoted>[^"]+)" | (?P<part>[^@"<>.\s][^@"<>]*?) ) )?
        (?P<scopes>(?: \s* @ (?: "[^"]+" | [^@"<>\s][^@"<>]*? ) )*)
        \s* (?P<operator><=|>=|<|>) \s* (?P<bound>\S+) \s*""",
    re.VERBOSE,
)
_SCOPE = re.compile(r'@(?:"([^"]+)"|([^@"<>]+))')


@dataclass(frozen=True)
class Gate:
    """A requirement.

    Attributes:
        metric, part: whose figures it is of; without a part, the metric's figure of no part.
        scope: values that a figure's scope must all have, as ``xray`` and ``mass``; all its figures if empty.
        operator: ``<``, ``<=``, ``>`` or ``>=``.
        bound: a number, or the figure's own ``floor``, ``floor_low`` or ``floor_high``.
    """

    metric: str
    operator: str
    bound: float | str
    part: str = ""
    scope: tuple[str, ...] = ()

    def __str__(self) -> str:
        bound = self.bound if isinstance(self.bound, str) else repr(self.bound)
        part = f".{_quoted(self.part)}" if self.part else ""
        return f"{self.metric}{part}{''.join(f'@{_quoted(value)}' for value in self.scope)}{self.operator}{bound}"


@dataclass(frozen=True)
class Verdict:
    """What a gate says of one figure, or of none.

    Attributes:
        found: the value beside its bound, or what is missing.
        held: False too for what is missing.
    """

    gate: Gate
    found: str
    held: bool

    def __str__(self) -> str:
        return f"{'held' if self.held else 'MISSED'}: {self.gate}: {self.found}"


def parse_gate(text: str) -> Gate:
    """``metric[.part][@scope…] operator bound``; a part or scope with other signs stands in double quotes.

    Raises:
        UserError: it is not of this form.
    """
    match = _GATE.fullmatch(text)
    bound = _bound(match["bound"]) if match else None
    if match is None or bound is None:
        raise UserError(
            f"--require {text!r}: write METRIC[.PART][@SCOPE] < NUMBER, with <, <=, > or >=, and a number, floor, "
            "floor_low or floor_high; as kid<0.05, precision_recall.recall@xray>=0.6"
        )
    scope = tuple(quoted or plain.strip() for quoted, plain in _SCOPE.findall(match["scopes"]))
    part = match["quoted"] or (match["part"] or "").strip()
    return Gate(match["metric"], match["operator"], bound, part, scope)


def judge(gates: Sequence[Gate], figures: Iterable[Figure]) -> list[Verdict]:
    """A verdict of every gate and every figure that it is of; one that is of none is missed."""
    figures = list(figures)
    verdicts = []
    for gate in gates:
        own = [figure for figure in figures if figure.metric == gate.metric]
        asked = [figure for figure in own if _asked(gate, figure)]
        verdicts += [_verdict(gate, figure) for figure in asked] or [Verdict(gate, _nothing(gate, own), False)]
    return verdicts


def _verdict(gate: Gate, figure: Figure) -> Verdict:
    where = f"{', '.join(figure.scope.values())}: " if figure.scope else ""
    if figure.value is None:
        return Verdict(gate, f"{where}no value{f' ({figure.note})' if figure.note else ''}", False)
    bound = gate.bound if isinstance(gate.bound, float) else getattr(figure, gate.bound)
    if bound is None:
        return Verdict(gate, f"{where}{figure.value:.4g}, but there is no {gate.bound}", False)
    name = f"{gate.bound} " if isinstance(gate.bound, str) else ""
    held = bool(_OPERATORS[gate.operator](figure.value, bound))
    return Verdict(gate, f"{where}{figure.value:.4g} against {name}{bound:.4g} (n = {figure.n})", held)


def _asked(gate: Gate, figure: Figure) -> bool:
    return figure.part == gate.part and set(gate.scope) <= set(figure.scope.values())


def _nothing(gate: Gate, own: Sequence[Figure]) -> str:
    for figure in own:
        # A metric that was left out has one figure, which says why.
        if figure.value is None and not figure.scope and figure.note:
            return f"no value ({figure.note})"
    parts = sorted({figure.part or "(none)" for figure in own})
    scopes = sorted({value for figure in own for value in figure.scope.values()})
    there = f"; its parts: {', '.join(parts)}; its scopes: {', '.join(scopes) or 'none'}" if own else ""
    return f"no such figure{there}"


def _bound(text: str) -> float | str | None:
    if text in _FLOORS:
        return text
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+(?:[ .-][A-Za-z0-9_-]+)*", text) else f'"{text}"'
