"""What readers decided on a written answer, and what counts of it: values and pure functions, no database.

A reader gives concepts of the rubric, may adjust the sum, and may write a note to the student. Each reader's latest
finished decision stands for itself; what counts is settled so:

1. a decision that was made on another text than the student's current one is stale and counts for nothing;
2. an agreed decision, which speaks for all readers, counts before any other until it is withdrawn;
3. otherwise what all who read the answer found counts, if it is worth the same to all of them;
4. if they differ, nothing counts until there is an agreed decision: the answer goes on waiting.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from autograder.key import Concept
from autograder.results import ItemResult, Result, Status, TestResult

READ = "A reader's marks for what the answer says."
_LACKS = "Not all that was asked for is there."
Rubric = tuple[Concept, ...]


class State(StrEnum):
    """What became of an answer that waits for a reader."""

    UNREAD = "unread"
    STALE = "stale"  # read, but the answer has changed since
    DISPUTED = "disputed"
    SETTLED = "settled"


@dataclass(frozen=True)
class Decision:
    """What one reader, or all of them together (`agreed`), gave one answer, and when.

    `given` are numbers of the rubric's concepts, from 1. `rubric` is the one that it was made with. A decision that
    is not `finished` is work that is saved and counts for nothing yet; one that is `withdrawn` takes back what stood.
    """

    number: int
    student: str
    item: str
    reader: str
    agreed: bool
    given: tuple[int, ...]
    adjustment: Fraction
    note: str
    finished: bool
    withdrawn: bool
    rubric: Rubric
    answer_sha256: str
    made_at: str
    before: int = 0

    @property
    def points(self) -> Fraction:
        """The points of the rubric that it gives, with the adjustment, between none and all."""
        total = Fraction(total_of(self.rubric))
        earned = sum((self.rubric[number - 1].points for number in self.given), start=0)
        return min(max(earned + self.adjustment, Fraction(0)), total)

    @property
    def share(self) -> Fraction:
        """Of the points for quality, 0 to 1."""
        total = total_of(self.rubric)
        return self.points / total if total else Fraction(0)

    @property
    def counts(self) -> bool:
        return self.finished and not self.withdrawn


@dataclass(frozen=True)
class Settled:
    """What counts for one answer; `decision` is the one to show, with the notes of all whose decisions count."""

    state: State
    decision: Decision | None = None

    @property
    def share(self) -> Fraction | None:
        return self.decision.share if self.state is State.SETTLED and self.decision else None


def total_of(rubric: Rubric) -> int:
    return sum(concept.points for concept in rubric)


def rubric_text(rubric: Rubric) -> str:
    """The rubric as it is kept, so that a decision can be shown with what it was made with."""
    return json.dumps([[concept.points, concept.says] for concept in rubric], ensure_ascii=False)


def rubric_of(text: str) -> Rubric:
    return tuple(Concept(points=points, says=says) for points, says in json.loads(text))


def settle(decisions: Iterable[Decision], answer_sha256: str) -> Settled:
    """What counts, from the latest decision of each reader and the latest agreed one, on one answer."""
    made = [decision for decision in decisions if decision.counts]
    fresh = sorted((each for each in made if each.answer_sha256 == answer_sha256), key=lambda each: each.number)
    agreed = [decision for decision in fresh if decision.agreed]
    if agreed:
        return Settled(State.SETTLED, agreed[-1])
    if not fresh:
        return Settled(State.STALE if made else State.UNREAD)
    if len({decision.share for decision in fresh}) > 1:
        return Settled(State.DISPUTED)
    notes = dict.fromkeys(decision.note for decision in fresh if decision.note)
    return Settled(State.SETTLED, replace(fresh[-1], note="\n\n".join(notes)))


def apply(result: Result, settled: Mapping[str, Settled]) -> Result:
    """The result with what readers gave, by item id: points that were pending are earned or lost once read.

    What nobody has read, and what readers do not agree on, goes on waiting; it is never a mark of 0.
    """
    return replace(result, items=tuple(_applied(item, settled.get(item.id)) for item in result.items))


def _applied(item: ItemResult, settled: Settled | None) -> ItemResult:
    share = settled.share if settled else None
    if not item.pending or share is None:
        return item
    earned = item.pending * share
    score, max_score = item.score + earned, item.max_score + item.pending
    status = Status.PASSED if share == 1 else Status.PARTIAL if share else Status.FAILED
    test = TestResult(
        test=f"{item.id}.reader",
        name=READ,
        status=status,
        score=earned,
        max_score=item.pending,
        visible=all(test.visible for test in item.tests),
        message="" if share == 1 else _LACKS,
    )
    whole = Status.PASSED if score == max_score else Status.PARTIAL if score else Status.FAILED
    return replace(
        item, score=score, max_score=max_score, pending=Fraction(0), status=whole, tests=(*item.tests, test), read=True
    )
