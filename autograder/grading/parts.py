"""What a result is put together from: a `Part` for each topic.

A part is all that one topic contributes, and says what it was told of the topics before it. So a part that was made
earlier can take its place in a result again, as long as nothing that it depends on has changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from autograder import __version__
from autograder.results import ItemResult, Result, Status
from autograder.spec import Topic, Unit
from autograder.submission import Submission


@dataclass(frozen=True)
class Before:
    """What a topic is told of those before it, in so far as it builds on them."""

    broken: tuple[str, ...] = ()  # topics that are missing or do not import
    wrong: tuple[str, ...] = ()  # items that lost marks at the first try


@dataclass(frozen=True)
class Part:
    """What one topic of one submission contributes to its result, and tells the topics after it."""

    topic: str
    before: Before
    items: tuple[ItemResult, ...]
    problems: tuple[str, ...] = ()
    isolation: tuple[str, ...] = ()
    broken: bool = False
    wrong: tuple[str, ...] = ()
    prose: Mapping[str, str] = field(default_factory=dict)  # written answers by item, as handed in


Known = Mapping[str, Sequence[Part]]  # by topic: parts from before, each for what it was told


@dataclass(frozen=True)
class Graded:
    """A result and its parts; one that could not be graded has none. `again` are those of further runs."""

    result: Result
    parts: tuple[Part, ...] = ()
    again: tuple[Result, ...] = ()


@dataclass
class Standing:
    """How the topics so far went."""

    broken: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)

    def before(self, topic: Topic) -> Before:
        """What this topic is told."""
        used = {other for item in topic.items for other in item.builds_on}
        return Before(tuple(sorted(topic.below & self.broken)), tuple(sorted(used & self.wrong)))

    def after(self, part: Part) -> None:
        self.wrong |= set(part.wrong)
        if part.broken:
            self.broken.add(part.topic)


def fitting(known: Known, topic: Topic, before: Before) -> Part | None:
    """The known part of this topic that was told the same of the topics before it."""
    return next((part for part in known.get(topic.name, ()) if part.before == before), None)


def from_known(unit: Unit, submission: Submission, known: Known) -> Graded | None:
    """The submission graded from known parts alone; None where one is lacking."""
    standing, parts = Standing(), []
    for topic in unit.spec.topics:
        part = fitting(known, topic, standing.before(topic))
        if part is None:
            return None
        standing.after(part)
        parts.append(part)
    return put_together(unit, submission, parts)


def put_together(unit: Unit, submission: Submission, parts: Iterable[Part]) -> Graded:
    """The result of these parts, in order."""
    parts = tuple(parts)
    result = Result(
        student=submission.student,
        items=tuple(item for part in parts for item in part.items),
        problems=(*submission.problems, *(problem for part in parts for problem in part.problems)),
        isolation=next((part.isolation for part in parts if part.isolation), ()),
        submission_sha256=submission.sha256,
        grader_version=__version__,
        extra_cap=unit.spec.extra_cap,
        unit=unit.spec.unit,
    )
    return Graded(result, parts)


def ungraded(unit: Unit, submission: Submission, problems: tuple[str, ...]) -> Result:
    """The result of a submission that could not be graded at all: no marks, and why."""
    items = tuple(
        ItemResult(item.id, Fraction(0), item.points, item.extra, item.level, Status.NOT_ATTEMPTED)
        for item in unit.spec.items
    )
    return Result(
        student=submission.student,
        items=items,
        problems=problems,
        isolation=(),
        submission_sha256=submission.sha256,
        grader_version=__version__,
        graded=False,
        unit=unit.spec.unit,
    )
