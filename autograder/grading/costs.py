"""What it costs to ask again what a test asked, as it was written down, and how much naming a mistake may spend.

Seconds on a clock differ from run to run, and what is named must not. So the costs are data: `verify --record` writes
them to tests/mistakes/TOPIC.caught.csv, in milliseconds of CPU on the solution, and beside them whether the solution
draws at random there.
"""

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.errors import UsageError
from autograder.spec import Topic, Unit

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # milliseconds that are written down
_LEAST = 2000.0  # what may always be spent on an item: forty mistakes are asked what cost 50 each
_ROUNDING = 1e-6  # of what is paid in shares of a test's cost
OF_A_TEST = 3  # a test costs two or three times as much: the solution is asked as well, and all of it crosses the line


@dataclass(frozen=True)
class Cost:
    """Of asking again what a hidden test asks. Where it `draws`, the solution answers otherwise with another seed."""

    milliseconds: float
    draws: bool = False


UNKNOWN = Cost(5.0)  # where nothing is written down


class Spent(Exception):
    """The allowance is used up."""


@dataclass
class Allowance:
    """What is left to spend on naming what is wrong with an item, in milliseconds as written down."""

    left: float

    def spend(self, milliseconds: float) -> None:
        """Raises `Spent` where there is not that much left."""
        self.left -= milliseconds
        if self.left < -_ROUNDING:
            raise Spent


def allowance(costs: Mapping[str, Cost], failed: Collection[str]) -> Allowance:
    """As much as the failed tests cost, or two seconds where that is more."""
    return Allowance(max(_LEAST, OF_A_TEST * sum(costs.get(test, UNKNOWN).milliseconds for test in failed)))


def path_of(unit: Unit, topic: Topic) -> Path:
    return unit.root / "tests" / "mistakes" / f"{topic.name}.caught.csv"


@cache
def costs_of(path: Path) -> Mapping[str, Cost]:
    """By test, what stands in this file; nothing where there is none. Raises `UsageError` where it does not read."""
    if not path.is_file():
        return {}
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    try:
        return {
            row["test"]: Cost(float(row["milliseconds"]), row.get("draws") == "yes")
            for row in rows
            if row.get("milliseconds")
        }
    except (KeyError, ValueError) as error:
        raise UsageError(f"{path}: {error}; `autograder verify --record` writes it anew") from None
