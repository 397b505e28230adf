"""`autograder verify`: the hidden tests are instruments, and this measures them.

Solutions and different right solutions must get full marks, empty stubs nothing, and every mistake of the bank must
lose marks on its own item, which is the one that is run. Each is graded as a submission is, in a worker
that can be killed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.grading.batch import Watcher, grade_class
from autograder.mistakes import Mistake, mistakes_of, near_misses_of, right_modules_of
from autograder.results import Result, Status
from autograder.spec import Topic, Unit
from autograder.submission import Submission

SEEDS = 3


@dataclass(frozen=True)
class Case:
    """Something to grade and what must come of it: a `mistake` loses marks on its item, a stub has none, others all."""

    name: str
    items: frozenset[str]  # those to run
    files: dict[str, bytes]
    mistake: Mistake | None = None
    stub: bool = False
    named: bool = False  # whether the report must name the mistake

    def wrong(self, result: Result) -> Iterator[str]:
        """What did not come out as it must."""
        if not result.graded:
            yield f"{self.name}: not graded: {' '.join(result.problems)}"
            return
        for item in result.items:
            if self.stub and (item.score or item.status is not Status.NOT_ATTEMPTED):
                yield f"{self.name}: {item.id} is {item.status!s} with {float(item.score):g} marks"
            if self.mistake is None and not self.stub and item.score != item.max_score:
                lost = [f"{test.test} ({test.message or test.status!s})" for test in item.tests if not test.score]
                yield f"{self.name}: {item.id} lost marks: {', '.join(lost)}"
            if self.mistake is not None and item.id == self.mistake.item and item.score == item.max_score:
                yield f"{self.name}: full marks on {item.id}: {self.mistake.says}"
            if self.named and self.mistake is not None and item.id == self.mistake.item:
                told = [test.diagnosis for test in item.tests]
                if told != [self.mistake.says]:
                    yield f"{self.name}: called {told[0]!r}"


def cases(unit: Unit, topics: Sequence[Topic] | None = None) -> Iterator[Case]:
    """The solutions, the stubs, the right modules and the mistakes of these topics, or of all."""
    topics = unit.spec.topics if topics is None else topics
    solutions = _files(unit, unit.solutions)
    items = frozenset(item.id for topic in topics for item in topic.items)
    yield Case("solutions", items, solutions)
    yield Case("stubs", items, _files(unit, unit.assignments), stub=True)
    for topic in topics:
        items = frozenset(item.id for item in topic.items)
        for name, path in right_modules_of(unit, topic).items():
            yield Case(f"right/{topic.name}/{name}", items, solutions | {topic.file: path.read_bytes()})
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
        for mistake in mistakes_of(unit, topic):
            changed = solutions | {topic.file: mistake.applied_to(solution, topic.kind).encode()}
            yield Case(f"mistake {topic.name}/{mistake.id}", frozenset([mistake.item]), changed, mistake)


@dataclass(frozen=True)
class Proof:
    """What came of all cases with one seed."""

    wrong: tuple[str, ...]
    kills: dict[str, Counter[str]]  # by item: how many mistakes each test caught
    named: Counter[str]  # by item: how many mistakes the report calls by their name


def prove(unit: Unit, all_cases: list[Case], seed: bytes, watcher: Watcher | None = None, names: bool = False) -> Proof:
    """Grade every case with one seed; with `names`, see what the report calls each mistake (slow)."""
    submissions = [
        Submission(student=str(number), source=Path(case.name), files=case.files)
        for number, case in enumerate(all_cases)
    ]
    only = {str(number): case.items for number, case in enumerate(all_cases)}
    results = grade_class(unit, submissions, seed, watcher=watcher, only=only, names=names)
    wrong: list[str] = []
    kills: dict[str, Counter[str]] = defaultdict(Counter)
    named: Counter[str] = Counter()
    for case, result in zip(all_cases, results, strict=True):
        wrong += case.wrong(result)
        if case.mistake is not None:
            item = next(item for item in result.items if item.id == case.mistake.item)
            kills[item.id].update(test.test for test in item.tests if test.status is not Status.PASSED)
            named[item.id] += any((test.diagnosis or "").startswith(case.mistake.says) for test in item.tests)
    return Proof(tuple(wrong), kills, named)


def verify(unit: Unit, only_topics: Sequence[str] = (), seeds: int = SEEDS, names: bool = False) -> int:
    """Prove these topics, or all, with so many seeds; print what was found, and return the exit status."""
    console = Console(highlight=False)
    topics = [unit.spec.topic(name) for name in only_topics] or list(unit.spec.topics)
    all_cases = list(cases(unit, topics))
    console.print(f"{', '.join(topic.title for topic in topics)}: {len(all_cases)} cases, {seeds} seeds each")
    columns = (TextColumn("graded"), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("", total=len(all_cases) * seeds)
        watcher = Watcher(on_graded=lambda *_: progress.advance(task), tick=progress.refresh)
        proofs = [prove(unit, all_cases, f"verify-{number}".encode(), watcher, names) for number in range(1, seeds + 1)]
    wrong = list(dict.fromkeys(line for proof in proofs for line in proof.wrong))
    _table(topics, all_cases, proofs, console, names)
    for line in wrong:
        console.print(f"✗ {line}", markup=False)
    console.print(f"{len(wrong)} things are not as they must be." if wrong else "Everything is as it must be.")
    return 1 if wrong else 0


def _files(unit: Unit, folder: Path) -> dict[str, bytes]:
    return {topic.file: (folder / topic.file).read_bytes() for topic in unit.spec.topics}


def _table(topics: Sequence[Topic], all_cases: list[Case], proofs: list[Proof], console: Console, names: bool) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("item")
    table.add_column("mistakes", justify="right")
    table.add_column("named" if names else "", justify="right")
    table.add_column("tests that catch none of them", overflow="fold")
    for item in (item for topic in topics for item in topic.items if item.completion is None):
        count = sum(case.mistake is not None and case.mistake.item == item.id for case in all_cases)
        idle = [test for test in item.tests if count and not any(proof.kills[item.id][test] for proof in proofs)]
        named = str(min(proof.named[item.id] for proof in proofs)) if names else ""
        table.add_row(item.id, str(count), named, ", ".join(idle))
    console.print(table)
