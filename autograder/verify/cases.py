"""What is graded to measure the tests, and what must come of each.

Solutions and different right solutions must get full marks, empty stubs nothing; every mistake of the bank must lose
marks on its own item, and every automatic mutant on one of the items that it is a part of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.mistakes import Mistake, mistakes_of, names_of, near_misses_of, right_modules_of
from autograder.results import Result, Status
from autograder.spec import Topic, Unit
from autograder.verify.mutants import Mutant, helpers_of, mutants_of


@dataclass(frozen=True)
class Case:
    """Something to grade and what must come of it: a `mistake` loses marks on its item, a stub has none, others all."""

    name: str
    items: frozenset[str]  # those to run
    files: dict[str, bytes]
    mistake: Mistake | None = None
    stub: bool = False
    named: bool = False  # whether the report must name the mistake
    mutant: Mutant | None = None
    right: bool = False  # whether it is one of the different right solutions
    control: bool = False  # whether only what a report calls it matters
    says: frozenset[str] = frozenset()  # what may be named beside the mistake

    @property
    def must_lose(self) -> bool:
        return self.mistake is not None or self.mutant is not None

    @property
    def about(self) -> frozenset[str]:
        """The items on which it must lose marks, or keep them."""
        return frozenset([self.mistake.item]) if self.mistake else self.items

    def lost(self, result: Result) -> bool:
        """Whether it lost marks on what it is about."""
        return any(item.score != item.max_score for item in result.items if item.id in self.about)

    def wrong(self, result: Result) -> Iterator[str]:
        """What did not come out as it must."""
        if not result.graded:
            yield f"{self.name}: not graded: {' '.join(result.problems)}"
            return
        if self.control:
            return
        if self.mistake is not None and result.problems:  # one that does not even run is caught by no test
            yield f"{self.name}: {' '.join(result.problems)}"
        if self.must_lose and not self.lost(result):
            about = f"{self.mistake.item}: {self.mistake.says}" if self.mistake else f"{', '.join(sorted(self.items))}"
            yield f"{self.name}: full marks on {about}"
        for item in result.items:
            if self.stub and (item.score or item.status is not Status.NOT_ATTEMPTED):
                yield f"{self.name}: {item.id} is {item.status!s} with {float(item.score):g} marks"
            if not self.must_lose and not self.stub and item.score != item.max_score:
                lost = [f"{test.test} ({test.message or test.status!s})" for test in item.tests if not test.score]
                yield f"{self.name}: {item.id} lost marks: {', '.join(lost)}"
            if self.named and self.mistake is not None and item.id == self.mistake.item:
                told = [test.diagnosis for test in item.tests]
                if told != [self.mistake.says]:
                    yield f"{self.name}: called {told[0]!r}"


def cases(unit: Unit, topics: Sequence[Topic] | None = None) -> Iterator[Case]:
    """The solutions, the stubs, the right modules and the mistakes of these topics, or of all."""
    topics = unit.spec.topics if topics is None else topics
    solutions = files_of(unit, unit.solutions)
    items = frozenset(item.id for topic in topics for item in topic.items)
    yield Case("solutions", items, solutions)
    yield Case("stubs", items, files_of(unit, unit.assignments), stub=True)
    for topic in topics:
        items = frozenset(item.id for item in topic.items)
        for name, path in right_modules_of(unit, topic).items():
            files = solutions | {topic.file: path.read_bytes()}
            yield Case(f"right/{topic.name}/{name}", items, files, right=True)
        solution = solutions[topic.file].decode()
        if topic.kind == "answers":
            yield from (
                Case(
                    f"near miss {topic.name}/{miss.id}",
                    items,
                    solutions | {topic.file: changed.encode()},
                    miss,
                    named=True,
                )
                for miss, changed in near_misses_of(unit, topic, solution)
            )
        bank = mistakes_of(unit, topic)
        for mistake in bank:
            changed = solutions | {topic.file: mistake.applied_to(solution, topic.kind).encode()}
            name, says = f"mistake {topic.name}/{mistake.id}", names_of(mistake, bank)
            yield Case(name, frozenset([mistake.item]), changed, mistake, says=says)


def mutant_cases(unit: Unit, topic: Topic) -> Iterator[Case]:
    """Every automatic mutant of a topic's solution; notebooks and answers have none."""
    if topic.kind != "module":
        return
    solutions = files_of(unit, unit.solutions)
    source = solutions[topic.file].decode()
    items = frozenset(item.name for item in topic.items)
    users = {name: frozenset([name]) for name in items} | helpers_of(source, items)
    for name, using in sorted(users.items()):
        about = frozenset(f"{topic.name}.{item}" for item in using)
        for mutant in mutants_of(source, frozenset([name])):
            files = solutions | {topic.file: mutant.applied_to(source).encode()}
            yield Case(f"mutant {topic.name}.{name}: {mutant}", about, files, mutant=mutant)


def files_of(unit: Unit, folder: Path) -> dict[str, bytes]:
    """Every topic's file in a folder."""
    return {topic.file: (folder / topic.file).read_bytes() for topic in unit.spec.topics}
