"""Marks in whole numbers, for places that take nothing else.

Where all marks of a result are whole, they stay; else the unit is a hundredth of a mark. The parts add up to the total
exactly: a running sum is rounded, not each part. The cap on extra credit and lateness are spread over the parts.
"""

from dataclasses import dataclass
from fractions import Fraction

from autograder.results import ItemResult, Result

HUNDREDTHS = "Numbers are hundredths of a mark, since this place takes whole numbers only."


@dataclass(frozen=True)
class Part:
    """One item in whole numbers. Extra credit has no maximum of its own: it comes on top."""

    item: ItemResult
    score: int
    max_score: int


@dataclass(frozen=True)
class Whole:
    """A result in whole numbers, `scale` of them to a mark."""

    scale: int
    score: int
    max_score: int
    parts: tuple[Part, ...]


def whole(result: Result) -> Whole:
    """The result in whole numbers; the total is rounded half to even, as everywhere."""
    marks = [result.score, *(mark for item in result.items for mark in (item.score, item.max_score))]
    scale = 1 if all(mark.denominator == 1 for mark in marks) else 100
    earned = sum((item.score for item in result.items), Fraction(0))
    counts = result.score / earned if earned else Fraction(0)
    scores = _running([item.score * counts * scale for item in result.items])
    most = _running([Fraction(0) if item.extra else item.max_score * scale for item in result.items])
    parts = tuple(map(Part, result.items, scores, most))
    return Whole(scale, sum(scores), sum(most), parts)


def _running(values: list[Fraction]) -> list[int]:
    """Whole numbers near the values whose sum is the rounded sum."""
    so_far, given, parts = Fraction(0), 0, []
    for value in values:
        so_far += value
        parts.append(round(so_far) - given)
        given = round(so_far)
    return parts
