"""`autograder check`: a student's own check, with the public tests, in the student's own folder.

Here nothing is hidden, so a failure shows everything that helps: the line of the student's file, the shapes of the
variables there, what was printed.
"""

import pdb
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from autograder.check_answers import AnswersCheck
from autograder.errors import UsageError
from autograder.grading.fingerprints import diagnosis, read_table
from autograder.grading.outcome import Outcome, finding_outcome
from autograder.grading.recording import Record, Recorder
from autograder.grading.suite import Suite, TestTarget, collect
from autograder.grading.topic import bench_config, worker_config
from autograder.results import Status
from autograder.spec import Item, Topic, Unit
from autograder.student import wire
from autograder.target.failures import Finding, StudentError, student_error
from autograder.target.inprocess import InProcessTarget
from autograder.target.launcher import CAN_FORK, Launcher, Spawner, Zygote
from autograder.target.process import ProcessTarget

SEED = 20_260_901  # public tests have nothing to hide: the same numbers every time
_MARKS = {Status.PASSED: ("✓", "green"), Status.NOT_ATTEMPTED: ("○", "yellow")}


def launcher_for(unit: Unit, topics: Sequence[Topic]) -> Launcher:
    """Workers by fork where that is sound, spawned elsewhere. Start it early: it imports beside us."""
    preload, threads = unit.spec.preload_for(topics), unit.spec.threads
    return Zygote(preload, threads) if CAN_FORK else Spawner(preload, threads)


def check(unit: Unit, topics: Sequence[str], console: Console, debug: bool = False) -> bool:
    """Run the public tests of these topics, or of every topic whose file is there. True when all of them hold."""
    folder = unit.assignments if unit.assignments.is_dir() else unit.root
    chosen = [unit.spec.topic(name.removesuffix(".py").removesuffix(".ipynb")) for name in topics] or list(
        unit.spec.topics
    )
    present = [topic for topic in chosen if (folder / topic.file).is_file()]
    for topic in chosen:
        if topic not in present and topics:
            raise UsageError(f"{folder / topic.file} does not exist")
    if not present:
        raise UsageError(f"none of {', '.join(unit.spec.files)} in {folder}")
    with launcher_for(unit, present) as launcher:

        def body(suite: Suite[bool]) -> bool:
            held = [
                AnswersCheck(unit, topic, folder, console, launcher).run()
                if topic.kind == "answers"
                else _Check(unit, topic, folder, suite, console, None if debug else launcher).run()
                for topic in present
            ]
            return all(held)

        return collect(unit, "public", [topic.name for topic in present if topic.kind != "answers"], body)


@dataclass
class _Check:
    """One topic's public tests. Without a launcher the student's code runs in this process, at the debugger."""

    unit: Unit
    topic: Topic
    folder: Path
    suite: Suite[bool]
    console: Console
    launcher: Launcher | None
    target: ProcessTarget | InProcessTarget | None = None
    found: dict[str, tuple[Outcome, Record]] = field(default_factory=dict)  # by test: what it asked and got

    def run(self) -> bool:
        self.console.print(
            Text(f"\n{self.topic.title}", style="bold"), Text(str(self.folder / self.topic.file), style="dim")
        )
        held = total = 0
        try:
            self._show_failed_cells()
            for item in self.topic.items:
                outcomes = {test: self._outcome(item, test) for test in item.public}
                passed = sum(outcome.status is Status.PASSED for outcome, _ in outcomes.values())
                held, total = held + passed, total + len(outcomes)
                self._show(item, outcomes, passed)
        except _ImportFailed as failed:
            self._show_outcome(f"{self.topic.file} cannot be imported.", failed.outcome, failed.printed)
            return False
        finally:
            if isinstance(self.target, ProcessTarget):
                self.target.close()
        style = "green" if held == total else "bold"
        self.console.print(Text(f"{held} of {total} checks hold.", style=style), highlight=False)
        return held == total

    def _outcome(self, item: Item, test: str) -> tuple[Outcome, str]:
        target: TestTarget = self._ready(item)
        if isinstance(target, ProcessTarget):
            target = Recorder(target)
        self.suite.on_failure = _debugger if self.launcher is None else lambda _: None
        outcome = self.suite.run(self.topic.name, item, test, target, SEED, reveal=True)
        if not isinstance(target, Recorder):
            return outcome, ""
        self.found[test] = outcome, target.record
        return outcome, self.target.printed if isinstance(self.target, ProcessTarget) else ""

    def _ready(self, item: Item) -> TestTarget:
        if isinstance(self.target, ProcessTarget) and not self.target.alive:
            self.target = None
        if self.target is None:
            bench = bench_config(
                self.unit,
                self.topic,
                self.folder,
                reveal=True,
                isolated=self.launcher is not None,
                replaced_modules=self._absent(),
            )
            if self.launcher is None:
                self.target = InProcessTarget(bench)
            else:
                config = worker_config(self.unit, bench, self.folder)
                self.target = ProcessTarget(self.launcher, config, self.unit.spec.limits)
            try:
                self.target.load()
            except Finding as error:
                if self.launcher is None:
                    _debugger(error)
                printed = self.target.printed if isinstance(self.target, ProcessTarget) else ""
                raise _ImportFailed(finding_outcome(error, item, reveal=True), printed) from None
        return self.target

    def _absent(self) -> tuple[str, ...]:
        """Topics below this one that are not there, or not asked for: their stand-ins serve, as in grading."""
        there = {topic.name for topic in self.unit.spec.topics if (self.folder / topic.file).is_file()}
        absent = (name for name in sorted(self.topic.below - there) if (self.unit.stand_ins / f"{name}.py").is_file())
        return tuple(absent)

    # -- what the student sees

    def _show_failed_cells(self) -> None:
        """Which cells of a notebook failed; the others were run all the same, and the checks go on with those."""
        if self.topic.kind != "notebook":
            return
        for failure in self._ready(self.topic.items[0]).request({"op": "failures"}, wire.Ref):
            error = student_error(failure)
            line = f", line {error.frames[-1].line}: {error.frames[-1].source}" if error.frames else ""
            self.console.print(Text.assemble(("  ✗ ", "red"), (f"cell {failure['cell']} failed{line}", "bold")))
            self.console.print(Padding(Text(str(error)), (0, 0, 0, 8)))

    def _show(self, item: Item, outcomes: dict[str, tuple[Outcome, str]], passed: int) -> None:
        if not outcomes:
            return
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
        if told := diagnosis(read_table(self.unit), item, found):
            self.console.print(Padding(Text(told, style="italic"), (0, 0, 0, 6)))

    def _show_outcome(self, claim: str, outcome: Outcome, printed: str) -> None:
        show = self.console.print
        show(Padding(Text.assemble(("✗ ", "red"), (claim, "bold")), (0, 0, 0, 6)))
        show(Padding(Text(outcome.message), (0, 0, 0, 8)))
        for frame in outcome.error.frames if outcome.error else ():
            show(Padding(Text(f"{frame.place} {frame.function and 'in ' + frame.function}", "cyan"), (0, 0, 0, 8)))
            show(Padding(Text(frame.source), (0, 0, 0, 12)))
            if frame.shapes:
                shapes = "   ".join(f"{name} {shape}" for name, shape in frame.shapes)
                show(Padding(Text(shapes, style="dim"), (0, 0, 0, 12)))
        if printed.strip():
            show(Padding(Text("it printed:", style="dim"), (0, 0, 0, 8)))
            show(Padding(Text("\n".join(printed.strip().splitlines()[-12:])), (0, 0, 0, 12)))


class _ImportFailed(Exception):
    def __init__(self, outcome: Outcome, printed: str) -> None:
        super().__init__(outcome.message)
        self.outcome, self.printed = outcome, printed


def _debugger(error: BaseException) -> None:
    """Stop where the student's code raised its error or, where it gave a wrong answer, in the test."""
    print(f"\n{error}", file=sys.stderr)  # noqa: T201  # pdb's own terminal
    if isinstance(error, StudentError) and error.__cause__ is not None:
        pdb.post_mortem(error.__cause__.__traceback__)
    else:
        pdb.post_mortem(error.__traceback__)
