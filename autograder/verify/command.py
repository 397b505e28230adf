"""`autograder verify`: the hidden tests are instruments, and this measures them and tells what it found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.grading.batch import Watcher, default_jobs
from autograder.spec import Topic, Unit
from autograder.verify import changed, costing, matrix
from autograder.verify.cases import cases, mutant_cases
from autograder.verify.controls import controls
from autograder.verify.names import Names
from autograder.verify.proof import Proof, prove
from autograder.verify.survivors import Reckoning, explanations_of, reckon
from autograder.verify.transplant import named_elsewhere

FOLDER = changed.KEPT.parent


@dataclass(frozen=True)
class Asked:
    """What a run of `verify` is to do."""

    topics: tuple[str, ...] = ()
    seeds: int = 3
    names: bool = False  # see how many mistakes a report names
    mutants: bool = False  # make mutants of the solutions, and see which survive
    show_matrix: bool = False
    record: bool = False  # write down how many mistakes each test catches
    only_changed: bool = False  # skip topics that were proved as they are
    jobs: int | None = None

    @property
    def how(self) -> str:
        return f"{self.seeds} seeds{' names' if self.names else ''}{' mutants' if self.mutants else ''}"


def verify(unit: Unit, asked: Asked) -> int:
    """Prove these topics, or all; print what was found, and return the exit status."""
    console = Console(highlight=False)
    asked = replace(asked, jobs=asked.jobs or default_jobs() + 1)  # one waits for a mistake that never ends
    topics = [unit.spec.topic(name) for name in asked.topics] or list(unit.spec.topics)
    if asked.only_changed:
        left = changed.unproved(unit, topics, asked.how)
        if len(left) < len(topics):
            proved = (topic.title for topic in topics if topic not in left)
            console.print(f"Proved before, and unchanged: {', '.join(proved)}")
        topics = left
        if not topics:
            return 0
    proof = _proof(unit, topics, asked, console)
    names = _names(unit, topics, proof, asked, console) if asked.names else None
    reckonings = [_reckoning(unit, topic, asked, console) for topic in topics if asked.mutants]
    found = matrix.grids(tuple(topics), proof)
    (unit.root / FOLDER).mkdir(parents=True, exist_ok=True)
    matrix.write_csv(found, unit.root / FOLDER / "matrix.csv")
    matrix.write_html(found, unit.root / FOLDER / "matrix.html")
    if asked.record:
        matrix.record(unit, topics, found, costing.measured(unit, topics))
    if asked.show_matrix:
        console.print("\n".join(matrix.lines(found)), markup=False, soft_wrap=True)
    if names:
        names.write_csv(unit.root / FOLDER / "names.csv")
        for line in names.told:
            console.print(line, markup=False, soft_wrap=True)
    console.print(_table(found, reckonings, asked))
    for line in (*proof.wrong, *(line for each in reckonings for line in _told(each))):
        console.print(f"✗ {line}", markup=False, soft_wrap=True)
    missed = [*missed_thresholds(unit, topics, proof, reckonings, found), *(names.missed(unit) if names else ())]
    for line in missed:
        console.print(f"✗ {line}", markup=False, soft_wrap=True)
    console.print(f"Which test catches what: {FOLDER / 'matrix.html'}, {FOLDER / 'matrix.csv'}")
    if names:
        console.print(f"What each mistake is called: {FOLDER / 'names.csv'}")
    if missed:
        console.print(f"{len(missed)} things are not as they must be.")
        return 1
    console.print("Everything is as it must be.")
    changed.keep(unit, topics, asked.how)
    return 0


def missed_thresholds(
    unit: Unit, topics: Sequence[Topic], proof: Proof, reckonings: Sequence[Reckoning], found: Sequence[matrix.Grid]
) -> Iterator[str]:
    """What is less than `verify:` in grading.yml demands, and what must hold in any case."""
    limits = unit.spec.verify
    for verdict in proof.verdicts:
        if verdict.wrong and not verdict.case.must_lose and not verdict.case.right:
            yield f"{verdict.case.name}: {len(verdict.wrong)} items are not as they must be"
    mistakes = [verdict for verdict in proof.verdicts if verdict.case.mistake is not None]
    right = [verdict for verdict in proof.verdicts if verdict.case.right]
    for what, good, share in (
        ("mistakes are caught", [not verdict.wrong for verdict in mistakes], limits.caught),
        ("different right solutions get full marks", [not verdict.wrong for verdict in right], limits.right),
    ):
        if sum(good) < share * len(good):
            yield f"{sum(good)} of {len(good)} {what}; grading.yml demands {float(share):.0%}"
    idle = [f"{grid.item.id}: {test}" for grid in found for test in grid.idle]
    if len(idle) > limits.idle_tests:
        yield f"{len(idle)} tests catch nothing; grading.yml allows {limits.idle_tests}: {', '.join(idle)}"
    for line in matrix.blunted(unit, topics, found, limits.sharpness):
        yield f"{line}; grading.yml demands {float(limits.sharpness):.0%}"
    for reckoning in reckonings:
        bad = len(reckoning.unexplained) + len(reckoning.refuted) + len(reckoning.stale)
        if bad:
            yield f"{bad} mutants or explanations of mutants, told above, are not as they must be"
        for item in (item for topic in topics for item in topic.items):
            killed, count = reckoning.share_killed(item)
            if count and Fraction(killed, count) < limits.mutants:
                demanded = f"{float(limits.mutants):.0%}"
                yield f"{item.id}: {killed} of {count} mutants are killed; grading.yml demands {demanded}"


def _told(reckoning: Reckoning) -> Iterator[str]:
    where = "tests/mutants"
    yield from (f"{each.case.name}\n    survives: kill it, or explain it in {where}" for each in reckoning.unexplained)
    yield from (f"{each}\n    is explained in {where}, and killed" for each in reckoning.refuted)
    yield from (f"{each}\n    is explained in {where}, and there is no such mutant" for each in reckoning.stale)


def _proof(unit: Unit, topics: Sequence[Topic], asked: Asked, console: Console) -> Proof:
    all_cases = list(cases(unit, topics))
    console.print(f"{', '.join(topic.title for topic in topics)}: {len(all_cases)} cases, {asked.seeds} seeds each")
    seeds = [f"verify-{number}".encode() for number in range(1, asked.seeds + 1)]
    with _progress(console) as progress:
        watcher = _watcher(progress, "graded", len(all_cases))
        return prove(unit, all_cases, seeds, watcher, asked.names, jobs=asked.jobs)


def _names(unit: Unit, topics: Sequence[Topic], proof: Proof, asked: Asked, console: Console) -> Names:
    every = [case for topic in topics for case in controls(unit, topic)]
    with _progress(console) as progress:
        elsewhere = named_elsewhere(unit, topics, _watcher(progress, "in other right modules", None), asked.jobs)
        watcher = _watcher(progress, "what has no name", len(every))
        nameless = prove(unit, every, [b"controls"], watcher, names=True, jobs=asked.jobs).verdicts
    return Names(proof.verdicts, tuple(elsewhere), nameless)


def _reckoning(unit: Unit, topic: Topic, asked: Asked, console: Console) -> Reckoning:
    explanations = explanations_of(unit, topic)
    mutants = list(mutant_cases(unit, topic))
    if not mutants:
        return reckon((), explanations)
    with _progress(console) as progress:
        watcher = _watcher(progress, f"{topic.title}: mutants", len(mutants))
        proof = prove(unit, mutants, [b"mutants"], watcher, hurry=True, jobs=asked.jobs)
    return reckon(proof.verdicts, explanations)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, auto_refresh=False, transient=True)


def _watcher(progress: Progress, what: str, total: int | None) -> Watcher:
    task = progress.add_task(what, total=total)
    return Watcher(on_graded=lambda *_: progress.advance(task), tick=progress.refresh)


def _table(found: Sequence[matrix.Grid], reckonings: Sequence[Reckoning], asked: Asked) -> Table:
    """A line an item: how many mistakes and mutants there are, and how many are caught."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("item")
    table.add_column("caught", justify="right")
    table.add_column("named" if asked.names else "", justify="right")
    table.add_column("mutants killed" if asked.mutants else "", justify="right")
    table.add_column("tests that catch nothing", overflow="fold")
    for grid in found:
        verdicts = grid.verdicts
        caught = f"{sum(verdict.lost for verdict in verdicts)} of {len(verdicts)}"
        named = ""
        if asked.names:
            wrongly = sum(verdict.misnamed for verdict in verdicts)
            named = f"{sum(verdict.named for verdict in verdicts)}{f' ({wrongly} wrongly)' if wrongly else ''}"
        shares = [share for each in reckonings if (share := each.share_killed(grid.item))[1]]
        killed = "".join(f"{killed} of {count}" for killed, count in shares)
        table.add_row(grid.item.id, caught, named, killed, ", ".join(grid.idle))
    return table
