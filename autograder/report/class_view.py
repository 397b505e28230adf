"""What the class page says: each student's row, how each item did, and what an instructor should look at.

The page is the instructor's, so that tests which students do not see are told here by name. Values that tests saw are
in the notes and not on this page.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median, quantiles

from autograder.report import item_analysis
from autograder.report.for_student import for_student
from autograder.report.item_analysis import ItemFigures
from autograder.report.seen import Seen, Who
from autograder.report.summary import CLAIM_WORDS, topic_title
from autograder.report.text import clean
from autograder.results import ItemResult, Result, Status
from autograder.spec import Unit

SLOWEST = 12
_TOO_LITTLE = 0.1  # seconds that are not worth a line


@dataclass(frozen=True)
class StudentRow:
    result: Result
    who: Who
    topics: dict[str, Fraction]  # the marks by topic, without extra credit


@dataclass(frozen=True)
class ItemRow:
    """How many students have an item in full, in part, not at all, not started, or waiting for a reader."""

    id: str
    extra: bool
    full: int
    part: int
    none: int
    idle: int
    waiting: int
    figures: ItemFigures


@dataclass(frozen=True)
class Misconception:
    """A mistake that reports named, and whose they were."""

    item: str
    says: str
    students: tuple[Who, ...]


@dataclass(frozen=True)
class Ended:
    """An item's tests that were stopped for their time, or whose process ended."""

    item: str
    status: Status
    claims: tuple[str, ...]
    students: tuple[Who, ...]

    @property
    def words(self) -> str:
        return CLAIM_WORDS[self.status]


@dataclass(frozen=True)
class Waiting:
    """An item that waits for a reader."""

    item: str
    students: int
    points: Fraction  # for one student


@dataclass(frozen=True)
class Slow:
    """A test's time over the class, in seconds, and who took longest."""

    item: str
    claim: str
    typical: float
    longest: float
    who: Who


@dataclass(frozen=True)
class Problem:
    """What was wrong with what students handed in, in the words that they were told."""

    says: str
    students: tuple[Who, ...]


@dataclass(frozen=True)
class ClassView:
    students: tuple[StudentRow, ...]
    topics: tuple[tuple[str, str], ...]  # name and title, in order
    items: tuple[ItemRow, ...]
    caution: str
    misconceptions: tuple[Misconception, ...]
    ended: tuple[Ended, ...]
    waiting: tuple[Waiting, ...]
    slow: tuple[Slow, ...]
    problems: tuple[Problem, ...]
    graded: int
    median: Fraction | None
    middle: tuple[Fraction, Fraction] | None  # the quartiles

    @property
    def pending(self) -> Fraction:
        """All points that wait for a reader."""
        return sum((each.points * each.students for each in self.waiting), Fraction(0))


def class_view(seen: Seen, unit: Unit) -> ClassView:
    """The page for a class as it was graded."""
    shown = [for_student(result) for result in seen.results]
    graded = [result for result in shown if result.graded]
    names = dict.fromkeys(item.topic for result in graded for item in result.items if not item.extra)
    scores = [result.score for result in graded]
    return ClassView(
        students=tuple(
            StudentRow(result, who, _by_topic(result)) for who, result in zip(seen.people, shown, strict=True)
        ),
        topics=tuple((name, topic_title(unit, name)) for name in names),
        items=_item_rows(graded),
        caution=item_analysis.caution(len(graded)),
        misconceptions=_misconceptions(seen),
        ended=_ended(seen),
        waiting=_waiting(graded),
        slow=_slow(seen),
        problems=_problems(seen.people, shown),
        graded=len(graded),
        median=median(scores) if scores else None,
        middle=_quartiles(scores),
    )


def _by_topic(result: Result) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    if result.graded:
        for item in result.items:
            if not item.extra:
                found[item.topic] = found.get(item.topic, Fraction(0)) + item.score
    return found


def _quartiles(scores: Sequence[Fraction]) -> tuple[Fraction, Fraction] | None:
    if len(scores) < 4:
        return None
    low, _, high = quantiles(scores, method="inclusive")
    return low, high


def _item_rows(graded: Sequence[Result]) -> tuple[ItemRow, ...]:
    by_item: dict[str, list[ItemResult]] = {}
    for result in graded:
        for item in result.items:
            by_item.setdefault(item.id, []).append(item)
    figures = item_analysis.figures(graded)
    return tuple(_item_row(item_id, items, figures[item_id]) for item_id, items in by_item.items())


def _item_row(item_id: str, items: Sequence[ItemResult], figures: ItemFigures) -> ItemRow:
    statuses = Counter(item.status for item in items)
    counted = (Status.PASSED, Status.PARTIAL, Status.NOT_ATTEMPTED, Status.NEEDS_REVIEW)
    return ItemRow(
        id=item_id,
        extra=items[0].extra,
        full=statuses[Status.PASSED],
        part=statuses[Status.PARTIAL],
        none=len(items) - sum(statuses[status] for status in counted),
        idle=statuses[Status.NOT_ATTEMPTED],
        waiting=statuses[Status.NEEDS_REVIEW],
        figures=figures,
    )


def _misconceptions(seen: Seen) -> tuple[Misconception, ...]:
    """The commonest first. One student counts once, however many tests show it."""
    all_ = (Misconception(item, clean(says, 600, lines=5), tuple(who)) for (item, says), who in seen.named.items())
    return tuple(sorted(all_, key=lambda each: -len(each.students)))


def _ended(seen: Seen) -> tuple[Ended, ...]:
    all_ = (
        Ended(item, status, tuple(clean(claim, 300) for claim in seen.claims[item, status]), tuple(people))
        for (item, status), people in seen.ended.items()
    )
    return tuple(sorted(all_, key=lambda each: -len(each.students)))


def _waiting(graded: Sequence[Result]) -> tuple[Waiting, ...]:
    found: dict[str, list[Fraction]] = {}
    for result in graded:
        for item in result.items:
            if item.pending:
                found.setdefault(item.id, []).append(item.pending)
    return tuple(Waiting(item, len(points), max(points)) for item, points in found.items())


def _problems(people: Sequence[Who], shown: Sequence[Result]) -> tuple[Problem, ...]:
    """Those who are not graded first, then by how many have it."""
    found: dict[str, dict[Who, None]] = {}
    for who, result in sorted(zip(people, shown, strict=True), key=lambda pair: pair[1].graded):
        for says in result.problems:
            found.setdefault(says, {})[who] = None
    lost = {who for who, result in zip(people, shown, strict=True) if not result.graded}
    all_ = (Problem(says, tuple(students)) for says, students in found.items())
    return tuple(sorted(all_, key=lambda each: (lost.isdisjoint(each.students), -len(each.students))))


def _slow(seen: Seen) -> tuple[Slow, ...]:
    """The tests that took longest, where they were run to their end."""
    slow = ((where, times) for where, times in seen.times.items() if times.longest >= _TOO_LITTLE)
    first = sorted(slow, key=lambda pair: -pair[1].longest)[:SLOWEST]
    return tuple(
        Slow(item, clean(claim, 300), median(times.seconds), times.longest, times.who) for (item, claim), times in first
    )
