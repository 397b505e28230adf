"""What the class page says: each student's row, how many got each item, and the problems."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from autograder.report.summary import TopicView, topic_title, topics
from autograder.results import ItemResult, Result, Status
from autograder.spec import Unit


@dataclass(frozen=True)
class StudentRow:
    result: Result
    link: str
    topics: dict[str, TopicView]


@dataclass(frozen=True)
class ItemRow:
    """How many students have an item in full, in part, not at all, not started, or waiting for a reader."""

    id: str
    topic: str
    extra: bool
    full: int
    part: int
    none: int
    idle: int
    waiting: int

    @property
    def students(self) -> int:
        return self.full + self.part + self.none + self.idle + self.waiting


@dataclass(frozen=True)
class ClassView:
    students: tuple[StudentRow, ...]
    topics: tuple[tuple[str, str], ...]  # name and title, in order
    items: tuple[ItemRow, ...]
    graded: int
    median: Fraction | None


def class_view(results: Sequence[Result], links: Sequence[str], unit: Unit) -> ClassView:
    """The page for results that are fit to be shown, with a link to each student's own (empty: none)."""
    graded = [result for result in results if result.graded]
    names = dict.fromkeys(item.topic for result in graded for item in result.items if not item.extra)
    return ClassView(
        students=tuple(
            StudentRow(result, link, {topic.name: topic for topic in topics(result, unit)} if result.graded else {})
            for result, link in zip(results, links, strict=True)
        ),
        topics=tuple((name, topic_title(unit, name)) for name in names),
        items=_item_rows(graded),
        graded=len(graded),
        median=median(result.score for result in graded) if graded else None,
    )


def _item_rows(graded: Sequence[Result]) -> tuple[ItemRow, ...]:
    by_item: dict[str, list[ItemResult]] = {}
    for result in graded:
        for item in result.items:
            by_item.setdefault(item.id, []).append(item)
    return tuple(_item_row(item_id, items) for item_id, items in by_item.items())


def _item_row(item_id: str, items: Sequence[ItemResult]) -> ItemRow:
    statuses = Counter(item.status for item in items)
    counted = (Status.PASSED, Status.PARTIAL, Status.NOT_ATTEMPTED, Status.NEEDS_REVIEW)
    return ItemRow(
        id=item_id,
        topic=items[0].topic,
        extra=items[0].extra,
        full=statuses[Status.PASSED],
        part=statuses[Status.PARTIAL],
        none=len(items) - sum(statuses[status] for status in counted),
        idle=statuses[Status.NOT_ATTEMPTED],
        waiting=statuses[Status.NEEDS_REVIEW],
    )
