"""Line charts over time as SVG. Colours are set by stylesheet classes, because the page's security policy forbids inline styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

Points = Sequence[tuple[int, float]]

WIDTH: Final = 560
HEIGHT: Final = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 8, 10, 20
_LINES: Final = 3


def chart(title: str, lines: Mapping[str, Points]) -> Markup:
    """Return a line chart as SVG.

    Arguments:
        title: describes the chart for screen readers.
        lines: the points of each line. A point is a time in milliseconds and a value.
    """
    times = [time for points in lines.values() for time, _value in points]
    if len(set(times)) < 2:
        return Markup('<p class="quiet">Two samples make a line; the next one comes in a moment.</p>')
    top = nice(max((value for points in lines.values() for _time, value in points), default=0.0))
    first, last = min(times), max(times)
    parts = [Markup('<svg class="chart" viewBox="0 0 {} {}" role="img"><title>{}</title>').format(WIDTH, HEIGHT, title)]
    parts += _grid(top)
    for number, (_name, points) in enumerate(lines.items()):
        placed = " ".join(f"{_x(time, first, last):.1f},{_y(value, top):.1f}" for time, value in points)
        parts.append(Markup('<polyline class="line line{}" points="{}"/>').format(number, placed))
    span = (last - first) / 1000
    parts.append(Markup('<text class="axis" x="{}" y="{}">{:.0f} s ago</text>').format(_LEFT, HEIGHT - 5, span))
    parts.append(Markup('<text class="axis end" x="{}" y="{}">now</text></svg>').format(WIDTH - _RIGHT, HEIGHT - 5))
    return Markup("").join(parts)


def _grid(top: float) -> list[Markup]:
    parts = []
    for number in range(_LINES):
        value = top * number / (_LINES - 1)
        height = _y(value, top)
        parts.append(Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, WIDTH - _RIGHT, height, height))
        parts.append(Markup('<text class="axis end" x="{}" y="{:.1f}">{}</text>').format(_LEFT - 5, height + 4, short(value)))
    return parts


def _x(time: int, first: int, last: int) -> float:
    return _LEFT + (time - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, top: float) -> float:
    return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)


def nice(value: float) -> float:
    """Round a number up to 1, 2 or 5 times a power of 10, for the scale of an axis."""
    step = 1.0
    while step < value:
        for factor in (2, 5, 10):
            if step * factor >= value:
                return step * factor
        step *= 10
    return step


def reading(value: float) -> str:
    """Format the latest value of a line. Only small non-integer values have a decimal place."""
    return f"{value:,.0f}" if value.is_integer() or value >= 100 else f"{value:.1f}"


def short(value: float) -> str:
    """Format a number with a suffix for thousands, millions or billions."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"
