"""Pictures of what a student's own functions give: numbers and words only, drawn when a report is.

A picture is made by a function of the unit's tests/pictures/TOPIC.py, which asks the student's code as a hidden test
does and hands what came back to `heat_map` or `lines`. Everything else in a picture is the unit's and public. Numbers
are checked and rounded here, before they are kept: from then on they are a few floats of the size that was expected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_MOST_CELLS = 24  # in a row or column of a map
_MOST_LINES = 4  # told apart without colour
_MOST_POINTS = 100


class NoPicture(Exception):
    """What came back is nothing that can be drawn."""


@dataclass(frozen=True)
class HeatMap:
    """A number for each row and column, dark where it is near 1 and light near 0."""

    title: str
    says: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    kind: Literal["map"] = "map"


@dataclass(frozen=True)
class Lines:
    """Numbers for the steps 1, 2, ... by the name of their line; `across` and `up` say what the axes are."""

    title: str
    says: str
    across: str
    up: str
    lines: tuple[tuple[str, tuple[float, ...]], ...]
    logarithmic: bool = False
    kind: Literal["lines"] = "lines"


Picture = HeatMap | Lines


def heat_map(title: str, says: str, rows: Sequence[str], columns: Sequence[str], values: Any) -> HeatMap:
    """A map of what the student's code gave; `NoPicture` where that is no array of finite numbers of this size."""
    if max(len(rows), len(columns)) > _MOST_CELLS:
        raise ValueError(f"a map has at most {_MOST_CELLS} rows and columns")
    table = _numbers(values, (len(rows), len(columns)))
    return HeatMap(title, says, tuple(rows), tuple(columns), tuple(map(_rounded, table)))


def lines(
    title: str, says: str, across: str, up: str, values: Mapping[str, Any], steps: int, logarithmic: bool = False
) -> Lines:
    """Lines of what the student's code gave, `steps` numbers each; `NoPicture` where one is anything else."""
    if len(values) > _MOST_LINES or steps > _MOST_POINTS:
        raise ValueError(f"at most {_MOST_LINES} lines of {_MOST_POINTS} points")
    found = tuple((name, _rounded(_numbers(given, (steps,)))) for name, given in values.items())
    return Lines(title, says, across, up, found, logarithmic)


def _numbers(value: Any, shape: tuple[int, ...]) -> Any:
    """An array of finite floats, from a NumPy array, a tensor or lists of numbers."""
    import numpy as np  # what only reads results does without

    try:
        if hasattr(value, "detach"):
            value = value.detach().double()
        array = np.asarray(value)
    except Exception as error:  # lists of different lengths, a handle, a kind of number that NumPy does not know
        raise NoPicture(type(error).__name__) from None
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise NoPicture(f"shape {array.shape}, {array.dtype}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise NoPicture("not finite")
    return array


def _rounded(row: Any) -> tuple[float, ...]:
    """Three digits: nobody sees more, and the last ones differ between machines."""
    return tuple(float(f"{number:.3g}") + 0.0 for number in row.tolist())
