"""`autograder verify`: the hidden tests are instruments, and this measures them.

Solutions and different right solutions must get full marks, empty stubs nothing, and every mistake of the bank must
lose marks on its own item. Each is graded as a submission is, in a worker that can be killed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from autograder.grading.batch import Watcher, grade_class
from autograder.mistakes import Mistake, mistakes_of, right_modules_of
from autograder.results import Result, Status
from autograder.spec import Topic, Unit
from autograder.submission import Submission

SEEDS = (b"verify-1", b"verify-2", b"verify-3")


@dataclass(frozen=True)
class Case:
    """Something to grade and what must come of it: a `mistake` loses marks on its item, a stub has none, others all."""

    name: str
    topic: str | None  # the one topic to look at; None: all of them
    files: dict[str, bytes]
    mistake: Mistake | None = None
    stub: bool = False

    def wrong(self, result: Result) -> Iterator[str]:
        """What did not come out as it must."""
        if not result.graded:
            yield f"{self.name}: not graded: {' '.join(result.problems)}"
            return
        for item in result.items:
            if self.topic is not None and item.topic != self.topic:
                continue
            if self.stub and (item.score or item.status is not Status.NOT_ATTEMPTED):
                yield f"{self.name}: {item.id} is {item.status!s} with {float(item.score):g} marks"
            if self.mistake is None and not self.stub and item.score != item.max_score:
                lost = [f"{test.test} ({test.message or test.status!s})" for test in item.tests if not test.score]
                yield f"{self.name}: {item.id} lost marks: {', '.join(lost)}"
            if self.mistake is not None and item.id == self.mistake.item and item.score == item.max_score:
                yield f"{self.name}: full marks on {item.id}: {self.mistake.says}"


def cases(unit: Unit) -> Iterator[Case]:
    """The solutions, the stubs, the right modules and the mistakes of every topic."""
    solutions = _files(unit, unit.solutions)
    yield Case("solutions", None, solutions)
    yield Case("stubs", None, _files(unit, unit.assignments), stub=True)
    for topic in unit.spec.topics:
        for name, path in right_modules_of(unit, topic).items():
            yield Case(f"right/{topic.name}/{name}", topic.name, solutions | {topic.file: path.read_bytes()})
        solution = solutions[topic.file].decode()
        for mistake in mistakes_of(unit, topic):
            changed = solutions | {topic.file: mistake.applied_to(solution).encode()}
            yield Case(f"mistake {topic.name}/{mistake.id}", topic.name, changed, mistake)


def verify(unit: Unit) -> int:
    """Grade every case with every seed, print what was found, and return the exit status."""
    console = Console(highlight=False)
    all_cases = list(cases(unit))
    wrong: list[str] = []
    kills: dict[str, Counter[str]] = defaultdict(Counter)
    console.print(f"{unit.spec.unit}: {len(all_cases)} cases, {len(SEEDS)} seeds each")
    for seed in track(SEEDS, "seeds", console=console):
        for case, result in zip(all_cases, _grade(unit, all_cases, seed), strict=True):
            wrong += case.wrong(result)
            if case.mistake is not None:
                _count_kills(case.mistake, result, kills)
    _table(unit, all_cases, kills, console)
    for line in dict.fromkeys(wrong):
        console.print(f"✗ {line}", markup=False)
    console.print("Everything is as it must be." if not wrong else f"{len(set(wrong))} things are not as they must be.")
    return 1 if wrong else 0


def _grade(unit: Unit, all_cases: list[Case], seed: bytes) -> list[Result]:
    submissions = [
        Submission(student=str(number), source=Path(case.name), files=case.files)
        for number, case in enumerate(all_cases)
    ]
    return grade_class(unit, submissions, seed, watcher=Watcher())


def _files(unit: Unit, folder: Path) -> dict[str, bytes]:
    return {topic.file: (folder / topic.file).read_bytes() for topic in unit.spec.topics}


def _count_kills(mistake: Mistake, result: Result, kills: dict[str, Counter[str]]) -> None:
    item = next(item for item in result.items if item.id == mistake.item)
    for test in item.tests:
        kills[item.id][test.test] += test.status is not Status.PASSED


def _table(unit: Unit, all_cases: list[Case], kills: dict[str, Counter[str]], console: Console) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("item", "mistakes", "tests that catch none of them"):
        table.add_column(heading, overflow="fold")
    topics: dict[str, Topic] = {topic.name: topic for topic in unit.spec.topics}
    for topic in topics.values():
        for item in topic.items:
            count = sum(case.mistake is not None and case.mistake.item == item.id for case in all_cases)
            idle = [test for test in item.tests if count and not kills[item.id][test]]
            table.add_row(item.id, str(count), ", ".join(idle))
    console.print(table)
