"""How one test ended: whose fault it was, and what the student is told of it."""

from dataclasses import dataclass, replace
from fractions import Fraction

import pytest

from autograder.errors import GraderError
from autograder.results import Status
from autograder.spec import Item
from autograder.student.notebook import LINES_PER_CELL, SUFFIX, line_shown
from autograder.target.failures import (
    Crashed,
    Finding,
    ForbiddenShortcut,
    MissingName,
    NotAsExpected,
    PartlyAsExpected,
    StudentError,
    TimedOut,
)


@dataclass(frozen=True)
class Outcome:
    """What one test found. `message` is for the student; `note`, for the instructor, may show values.

    `part` is the share of the marks where the status is partial; `diagnosis` names the misconception.
    """

    status: Status
    message: str = ""
    note: str = ""
    seconds: float = 0.0
    shortcut_line: int = 0  # where the student's code calls what it should write itself
    error: StudentError | None = None
    part: Fraction = Fraction(0)
    diagnosis: str | None = None
    killed: bool = False  # from outside, as far as one can tell

    @property
    def fraction(self) -> Fraction:
        """The share of the test's marks, 0 to 1."""
        return Fraction(1) if self.status is Status.PASSED else self.part

    def lasting(self, seconds: float) -> "Outcome":
        return replace(self, seconds=seconds)


def outcome_of(
    raised: pytest.ExceptionInfo[BaseException] | None, item: Item, test: str, seconds: float, reveal: bool
) -> Outcome:
    """The outcome of a test that raised this, or nothing."""
    if raised is None:
        return Outcome(Status.PASSED, seconds=seconds)
    error = raised.value
    if isinstance(error, Finding):
        return finding_outcome(error, item, reveal).lasting(seconds)
    if isinstance(error, (AssertionError, pytest.fail.Exception)):
        return Outcome(Status.FAILED, "This does not hold yet.", f"{test}: {error}", seconds)
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, GraderError):
        raise type(error)(f"{test}: {error}") from error
    raise GraderError(
        f"{test} failed by itself: {type(error).__name__}: {error}\n{raised.getrepr(style='short')}"
    ) from error


def finding_outcome(error: Finding, item: Item, reveal: bool) -> Outcome:
    """What a finding means for an item, in words that show nothing of a hidden test's values."""
    match error:
        case TimedOut():
            return Outcome(Status.TIMEOUT, error.message)
        case Crashed():
            return Outcome(Status.CRASHED, error.message, killed=error.killed)
        case MissingName():
            return Outcome(Status.NOT_ATTEMPTED, f"{error.message}.")
        case ForbiddenShortcut():
            return Outcome(Status.FAILED, shortcut_message(error, item), shortcut_line=error.line)
        case StudentError():
            return _student_error(error, item, reveal)
        case PartlyAsExpected() if error.fraction > 0:
            return Outcome(Status.PARTIAL, error.message, part=error.fraction)
        case NotAsExpected() if reveal:
            return Outcome(Status.FAILED, f"{error.message} {error.values()}".rstrip())
    return Outcome(Status.FAILED, error.message)


def shortcut_message(error: ForbiddenShortcut, item: Item) -> str:
    file = item.id.split(".")[0] + (SUFFIX if error.line >= LINES_PER_CELL else ".py")
    return f"{file}, {line_shown(error.line)}, calls {error.name}: writing that yourself is the exercise."


def _student_error(error: StudentError, item: Item, reveal: bool) -> Outcome:
    place = f" ({error.place})" if error.place else ""
    if isinstance(error, NotImplementedError):
        in_a_notebook = SUFFIX in error.place  # there an item need not have the name of what it asks for
        if error.function.split(".")[0] in (item.name, "") or in_a_notebook:
            return Outcome(Status.NOT_ATTEMPTED, f"Not written yet{place}.", error=error)
        used = error.function.split(".")[0]
        return Outcome(Status.FAILED, f"This needs {used}, which is not written yet{place}.", error=error)
    what = (
        error.name if reveal or error.name == error.kind else error.kind
    )  # a student's own class name could tell values
    if reveal and error.text:
        what = f"{what}: {error.text.rstrip('.')}"
    article = "an" if what[0] in "AEIOU" else "a"
    where = f" at {error.place}, in {error.function or 'the module'}" if error.place else ""
    text = f"Your code raises {article} {what}" if not reveal else what
    return Outcome(Status.FAILED, f"{text}{where}.", f"{error.name}: {error.text}", error=error)
