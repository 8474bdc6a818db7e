"""A forest plot: an estimate and its intervals a line, against the line of no difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_ROW, _LEFT, _WIDE, _RIGHT, _TOP, _BOTTOM = 24, 190, 480, 190, 12, 46
_BLUE, _ORANGE, _GREY = "#0b62a4", "#b3570a", "#666666"
"""Apart for the colour-blind too, and by the shape of the mark."""


@dataclass(frozen=True)
class Estimate:
    """A line of the plot.

    Attributes:
        low, high: of the thin line with ends; None where there is none.
        band: low and high of the pale band behind it.
        words: on the right.
    """

    label: str
    mean: float
    low: float | None = None
    high: float | None = None
    band: tuple[float, float] | None = None
    words: str = ""


def forest(estimates: Sequence[Estimate], axis: str, most: float = 1.0) -> str:
    """The SVG; nothing in it is fetched, and every word is escaped.

    Estimates that lie above 0 with their whole interval have a blue dot, those below an orange square, others a grey
    ring.

    Args:
        axis: what the numbers are.
        most: no difference can be larger; intervals beyond are cut there.

    Raises:
        ValueError: there is no estimate.
    """
    if not estimates:
        raise ValueError("a forest plot needs an estimate")
    reach = [abs(end) for each in estimates for end in (each.mean, each.low, each.high, *(each.band or ())) if end]
    step = _step(min(max(reach, default=0.0), most))
    limit = step * math.ceil(min(max(reach, default=0.0), most) / step - 1e-9) or step
    height = _TOP + _ROW * len(estimates) + _BOTTOM
    body = "".join(_axis(limit, step, height, axis)) + "".join(
        _line(each, _TOP + _ROW * (place + 0.5), limit) for place, each in enumerate(estimates)
    )
    wide = _LEFT + _WIDE + _RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{height}" viewBox="0 0 {wide} {height}" '
        f'font-family="sans-serif" font-size="13"><rect width="{wide}" height="{height}" fill="white"/>{body}</svg>'
    )


def _step(reach: float) -> float:
    """1, 2 or 5 times a power of ten: two to five of them reach so far."""
    if reach <= 0:
        return 0.01
    power: float = 10.0 ** math.floor(math.log10(reach / 2))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= reach / 2 * (1 + 1e-9))


def _at(value: float, limit: float) -> float:
    return _LEFT + _WIDE * (1 + max(-1.0, min(1.0, value / limit))) / 2


def _axis(limit: float, step: float, height: int, words: str) -> Iterator[str]:
    floor = height - _BOTTOM
    ticks = round(limit / step)
    for tick in range(-ticks, ticks + 1):
        x = _at(tick * step, limit)
        stroke = "#333333" if tick == 0 else "#dddddd"
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{floor}" stroke="{stroke}"/>'
        said = f"{tick * step:+.{max(0, -math.floor(math.log10(step) + 1e-9))}f}" if tick else "0"
        yield f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle" fill="{_GREY}">{said}</text>'
    yield f'<text x="{_at(0, limit):.1f}" y="{floor + 36}" text-anchor="middle">{escape(words)}</text>'


def _line(each: Estimate, y: float, limit: float) -> str:
    drawn = []
    if each.band is not None:
        left, right = (_at(end, limit) for end in each.band)
        drawn.append(
            f'<rect x="{left:.1f}" y="{y - 7}" width="{max(right - left, 1):.1f}" height="14" fill="#e3e3ea"/>'
        )
    colour = _colour(each)
    if each.low is not None and each.high is not None:
        left, right = _at(each.low, limit), _at(each.high, limit)
        drawn.append(f'<path d="M{left:.1f} {y}H{right:.1f}" stroke="{colour}" stroke-width="1.5"/>')
        # An end that lies beyond the axis has no cap.
        for end, x in ((each.low, left), (each.high, right)):
            if abs(end) <= limit * (1 + 1e-9):
                drawn.append(f'<path d="M{x:.1f} {y - 4}v8" stroke="{colour}" stroke-width="1.5"/>')
    drawn.append(_mark(_at(each.mean, limit), y, colour))
    drawn.append(f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(each.label)}</text>')
    drawn.append(f'<text x="{_LEFT + _WIDE + 14}" y="{y + 4}" fill="{_GREY}">{escape(each.words)}</text>')
    return "".join(drawn)


def _colour(each: Estimate) -> str:
    if each.low is None or each.high is None or each.low <= 0 <= each.high:
        return _GREY
    return _BLUE if each.low > 0 else _ORANGE


def _mark(x: float, y: float, colour: str) -> str:
    if colour == _ORANGE:
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5}" width="9" height="9" fill="{colour}"/>'
    fill = "white" if colour == _GREY else colour
    return f'<circle cx="{x:.1f}" cy="{y}" r="4.5" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'
