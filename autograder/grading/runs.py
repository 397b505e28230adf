"""With which secret a submission is graded, and how much is found out: its marks, or less, as `verify` asks."""

from dataclasses import dataclass
from enum import Enum, auto


class Sought(Enum):
    """What is to be found out of a submission."""

    MARKS = auto()  # whatever a report tells
    CATCHES = auto()  # what each test says; and of a second try, with stand-ins, only whether the item loses marks too
    LOSSES = auto()  # of each item only whether it loses marks: after a test that it does not pass no other is run


@dataclass(frozen=True)
class Run:
    """A submission, once: seeds are drawn from the secret."""

    secret: bytes
    sought: Sought
