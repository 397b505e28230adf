"""How far two readers agree beyond chance: Cohen's kappa with quadratic weights, on points.

kappa = 1 - (mean squared difference) / (mean squared difference if each answer met a random one of the other's
points). 1 is full agreement, 0 is chance. (Cohen 1968, weights of the squared difference.)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from autograder.gradebook.settling import Decision


@dataclass(frozen=True)
class Agreement:
    """Two readers of one question: how many answers both have read, how many alike, and kappa.

    `kappa` is None where it says nothing: both gave the same points to everything, or nothing was read by both.
    """

    readers: tuple[str, str]
    both: int
    alike: int
    kappa: float | None


def quadratic_kappa(one: Sequence[Fraction], other: Sequence[Fraction]) -> float | None:
    """Kappa of two readers' points for the same answers, in the same order."""
    if len(one) != len(other):
        raise ValueError(f"{len(one)} points against {len(other)}")
    number = len(one)
    observed = sum(((a - b) ** 2 for a, b in zip(one, other, strict=True)), Fraction(0)) * number
    # the sum over all pairs of (a - b)^2, without going through the pairs
    squares = sum((a * a for a in one), Fraction(0)) + sum((b * b for b in other), Fraction(0))
    by_chance = number * squares - 2 * sum(one, Fraction(0)) * sum(other, Fraction(0))
    return float(1 - observed / by_chance) if by_chance else None


def agreements(decisions: Iterable[Decision]) -> list[Agreement]:
    """For each two readers, from their latest decisions on one question, answers' current texts alone."""
    points: dict[str, dict[str, Fraction]] = {}
    for decision in decisions:
        if decision.counts and not decision.agreed:
            points.setdefault(decision.reader, {})[decision.student] = decision.points
    found = []
    for one, other in combinations(sorted(points), 2):
        both = [student for student in points[one] if student in points[other]]
        if both:
            mine, theirs = [points[one][name] for name in both], [points[other][name] for name in both]
            alike = sum(a == b for a, b in zip(mine, theirs, strict=True))
            found.append(Agreement((one, other), len(both), alike, quadratic_kappa(mine, theirs)))
    return found
