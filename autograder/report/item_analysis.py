"""How each item did with the class: its difficulty, and whether it separates strong from weak.

The two figures of classical test theory, under their usual names:

difficulty p      the mean share of the marks, 0 (nobody got any) to 1 (everybody got all)
discrimination r  the correlation of that share with the marks of all other items (corrected item-total correlation;
                  the point-biserial where an item gives all marks or none)

They describe items and enter no mark, so floats do. An item of which anything waits for a reader has no figures yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from statistics import StatisticsError, correlation, fmean

from autograder.results import Result

FEWEST = 10  # with fewer students a correlation says nothing
ROUGH = 30
_HARD, _EASY, _WEAK = 0.25, 0.95, 0.2


@dataclass(frozen=True)
class ItemFigures:
    """`r` is None where it cannot be had: too few students, or all with the same marks."""

    students: int = 0
    p: float | None = None
    r: float | None = None

    @property
    def remark(self) -> str:
        """What the figures say to somebody who looks for items to mend, or nothing."""
        if self.students < FEWEST:
            return ""
        remarks = []
        if self.r is not None and self.r < 0:
            remarks.append("negative: the strong lose it more often than the weak")
        elif self.r is not None and self.r < _WEAK:
            remarks.append("hardly separates")
        if self.p is not None and self.p < _HARD:
            remarks.append("hard")
        elif self.p is not None and self.p > _EASY:
            remarks.append("easy")
        return ", ".join(remarks)


def figures(graded: Sequence[Result]) -> dict[str, ItemFigures]:
    """By item, what its marks and those of the others are to each other."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for result in graded:
        total = sum((item.score for item in result.items), Fraction(0))
        for item in result.items:
            own = pairs.setdefault(item.id, [])
            if item.max_score:
                own.append((float(item.score / item.max_score), float(total - item.score)))
    waiting = {item.id for result in graded for item in result.items if item.pending}
    return {item: _figures(own) if item not in waiting else ItemFigures() for item, own in pairs.items()}


def _figures(pairs: Sequence[tuple[float, float]]) -> ItemFigures:
    if not pairs:
        return ItemFigures()
    shares, others = zip(*pairs, strict=True)
    r = None
    if len(pairs) >= FEWEST:
        try:
            r = correlation(shares, others)
        except StatisticsError:  # all the same
            r = None
    return ItemFigures(len(pairs), fmean(shares), r)


def caution(students: int) -> str:
    """How far discriminations can be trusted with so many students, in plain words; nothing where they can."""
    if students < FEWEST:
        return f"Discrimination is not shown: it takes at least {FEWEST} graded students to say anything."
    if students < ROUGH:
        return (
            f"With {students} students a discrimination can be off by {2 / sqrt(students):.1f} by chance alone: "
            "take it as a hint where to look, no more."
        )
    return ""
