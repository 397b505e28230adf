"""What a call to the student's code can end in, other than a value; and what a test finds wrong with a value.

An error of the student's code is raised in the test as, say, `StudentValueError(StudentError, ValueError)`: so
`pytest.raises(ValueError)` works on every target, and a bare `ValueError` is the grader's own fault.
"""

import reprlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autograder.student.answers import MAX_BITS
from autograder.student.notebook import SUFFIX, line_shown
from autograder.student.reduce import ERRORS, MAX_FRAMES, MAX_TEXT


@dataclass(frozen=True)
class Frame:
    """A line of the student's file that an error went through; shapes only where nothing is hidden."""

    file: str
    line: int
    function: str
    source: str
    shapes: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> str:
        """`attention.py:41`, which editors make a link of, or `tutorial.ipynb, cell 4, line 2`."""
        return f"{self.file}, line {self.line}" if f"{SUFFIX}, cell " in self.file else f"{self.file}:{self.line}"


class _Short(reprlib.Repr):
    """A value in a line, whatever a student has put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlist = self.maxtuple = self.maxdict = 8

    def repr_int(self, x: int, level: int) -> str:
        return f"an integer of {x.bit_length()} bits" if x.bit_length() > MAX_BITS else super().repr_int(x, level)


_SHORT = _Short()


class Finding(Exception):
    """Something is wrong with the student's code: everything a test may raise that is not the grader's fault."""

    def __init__(self, message: str) -> None:
        self.message = message
        Exception.__init__(self, message)

    def __str__(self) -> str:
        return self.message


class NotAsExpected(Finding):
    """An `expect_*` check failed; the message is for the student. `compared`: what was found, and what was wanted."""

    def __init__(self, message: str, *compared: Any) -> None:
        self.compared = compared
        super().__init__(message)

    def values(self) -> str:
        """What was found and what was wanted, where that is known: for who may see the test itself, and nobody else."""
        if not self.compared:
            return ""
        got, want = self.compared
        one, other = _SHORT.repr(got), _SHORT.repr(want)
        if isinstance(got, float) or isinstance(want, float):  # with as many digits as tell them apart
            digits = next((digits for digits in (4, 7, 10) if f"{got:.{digits}g}" != f"{want:.{digits}g}"), 17)
            one, other = f"{got:.{digits}g}", f"{want:.{digits}g}"
        return f"It is {one}; expected {other}."


class PartlyAsExpected(NotAsExpected):
    """A test that measures how far the student came: a part of its marks, and what is missing for the rest."""

    def __init__(self, fraction: Fraction, message: str) -> None:
        self.fraction = fraction
        super().__init__(message)


class StudentError(Finding):
    """The student's code raised an error. `frames` leads to it, the innermost last."""

    def __init__(self, kind: str, name: str, text: str, frames: tuple[Frame, ...]) -> None:
        self.kind, self.name, self.text, self.frames = kind, name, text, frames
        super().__init__(f"{name}: {text}" if text else name)

    @property
    def function(self) -> str:
        """The function that raised it: `softmax`, `MultiHeadAttention.forward`."""
        return self.frames[-1].function if self.frames else ""

    @property
    def place(self) -> str:
        """`attention.py, line 41`, or nothing where the error did not come from the student's files."""
        return f"{self.frames[-1].file}, line {self.frames[-1].line}" if self.frames else ""


class MissingName(Finding):
    """The student's file does not define what the exercise asks for."""


class ForbiddenShortcut(Finding):
    """The student's file calls a library function that it should write itself."""

    def __init__(self, name: str, line: int) -> None:
        self.name, self.line = name, line
        super().__init__(f"{line_shown(line)} calls {name}")


class Broken(Finding):
    """The student's process is of no further use; the next test gets a fresh one."""


class TimedOut(Broken):
    """It used up its time."""


class Crashed(Broken):
    """It ended, or sent something that is no message. With `killed`, by a signal that others send, too."""

    def __init__(self, message: str, killed: bool = False) -> None:
        self.killed = killed
        super().__init__(message)


def _kinds() -> dict[str, type[StudentError]]:
    kinds = {}
    for ancestor, name in ERRORS.items():
        bases = (StudentError,) if ancestor is Exception else (StudentError, ancestor)
        kinds[name] = type(f"Student{name}", bases, {"__module__": __name__})
    return kinds


_STUDENT_ERRORS = _kinds()


def student_error(told: dict[str, object]) -> StudentError:
    """The exception for an error that a worker told of; what does not fit its form is passed over."""
    match told:
        case {"kind": str(kind), "name": str(name), "text": str(text), "frames": list(listed)}:
            frames = tuple(frame for entry in listed[:MAX_FRAMES] if (frame := _frame(entry)))
            return _STUDENT_ERRORS.get(kind, StudentError)(kind, name[:80], text[:MAX_TEXT], frames)
    return StudentError("Exception", "Exception", "", ())


def _frame(entry: object) -> Frame | None:
    match entry:
        case [str(file), int(line), str(function), str(source), list(listed)]:
            shapes = [(name, shape) for name, shape in map(_pair, listed[:20]) if name]
            return Frame(file[:200], line, function[:200], source[:200], tuple(shapes))
    return None


def _pair(entry: object) -> tuple[str, str]:
    match entry:
        case [str(name), str(shape)]:
            return name[:80], shape[:80]
    return "", ""
