"""`autograder diff`: who gained and lost what between two runs, item by item, and why, before marks are published.

Marks are those that reports show. Of the earlier run they are with what readers had given when it ended, of the later
one with what they have given by now: what was decided since is a difference, and its reason is a reader's mark.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from autograder.errors import UsageError
from autograder.gradebook import Run, gradebook_of, load_result, load_students, open_gradebook, runs
from autograder.gradebook.readers import with_marks_of
from autograder.gradebook.store import TopicRow, load_topics
from autograder.report.summary import hundredths
from autograder.report.text import clean
from autograder.results import ItemResult, Result

FLAKY = "nothing that it depends on changed: flaky"
_WORDS = {
    "submission": "submission changed",
    "tests": "tests changed",
    "solution": "solution changed",
    "rules": "rules changed",
    "data": "data changed",
    "secret": "the seeds' secret changed",
    "engine": "grader changed",
    "libraries": "libraries changed",
}
_BEFORE = "what it builds on went otherwise"
_READER = "a reader's mark"
_UNREAD = "a reader's mark counts no more"  # the answer is another one, it was taken back, or readers differ


@dataclass(frozen=True)
class Change:
    """What became of one student's item. None stands for an item, or a submission, that was not there."""

    student: str
    item: str
    before: Fraction | None
    after: Fraction | None
    of_before: Fraction | None
    of_after: Fraction | None
    reason: str

    @property
    def gain(self) -> Fraction:
        return (self.after or Fraction(0)) - (self.before or Fraction(0))


@dataclass(frozen=True)
class Comparison:
    """Two runs, and what differs."""

    earlier: Run
    later: Run
    students: int
    changes: tuple[Change, ...]
    appeared: tuple[str, ...]  # students of the later run alone
    gone: tuple[str, ...]  # students of the earlier run alone
    ungraded: tuple[str, ...]  # could not be graded in one of them

    @property
    def flaky(self) -> int:
        return sum(change.reason == FLAKY for change in self.changes)


def diff(folder: Path, numbers: Sequence[int], gradebook: str | None = None) -> int:
    """Compare two runs, the last two that came to their end unless numbers say otherwise; the exit status."""
    book = open_gradebook(gradebook_of(folder, gradebook), make=False)
    every = runs(book)
    if len(numbers) not in (0, 2):
        raise UsageError("diff takes no run or two")
    if numbers:
        by_number = {run.id: run for run in every}
        if unknown := [number for number in numbers if number not in by_number]:
            raise UsageError(f"{folder} has no run {unknown[0]}; there are:\n{_listed(every)}")
        chosen = [by_number[number] for number in numbers]
    else:
        chosen = [run for run in every if run.ended][-2:]
        if len(chosen) < 2:
            raise UsageError(f"{folder} has no two runs to compare; there are:\n{_listed(every) or 'none'}")
    show(compare(book, *chosen), Console(highlight=False))
    return 0


def compare(book: Engine, earlier: Run, later: Run) -> Comparison:
    """What differs between two runs."""
    before, after = load_students(book, earlier), load_students(book, later)
    changes: list[Change] = []
    ungraded = []
    read_then = with_marks_of(book, earlier, until=earlier.ended or earlier.began)
    read_now = with_marks_of(book, later)
    for student in (student for student in after if student in set(before)):
        old, new = load_result(book, earlier, student), load_result(book, later, student)
        assert old is not None
        assert new is not None
        if old.graded and new.graded:
            before_topics, after_topics = load_topics(book, earlier, student), load_topics(book, later, student)
            changes += _changes(old, new, read_then(old), read_now(new), before_topics, after_topics)
        elif old.graded or new.graded:
            ungraded.append(student)
    appeared = tuple(student for student in after if student not in set(before))
    gone = tuple(student for student in before if student not in set(after))
    return Comparison(earlier, later, len(after), tuple(changes), appeared, gone, tuple(ungraded))


def _changes(
    old: Result,
    new: Result,
    old_read: Result,
    new_read: Result,
    old_topics: Mapping[str, TopicRow],
    new_topics: Mapping[str, TopicRow],
) -> Iterator[Change]:
    """The items whose marks differ; `_read` is with what readers gave, the others are the machine's alone."""
    machine = _by_id(old), _by_id(new)
    before, after = _by_id(old_read), _by_id(new_read)
    for item in dict.fromkeys([*before, *after]):
        was, now = before.get(item), after.get(item)
        if _marks(was) == _marks(now):
            continue
        topic = item.split(".")[0]
        reasons = []
        if _marks(machine[0].get(item)) != _marks(machine[1].get(item)):
            reasons.append(_reason(old_topics.get(topic), new_topics.get(topic)))
        if _given(machine[0], before, item) != _given(machine[1], after, item):
            lost = was is not None and was.read and now is not None and not now.read
            reasons.append(_UNREAD if lost else _READER)
        reason = ", ".join(reasons)
        yield Change(
            new.student,
            item,
            was.score if was else None,
            now.score if now else None,
            was.max_score if was else None,
            now.max_score if now else None,
            reason,
        )


def _by_id(result: Result) -> dict[str, ItemResult]:
    return {item.id: item for item in result.items}


def _given(machine: Mapping[str, ItemResult], read: Mapping[str, ItemResult], item: str) -> Fraction | None:
    """What readers gave, beside the machine's marks; None where none of it counts."""
    return read[item].score - machine[item].score if item in read and read[item].read else None


def _marks(item: ItemResult | None) -> tuple[Fraction, ...]:
    return (item.score, item.max_score, item.pending) if item else ()


def _reason(old: TopicRow | None, new: TopicRow | None) -> str:
    if old is None or new is None:
        return "the topic is new" if old is None else "the topic is gone"
    words = [text for name, text in _WORDS.items() if old.parts.get(name) != new.parts.get(name)]
    if not words and old.before != new.before:
        words = [_BEFORE]
    return ", ".join(words) or FLAKY


def show(found: Comparison, console: Console) -> None:
    """Print it: a line a change, then how many gained and lost, and what stands out."""
    console.print(f"Run {found.earlier.id} ({found.earlier.began}) and run {found.later.id} ({found.later.began}):")
    if found.changes:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in ("student", "item"):
            table.add_column(name, overflow="fold")
        for name in ("before", "after", "gain"):
            table.add_column(name, justify="right")
        table.add_column("why")
        for change in found.changes:
            table.add_row(
                Text(clean(change.student, 80)),
                change.item,
                _shown(change.before, change.of_before),
                _shown(change.after, change.of_after),
                f"{'+' if change.gain > 0 else ''}{hundredths(change.gain)}",
                Text(change.reason, style="bold red" if change.reason == FLAKY else ""),
            )
        console.print(table)
    gains: dict[str, Fraction] = defaultdict(Fraction)
    for change in found.changes:
        gains[change.student] += change.gain
    up, down = sum(gain > 0 for gain in gains.values()), sum(gain < 0 for gain in gains.values())
    console.print(
        f"{found.students} students: {up} gained, {down} lost, {len(found.changes)} items differ"
        if found.changes
        else f"{found.students} students: all marks are the same"
    )
    for words, names in (("new", found.appeared), ("gone", found.gone), ("graded in one alone", found.ungraded)):
        if names:
            console.print(f"{words}: {clean(', '.join(names), 1000)}", markup=False)
    if found.flaky:
        console.print(
            f"[bold red]{found.flaky} marks differ though nothing changed that they depend on[/]: "
            "mend the tests before marks are published"
        )


def _shown(score: Fraction | None, of: Fraction | None) -> str:
    return "-" if score is None or of is None else f"{hundredths(score)} / {hundredths(of)}"


def _listed(every: Sequence[Run]) -> str:
    return "\n".join(f"  run {run.id}, {run.began}, {'ended' if run.ended else 'not ended'}" for run in every)
