"""Where each stroke of a picture goes, in the units of its SVG; the template picture.svg.j2 puts them down.

A report of each student has some, so they are drawn in a moment and without matplotlib, which takes half a second to
import. They say with words what they show (`says`, for those who hear the page), with patterns and numbers what
colours say, and take their colours from the page. Numbers come from a student's code, checked by `autograder.pictures`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autograder.pictures import HeatMap, Lines, Picture

_LETTER = 7.0  # about as wide as a letter of 12 units
_CELL = 46.0
_DARKEST = 0.5  # so that a number on it can still be read
_WIDTH, _HEIGHT = 420.0, 230.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 48.0, 26.0, 10.0, 40.0
_DECADES = 18  # of a logarithmic axis; what is smaller lies on the lowest line
_TICKS = 6
_LONG = 100  # from where on numbers lose their decimals
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    text: str
    anchor: str = "middle"
    quiet: bool = False
    turned: int = 0  # degrees


@dataclass(frozen=True)
class Cell:
    x: float
    y: float
    size: float
    shade: float


@dataclass(frozen=True)
class Stroke:
    """A line through points; `pattern` is the number of its style, None that of an axis."""

    points: str
    pattern: int | None = None


@dataclass(frozen=True)
class Drawing:
    """A picture, ready for the page."""

    title: str
    caption: str
    says: str
    width: float
    height: float
    texts: tuple[Text, ...]
    cells: tuple[Cell, ...] = ()
    strokes: tuple[Stroke, ...] = ()


def drawn(picture: Picture) -> Drawing:
    return _map(picture) if isinstance(picture, HeatMap) else _lines(picture)


def _map(picture: HeatMap) -> Drawing:
    left = _LETTER * max(map(len, picture.rows)) + 10
    long = max(map(len, picture.columns))
    turned = long * _LETTER > _CELL
    top = _LETTER * long * 0.7 + 14 if turned else 22.0
    texts, cells = [], []
    for c, name in enumerate(picture.columns):
        x = left + (c + 0.5) * _CELL
        texts.append(Text(x, top - 8, name, "start", turned=-45) if turned else Text(x, top - 8, name))
    for r, (name, row) in enumerate(zip(picture.rows, picture.values, strict=True)):
        y = top + r * _CELL
        texts.append(Text(left - 8, y + _CELL / 2 + 4, name, "end"))
        for c, value in enumerate(row):
            cells.append(Cell(left + c * _CELL, y, _CELL, round(_DARKEST * min(max(value, 0.0), 1.0), 3)))
            texts.append(Text(left + (c + 0.5) * _CELL, y + _CELL / 2 + 4, short(value), quiet=value == 0))
    width = left + len(picture.columns) * _CELL + (long * _LETTER * 0.5 if turned else 4)
    said = (
        f"{name}: {', '.join(f'{column} {short(value)}' for column, value in zip(picture.columns, row, strict=True))}"
        for name, row in zip(picture.rows, picture.values, strict=True)
    )
    return Drawing(
        picture.title,
        picture.says,
        f"{picture.title}. {'. '.join(said)}.",
        width,
        top + len(picture.rows) * _CELL + 4,
        tuple(texts),
        tuple(cells),
    )


def _lines(picture: Lines) -> Drawing:
    steps = max(len(values) for _, values in picture.lines)
    places = [_height(value, picture.logarithmic) for _, values in picture.lines for value in values]
    known = [place for place in places if place is not None] or [0.0]
    high = max(known)
    low = max(min(known), high - _DECADES) if picture.logarithmic else min(known)
    if picture.logarithmic:
        low, high = math.floor(low), math.ceil(high)
    if high == low:
        low, high = low - 1, high + 1

    def x(step: int) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (step - 1) / max(steps - 1, 1), 1)

    def y(place: float | None) -> float:
        place = low if place is None else max(place, low)
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (place - low) / (high - low), 1)

    strokes = [Stroke(f"{_LEFT},{_TOP} {_LEFT},{y(low)} {_WIDTH - _RIGHT},{y(low)}")]
    texts = [Text(_LEFT - 6, y(at) + 4, name, "end", quiet=True) for at, name in _ticks(low, high, picture.logarithmic)]
    texts += [Text(x(step), y(low) + 16, str(step), quiet=True) for step in _steps(steps)]
    texts.append(Text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, picture.across, quiet=True))
    start = _LEFT
    for pattern, (name, values) in enumerate(picture.lines):
        points = " ".join(f"{x(n)},{y(_height(value, picture.logarithmic))}" for n, value in enumerate(values, 1))
        strokes += [Stroke(points, pattern), Stroke(f"{start},{8} {start + 26},{8}", pattern)]
        texts.append(Text(start + 32, 12, name, "start"))
        start += 32 + _LETTER * len(name) + 22
    said = (f"{name}: {', '.join(_told(values))}" for name, values in picture.lines)
    return Drawing(
        picture.title,
        f"{picture.says} Upwards: {picture.up}{', on a logarithmic scale' * picture.logarithmic}.",
        f"{picture.title}. {picture.up} by {picture.across}: {'. '.join(said)}.",
        _WIDTH,
        _HEIGHT,
        tuple(texts),
        strokes=tuple(strokes),
    )


def _height(value: float, logarithmic: bool) -> float | None:
    """Where a value stands; None at the bottom, where a logarithm has none."""
    if not logarithmic:
        return value
    return math.log10(value) if value > 0 else None


def _ticks(low: float, high: float, logarithmic: bool) -> Iterator[tuple[float, str]]:
    if logarithmic:
        first, last = math.floor(low), math.ceil(high)
        for power in range(first, last + 1, max(1, math.ceil((last - first) / _TICKS))):
            yield power, str(10**power) if 0 <= power <= 3 else f"10{str(power).translate(_RAISED)}"
    else:
        for part in range(_TICKS):
            at = low + (high - low) * part / (_TICKS - 1)
            yield at, short(at)


def _steps(steps: int) -> list[int]:
    every = next(each for each in (1, 2, 5, 10, 20, 50) if steps / each <= 10)
    return [step for step in range(1, steps + 1) if step == 1 or step % every == 0]


def _told(values: Sequence[float]) -> Iterator[str]:
    """Five of the values, in words."""
    last = len(values) - 1
    for at in sorted({round(last * part / 4) for part in range(5)}):
        yield f"{values[at]:.2g} at {at + 1}"


def short(value: float) -> str:
    """In a cell: 0.92, 12, 3e+05; 0 and 1 only where it is that, 0.00 and 1.00 where it is nearly."""
    if value == int(value) and abs(value) < _LONG:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < _LONG else f"{value:.0e}"
