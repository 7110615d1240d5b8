"""A line chart as an SVG picture, to stand in a page whose style has its colours.

Curves have the classes ``c0`` to ``c7``, and ``again`` where these begin anew.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gage.axis import mark_texts, round_marks
from gage.markup import as_text
from gage.series import thinned

WIDTH, HEIGHT = 560, 280
COLOURS = 8

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 12, 46
_MOST_POINTS = 800


class Curve(NamedTuple):
    """A line through *points*, of the colour *number*; *name* is told where it is touched."""

    name: str
    number: int
    points: Sequence[tuple[float, float]]


def curve_class(number: int) -> str:
    """The classes of the curve that has this number, and of what stands for it elsewhere."""
    return f"c{number % COLOURS}" + (" again" if number >= COLOURS else "")


def svg_chart(name: str, below: str, curves: Sequence[Curve]) -> str:
    """The chart of *curves*, each with a point at least, over the axis called *below*."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    across, up = (
        _Scale(min(xs), max(xs), _LEFT, WIDTH - _RIGHT),
        _Scale(min(ys), max(ys), HEIGHT - _BOTTOM, _TOP),
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{as_text(name)}">',
    ]
    for mark, text in _marks(round_marks(up.low, up.high, 5)):
        y = up.at(mark)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="up" x="{_LEFT - 8}" y="{y}" dy="0.32em">{text}</text>')
    for mark, text in _marks(round_marks(across.low, across.high, 6, whole=True)):
        x = across.at(mark)
        parts.append(f'<text x="{x}" y="{HEIGHT - _BOTTOM + 20}">{text}</text>')
    bottom, right = HEIGHT - _BOTTOM + 4, WIDTH - _RIGHT
    parts.append(f'<line class="base" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}">{as_text(below)}</text>')
    parts += [_drawn(curve, across, up) for curve in curves]
    return "".join([*parts, "</svg>"])


def _marks(marks: list[float]) -> Iterator[tuple[float, str]]:
    return zip(marks, map(as_text, mark_texts(marks)), strict=True)


class _Scale(NamedTuple):
    low: float
    high: float
    start: float
    stop: float

    def at(self, value: float) -> float:
        if self.low == self.high:
            return (self.start + self.stop) / 2
        # Halved, since the distance between the two may be more than a number can be.
        part = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return round(self.start + part * (self.stop - self.start), 1)


def _drawn(curve: Curve, across: _Scale, up: _Scale) -> str:
    places = [(across.at(x), up.at(y)) for x, y in thinned(curve.points, _MOST_POINTS)]
    line = "M" + "L".join(f"{x} {y}" for x, y in places)
    x, y = places[-1]
    return (
        f'<g class="curve {curve_class(curve.number)}"><title>{as_text(curve.name)}</title>'
        f'<path d="{line}"/><circle cx="{x}" cy="{y}" r="3"/></g>'
    )
