"""A class that handed in written answers, in a gradebook: made by hand, without grading anybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from sqlalchemy import Engine

from autograder.gradebook import Answer, begin_run, end_run, open_gradebook, save_result
from autograder.gradebook.store import Handed
from autograder.results import ItemResult, Result, Status, TestResult
from autograder.spec import Item, Unit, load

TINY = Path(__file__).resolve().parent.parent / "tiny_answers"
UNIT = load(TINY)
Answers = Mapping[str, Mapping[str, str]]  # by student, then by name of the constant


def item_result(item: Item, text: str) -> ItemResult:
    """What the engine makes of an answer that counts as one."""
    there = bool(text)
    machine, quality = item.completion or item.points, item.quality or Fraction(0)
    status = Status.PASSED if there else Status.NOT_ATTEMPTED
    score = machine if there else Fraction(0)
    waits = there and bool(quality)
    return ItemResult(
        id=item.id,
        score=score,
        max_score=machine if waits else item.points,
        extra=False,
        level="core",
        status=Status.NEEDS_REVIEW if waits else status,
        tests=(TestResult(item.name, "There is an answer.", status, score, machine, visible=True),),
        pending=quality if waits else Fraction(0),
        prose=item.completion is not None,
    )


def result_of(student: str, texts: Mapping[str, str]) -> Result:
    items = [item_result(item, texts.get(item.name, "")) for item in UNIT.spec.items]
    return Result(student, tuple(items), (), (), "0" * 64, "1", unit="Birds")


@dataclass(frozen=True)
class Course:
    """A folder with a gradebook, and a way to grade into it."""

    folder: Path
    engine: Engine
    unit: Unit = UNIT

    def hand_in(self, texts: Answers) -> None:
        run = begin_run(self.engine, "Birds", {}, {})
        for place, (student, answers) in enumerate(texts.items()):
            found = [Answer.of(f"birds.{name}", text) for name, text in answers.items()]
            save_result(self.engine, run, Handed(student, place, "", "0" * 64), result_of(student, answers), found)
        end_run(self.engine, run)


@pytest.fixture
def course(tmp_path: Path) -> Callable[[Answers], Course]:
    """Makes the gradebook of a class from its answers."""

    def made(texts: Answers) -> Course:
        there = Course(tmp_path / "grades", open_gradebook(tmp_path / "grades" / "gradebook.sqlite"))
        there.hand_in(texts)
        return there

    return made
