"""What grading one submission found: one frozen `Result`, made once and rendered by every report.

Marks are exact fractions here and are rounded only where they are printed. Nothing in this module runs anything, and
no report computes a mark.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from autograder.pictures import Picture


class Status(StrEnum):
    """What became of a test or an item."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    NOT_ATTEMPTED = "not attempted"
    NEEDS_REVIEW = "needs review"


@dataclass(frozen=True)
class TestResult:
    """One test of an item.

    `name` is the claim that the student reads (the test's docstring), `test` the function's name in the suite.
    `message` is for the student and never holds a hidden value; `note` is for the instructor and may.
    """

    __test__ = False  # not for pytest to collect

    test: str
    name: str
    status: Status
    score: Fraction
    max_score: Fraction
    visible: bool
    message: str = ""
    diagnosis: str | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class Mark:
    """A part of a good answer, and whether a reader found it; None where the student is the one to compare."""

    points: int
    says: str
    given: bool | None


@dataclass(frozen=True)
class Feedback:
    """What a student is told about a written answer once answers are released; `points` of the rubric, by a reader."""

    question: str
    answer: str
    model: str
    marks: tuple[Mark, ...]
    points: Fraction | None
    note: str


@dataclass(frozen=True)
class ItemResult:
    """One item of grading.yml. `replaced` names the parts that were stand-ins when the marks were earned.

    The marks of `prose` are for completion, not for correctness, until a person has `read` it. `picture` shows what the
    student's own functions give.
    """

    id: str
    score: Fraction
    max_score: Fraction
    extra: bool
    level: str
    status: Status
    tests: tuple[TestResult, ...] = ()
    pending: Fraction = Fraction(0)
    replaced: tuple[str, ...] = ()
    prose: bool = False
    read: bool = False
    feedback: Feedback | None = None
    picture: Picture | None = None

    @property
    def topic(self) -> str:
        return self.id.split(".")[0]


@dataclass(frozen=True)
class Late:
    """How late a submission was: seconds after the deadline, the days that count, the share of the marks they cost."""

    seconds: int
    days: int
    share: Fraction


@dataclass(frozen=True)
class Result:
    """One submission, graded. With `graded` false it could not be graded at all, and `problems` says why.

    `late` is None where no time is known or no rule asks for one.
    """

    student: str
    items: tuple[ItemResult, ...]
    problems: tuple[str, ...]
    isolation: tuple[str, ...]
    submission_sha256: str
    grader_version: str
    graded: bool = True
    extra_cap: Fraction | None = None
    late: Late | None = None
    unit: str = field(default="", compare=False)

    @property
    def max_score(self) -> Fraction:
        """The points of all items that are not extra credit."""
        return sum((item.max_score for item in self.items if not item.extra), Fraction(0))

    @property
    def extra(self) -> Fraction:
        """The extra credit earned."""
        return sum((item.score for item in self.items if item.extra), Fraction(0))

    @property
    def pending(self) -> Fraction:
        """The points that wait for a reader."""
        return sum((item.pending for item in self.items), Fraction(0))

    @property
    def earned(self) -> Fraction:
        """The marks with extra credit, which lifts nobody over `extra_cap`; lateness is not taken off yet."""
        earned = sum((item.score for item in self.items if not item.extra), Fraction(0))
        if self.extra_cap is None:
            return earned + self.extra
        return max(earned, min(earned + self.extra, self.extra_cap))

    @property
    def penalty(self) -> Fraction:
        """The marks that lateness costs."""
        return self.earned * self.late.share if self.late else Fraction(0)

    @property
    def score(self) -> Fraction:
        """The marks that count."""
        return self.earned - self.penalty


def item_status(tests: tuple[TestResult, ...]) -> Status:
    """The status of an item from those of its tests: full marks, some, or the gravest reason for none."""
    statuses = {test.status for test in tests}
    if statuses == {Status.PASSED}:
        return Status.PASSED
    if any(test.score > 0 for test in tests):
        return Status.PARTIAL
    for status in (Status.TIMEOUT, Status.CRASHED, Status.FAILED):
        if status in statuses:
            return status
    return Status.NOT_ATTEMPTED
