"""`autograder check`: a student's own check, with the public tests, in the student's own folder.

Here nothing is hidden, so a failure shows everything that helps: the line of the student's file, the shapes of the
variables there, what was printed.
"""

import gc
import pdb
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

import autograder
from autograder import __version__
from autograder.desk.answers import AnswersCheck, counted
from autograder.desk.cells import tell
from autograder.desk.checked import Checked
from autograder.desk.start import at_the_desk, launcher_for
from autograder.desk.target import DeskTarget
from autograder.grading.fingerprints import Table, diagnosis, read_table
from autograder.grading.outcome import Outcome, finding_outcome
from autograder.grading.recording import Record, Recorder
from autograder.grading.suite import Suite, TestTarget, collect
from autograder.report.text import clean
from autograder.results import ItemResult, Result, Status
from autograder.spec import Item, Topic, Unit
from autograder.student import notebook, wire
from autograder.student.notebook import Cell
from autograder.target.failures import Finding, StudentError, student_error
from autograder.target.launcher import Launcher
from autograder.target.process import ProcessTarget

SEED = 20_260_901  # public tests have nothing to hide: the same numbers every time
_MARKS = {Status.PASSED: ("✓", "green"), Status.NOT_ATTEMPTED: ("○", "yellow")}


def check(unit: Unit, topics: Sequence[str], console: Console, debug: bool = False, report: Path | None = None) -> bool:
    """Run the public tests of these topics, or of every topic whose file is there. True when all of them hold.

    `report` is a folder to write the result into, for programs: see `autograder.report.check_report`.
    """
    folder, present = at_the_desk(unit, topics)
    with launcher_for(unit, present) as launcher:
        return check_each(unit, present, folder, console, launcher, debug, report)


def check_each(
    unit: Unit,
    topics: Sequence[Topic],
    folder: Path,
    console: Console,
    launcher: Launcher,
    debug: bool = False,
    report: Path | None = None,
) -> bool:
    """The same for topics whose files are there, in workers of this launcher."""
    gc.disable()  # nothing of what is imported is ever collected, and looking for it takes a tenth of the time

    def body(suite: Suite[bool]) -> bool:
        gc.freeze()
        gc.enable()
        found = [check_topic(unit, each, folder, suite, console, launcher, debug) for each in topics]
        if report is not None:
            _write_report(unit, [item for checked in found for item in checked.results], report)
        return all(checked.held for checked in found)

    return collect(unit, "public", [topic.name for topic in topics if topic.kind != "answers"], body)


def check_topic(
    unit: Unit,
    topic: Topic,
    folder: Path,
    suite: Suite[bool],
    console: Console,
    launcher: Launcher,
    debug: bool = False,
) -> Checked:
    """Check one topic, and show what is found."""
    if topic.kind == "answers":
        return AnswersCheck(unit, topic, folder, console, launcher).run()
    return _Check(unit, topic, folder, suite, console, None if debug else launcher).run()


def _write_report(unit: Unit, items: Sequence[ItemResult], folder: Path) -> None:
    from autograder.report.check_report import write_check

    write_check(Result("check", tuple(items), (), (), "", __version__, unit=unit.spec.unit), unit, folder)


@dataclass
class _Check:
    """One topic's public tests. Without a launcher the student's code runs in this process, at the debugger."""

    unit: Unit
    topic: Topic
    folder: Path
    suite: Suite[bool]
    console: Console
    launcher: Launcher | None
    results: list[ItemResult] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)  # items of which nothing can be said before more is written
    found: dict[str, tuple[Outcome, Record]] = field(default_factory=dict)  # by test: what it asked and got

    def __post_init__(self) -> None:
        self.desk = DeskTarget(self.unit, self.topic, self.folder, self.launcher)

    def run(self) -> Checked:
        self.console.print(
            Text(f"\n{self.topic.title}", style="bold"), Text(str(self.folder / self.topic.file), style="dim")
        )
        claims: dict[str, Status] = {}
        try:
            self._show_failed_cells()
            for item in self.topic.items:
                outcomes = {test: self._outcome(item, test) for test in item.public}
                for test, (outcome, _) in outcomes.items():
                    claims[f"{item.name}: {self.suite.claim(self.topic.name, test)}"] = outcome.status
                self._show(item, outcomes)
                self._note(item, {test: outcome for test, (outcome, _) in outcomes.items()})
        except _ImportFailed as failed:
            for item in self.topic.items:
                self._note(item, dict.fromkeys(item.public, failed.outcome))
            claim = f"{self.topic.file} cannot be imported, so nothing in it can be checked yet."
            self._show_outcome(claim, failed.outcome, failed.printed)
            return Checked(held=False, readable=False, results=tuple(self.results))
        finally:
            self.desk.close()
        held = sum(status is Status.PASSED for status in claims.values())
        style = "green" if held == len(claims) else "bold"
        self.console.print(Text(f"{held} of {len(claims)} checks hold.", style=style), highlight=False)
        self.console.print(Text(self._next()), highlight=False)
        return Checked(held == len(claims), claims, results=tuple(self.results))

    def _next(self) -> str:
        """What to do now, where somebody looks who has scrolled to the end."""
        left = [each for each in self.results if each.status is not Status.PASSED]
        if not left:
            return "Marks come from more checks of these claims, on other inputs."
        # what is begun first, and extra credit last; what waits for another is no more begun than what is not written
        first = min(left, key=lambda each: (each.extra, each.id in self.waiting))
        name = first.id.partition(".")[2]
        if first.status is not Status.NOT_ATTEMPTED:
            return f"Next: mend {name}. Above stands what does not hold."
        return f"Next: write {name}." + (f" {self.topic.handout} explains it." if self.topic.handout else "")

    def _note(self, item: Item, outcomes: dict[str, Outcome]) -> None:
        claims = {test: self.suite.claim(self.topic.name, test) for test in outcomes}
        if outcomes:
            self.results.append(counted(item, {claims[test]: outcome for test, outcome in outcomes.items()}))
        if all(_waits(outcome) for outcome in outcomes.values()):
            self.waiting.add(item.id)

    def _outcome(self, item: Item, test: str) -> tuple[Outcome, str]:
        target = self._ready(item)
        if isinstance(target, ProcessTarget):
            target = Recorder(target)
        self.suite.on_failure = _debugger if self.launcher is None else lambda _: None
        outcome = self.suite.run(self.topic.name, item, test, target, SEED, reveal=True)
        if isinstance(target, Recorder):
            self.found[test] = outcome, target.record
        return outcome, self.desk.printed

    def _ready(self, item: Item) -> TestTarget:
        try:
            return self.desk.ready()
        except Finding as error:
            if self.launcher is None:
                _debugger(error)
            raise _ImportFailed(finding_outcome(error, item, reveal=True), self.desk.printed) from None

    @cached_property
    def _table(self) -> Table:
        """What misconceptions are named by, read once for a topic."""
        return read_table(self.unit)

    # -- what the student sees

    def _show_failed_cells(self) -> None:
        """Which cells of a notebook failed; the others were run all the same, and the checks go on with those."""
        if self.topic.kind != "notebook":
            return
        failures = self._ready(self.topic.items[0]).request({"op": "failures"}, wire.Ref)
        failed = frozenset(failure["cell"] for failure in failures)
        cells = _cells(self.folder / self.topic.file)
        for failure in failures:
            told = tell(failure["cell"], student_error(failure), cells, failed)
            symbol, colour = _MARKS[Status.NOT_ATTEMPTED] if told.passed_over else ("✗", "red")
            self.console.print(
                Text.assemble((f"  {symbol} ", colour), (clean(told.heading, 200), "" if told.passed_over else "bold"))
            )
            if told.text:
                self.console.print(Padding(_said(told.text), (0, 0, 0, 8)))

    def _show(self, item: Item, outcomes: dict[str, tuple[Outcome, str]]) -> None:
        if not outcomes:
            return
        passed = sum(outcome.status is Status.PASSED for outcome, _ in outcomes.values())
        statuses = {outcome.status for outcome, _ in outcomes.values()}
        if statuses == {Status.NOT_ATTEMPTED}:
            status, word = Status.NOT_ATTEMPTED, "not written yet"
        else:
            status = Status.PASSED if statuses == {Status.PASSED} else Status.FAILED
            word = f"{passed} of {len(outcomes)}"
        symbol, colour = _MARKS.get(status, ("✗", "red"))
        self.console.print(Text.assemble((f"  {symbol} ", colour), f"{item.name:<34}", (word, "dim")))
        if status is Status.NOT_ATTEMPTED:
            return
        for test, (outcome, printed) in outcomes.items():
            if outcome.status is not Status.PASSED:
                self._show_outcome(self.suite.claim(self.topic.name, test), outcome, printed)
        found = {test: self.found[test] for test in outcomes if test in self.found}
        if told := diagnosis(self._table, item, found):
            self.console.print(Padding(Text(told, style="italic"), (0, 0, 0, 6)))

    def _show_outcome(self, claim: str, outcome: Outcome, printed: str) -> None:
        show = self.console.print
        show(Padding(Text.assemble(("✗ ", "red"), (claim, "bold")), (0, 0, 0, 6)))
        show(Padding(_said(outcome.message), (0, 0, 0, 8)))
        for frame in outcome.error.frames if outcome.error else ():
            show(Padding(_said(f"{frame.place} {frame.function and 'in ' + frame.function}", "cyan"), (0, 0, 0, 8)))
            show(Padding(_said(frame.source), (0, 0, 0, 12)))
            if frame.shapes:
                shapes = "   ".join(f"{name} {shape}" for name, shape in frame.shapes)
                show(Padding(_said(shapes, "dim"), (0, 0, 0, 12)))
        if printed.strip():
            show(Padding(Text("it printed:", style="dim"), (0, 0, 0, 8)))
            show(Padding(_said("\n".join(printed.strip().splitlines()[-12:])), (0, 0, 0, 12)))


def _waits(outcome: Outcome) -> bool:
    return outcome.status is Status.NOT_ATTEMPTED or isinstance(outcome.error, NotImplementedError)


def _said(text: str, style: str = "") -> Text:
    """What the code under test said, without what a terminal would obey: whoever checks it need not have written it."""
    return Text(clean(text, 4000, lines=200), style)


class _ImportFailed(Exception):
    def __init__(self, outcome: Outcome, printed: str) -> None:
        super().__init__(outcome.message)
        self.outcome, self.printed = outcome, printed


def _cells(path: Path) -> list[Cell]:
    try:
        return notebook.read(path.read_bytes())
    except (notebook.NotANotebook, OSError):  # saved anew since it was loaded
        return []


def _debugger(error: BaseException) -> None:
    """Stop where the student's code raised its error or, where it gave a wrong answer, in the test; not at a TODO."""
    if isinstance(error, NotImplementedError):
        return
    print(f"\n{error}", file=sys.stderr)  # noqa: T201  # pdb's own terminal
    own = error.__cause__ if isinstance(error, StudentError) else None
    pdb.post_mortem(_up_to_the_students((own or error).__traceback__))


def _up_to_the_students(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without what lies deeper than the last line of the student's file or of the test, in libraries."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    libraries = (str(Path(autograder.__file__).parent), sys.prefix, sys.base_prefix, "<")
    deepest = max((n for n, each in enumerate(frames) if not _file(each).startswith(libraries)), default=len(frames))
    for each in reversed(frames[: deepest + 1]):
        trace = TracebackType(trace, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return trace


def _file(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename
