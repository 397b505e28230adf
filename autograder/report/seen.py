"""A class, seen one result after another: of each is kept what the pages of the class need, and no more.

A result holds what every test said; those of hundreds of students together would be most of the grader's memory.
"""

from array import array
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from autograder.report.text import clean, is_file_name
from autograder.results import ItemResult, Result, Status

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class Who:
    """A student's name, fit to be shown, and the address of their report (empty: none)."""

    name: str
    link: str


@dataclass
class Times:
    """How long a test took, where it was run to its end, in seconds, and whom it took longest."""

    seconds: "array[float]"
    longest: float
    who: Who


@dataclass
class Seen:
    """`results` are without tests and feedback; what tests told is counted beside them, by item."""

    results: list[Result] = field(default_factory=list)
    people: list[Who] = field(default_factory=list)
    named: dict[tuple[str, str], dict[Who, None]] = field(default_factory=dict)  # misconceptions
    claims: dict[tuple[str, Status], dict[str, None]] = field(default_factory=dict)  # that timed out or crashed
    ended: dict[tuple[str, Status], dict[Who, None]] = field(default_factory=dict)
    times: dict[tuple[str, str], Times] = field(default_factory=dict)
    _same: dict[Hashable, Hashable] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[Result]) -> "Seen":
        """These results, one after another."""
        seen = cls()
        for result in results:
            seen.add(result)
        return seen

    def add(self, result: Result) -> None:
        """See one more; the order is that of the class."""
        link = f"./{quote(result.student)}/report.html" if is_file_name(result.student) else ""
        who = Who(clean(result.student, 100), link)
        self.people.append(who)
        self.results.append(self._in_short(result))
        if result.graded:
            for item in result.items:
                self._count(who, item)

    def _count(self, who: Who, item: ItemResult) -> None:
        for test in item.tests:
            if test.diagnosis:
                self.named.setdefault((item.id, test.diagnosis), {})[who] = None
            if test.status in (Status.TIMEOUT, Status.CRASHED):
                self.claims.setdefault((item.id, test.status), {})[test.name] = None
                self.ended.setdefault((item.id, test.status), {})[who] = None
            elif test.status is not Status.NOT_ATTEMPTED and test.seconds > 0:
                times = self.times.setdefault((item.id, test.name), Times(array("d"), 0.0, who))
                times.seconds.append(test.seconds)
                if test.seconds > times.longest:
                    times.longest, times.who = test.seconds, who

    def _in_short(self, result: Result) -> Result:
        """A result of marks alone; what many students share is kept once."""
        return Result(
            student=result.student,
            items=tuple(map(self._item_in_short, result.items)),
            problems=self._shared(result.problems),
            isolation=(),
            submission_sha256="",
            grader_version=self._shared(result.grader_version),
            graded=result.graded,
            extra_cap=result.extra_cap,
            late=result.late,
            unit=self._shared(result.unit),
        )

    def _item_in_short(self, item: ItemResult) -> ItemResult:
        return self._shared(
            ItemResult(
                id=self._shared(item.id),
                score=self._shared(item.score),
                max_score=self._shared(item.max_score),
                extra=item.extra,
                level=self._shared(item.level),
                status=item.status,
                pending=self._shared(item.pending),
                prose=item.prose,
                read=item.read,
            )
        )

    def _shared(self, value: T) -> T:
        """The first value that was equal to this one, of the same type."""
        same = self._same.setdefault((type(value), value), value)
        assert isinstance(same, type(value))
        return same
