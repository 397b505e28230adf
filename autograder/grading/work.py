"""What the command and its grader say to each other: one `Work`, then what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from autograder.results import Result
from autograder.spec import Topic, Unit
from autograder.submission import Submission


@dataclass(frozen=True)
class Work:
    """What the grader is asked to do; for `only` and `names` see `autograder.grading.batch.grade_class`."""

    unit: Unit
    submissions: tuple[Submission, ...]
    secret: bytes
    topics: tuple[Topic, ...]
    preload: tuple[str, ...]
    jobs: int
    only: Mapping[str, frozenset[str]]
    names: bool


@dataclass(frozen=True)
class Started:
    """A submission is being graded."""

    number: int


@dataclass(frozen=True)
class Graded:
    """A submission has its result; `complaint` is what went wrong with the grader, for the instructor."""

    number: int
    result: Result
    complaint: str = ""


@dataclass(frozen=True)
class Failed:
    """Nothing more can be graded."""

    error: BaseException


@dataclass(frozen=True)
class Finished:
    """Every submission has its result."""
