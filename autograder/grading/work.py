"""What the command and its grader say to each other: one `Work`, then what becomes of it, `Finished` or `Failed` last.

Each `Started` is answered with a `Request`; nothing else is said to the grader, so that it holds no class in memory.
"""

from dataclasses import dataclass, field

from autograder.grading.parts import Graded, Known
from autograder.grading.runs import Run, Sought
from autograder.spec import Topic, Unit
from autograder.submission import Submission


@dataclass(frozen=True)
class Request:
    """What to grade; for the rest see `autograder.grading.session.Session.grade`."""

    submission: Submission
    only: frozenset[str] | None = None
    known: Known = field(default_factory=dict)
    sought: Sought = Sought.MARKS
    again: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Work:
    """What the grader is asked to do: submissions by their numbers; with `names` known mistakes are named."""

    unit: Unit
    topics: tuple[Topic, ...]
    preload: tuple[str, ...]
    secret: bytes
    numbers: tuple[int, ...]
    jobs: int
    names: bool


@dataclass(frozen=True)
class Started:
    """A submission is to be graded now, `again` after a job that died."""

    number: int
    again: bool


@dataclass(frozen=True)
class Answered:
    """A submission has been graded, or words say why the grader failed on it."""

    number: int
    answer: Graded | str


@dataclass(frozen=True)
class Failed:
    """Nothing more can be graded."""

    error: BaseException


@dataclass(frozen=True)
class Finished:
    """Every submission has its answer."""
