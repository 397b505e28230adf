"""One topic of one submission: its worker, made anew after every test that broke it, and its tests, run one by one."""

import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.grading.illustration import picture_of
from autograder.grading.outcome import Outcome, finding_outcome, shortcut_message
from autograder.grading.recording import Record, Recorder
from autograder.grading.scratch import made_scratch
from autograder.grading.seeds import seed_for
from autograder.grading.suite import Suite
from autograder.machine.isolation import reads_of
from autograder.pictures import Picture
from autograder.results import Status
from autograder.spec import Item, Topic, Unit
from autograder.student.jail import Allowance
from autograder.student.workbench import BenchConfig
from autograder.student.worker import WorkerConfig
from autograder.submission import Submission
from autograder.target.failures import Finding
from autograder.target.launcher import Launcher
from autograder.target.loading import load
from autograder.target.process import OUT_OF_TIME, Definition, ProcessTarget

_TIMEOUTS_BORNE = 2  # by an item, before its other tests count as timeouts without running


def worker_config(unit: Unit, bench: BenchConfig, directory: Path, scratch: Path | None = None) -> WorkerConfig:
    """What a worker is told: the bench and the limits of grading.yml. With `scratch` it is kept to that folder."""
    limits = unit.spec.limits
    allowance = Allowance(limits.topic_cpu_seconds, limits.memory_mb, limits.file_mb)
    if scratch is not None:
        allowance = replace(allowance, scratch=str(scratch), reads=reads_of(unit))
    return WorkerConfig(bench, allowance, str(directory), limits.message_mb << 20, unit.spec.threads)


def bench_config(unit: Unit, topic: Topic, folder: Path, **rest: Any) -> BenchConfig:
    """A bench for a topic whose files stand in `folder`."""
    return BenchConfig(
        topic=topic.name,
        folder=str(folder),
        kind=topic.kind,
        load_seconds=unit.spec.limits.import_cpu_seconds,
        topics=unit.spec.importable,
        props=str(unit.props),
        stand_ins=str(unit.stand_ins),
        forbidden=topic.forbidden.names if topic.forbidden else (),
        **rest,
    )


class TopicRun:
    """A context manager: it holds a worker and a scratch folder."""

    def __init__(
        self,
        unit: Unit,
        topic: Topic,
        submission: Submission,
        suite: Suite[Any],
        launcher: Launcher,
        replaced_modules: tuple[str, ...] = (),
        replaced_names: tuple[str, ...] = (),
        deadline: float | None = None,
    ) -> None:
        self.isolation: tuple[str, ...] = ()
        self.failed_import: Finding | None = None
        self.ended_cells: set[int] = set()  # of a notebook: they end the process, and are left out
        self.records: dict[str, Record] = {}  # by test: what was asked and answered
        self._unit = unit
        self._topic = topic
        self._submission = submission
        self._suite = suite
        self._launcher = launcher
        self._replaced = {"replaced_modules": replaced_modules, "replaced_names": replaced_names}
        self._deadline = deadline  # of the whole submission, by time.monotonic()
        self._target: ProcessTarget | None = None
        self._scratch = ExitStack()

    def __enter__(self) -> "TopicRun":
        return self

    def __exit__(self, *_: object) -> None:
        self._end_worker()

    def run_item(
        self, item: Item, secret: bytes, skip: Mapping[str, Outcome], hurry: Collection[str] | None = None
    ) -> dict[str, Outcome]:
        """The outcome of each of the item's tests; those in `skip` are taken as they are.

        With `hurry` the tests in it come first, and after one that was not passed no other is run or told of.
        """
        submission = self._submission.topic_sha256([self._topic.file])
        outcomes: dict[str, Outcome] = {}
        timeouts = 0
        for test in sorted(item.tests, key=lambda test: hurry is None or test not in hurry):
            if hurry is not None and any(outcome.status is not Status.PASSED for outcome in outcomes.values()):
                break
            if test in skip:
                outcomes[test] = skip[test]
            elif timeouts >= _TIMEOUTS_BORNE:
                outcomes[test] = Outcome(Status.TIMEOUT, f"Not run, after {timeouts} timeouts of this exercise.")
            elif self._deadline is not None and time.monotonic() > self._deadline:
                seconds = self._unit.spec.limits.submission_seconds
                outcomes[test] = Outcome(Status.TIMEOUT, OUT_OF_TIME.format(seconds=seconds))
            else:
                seed = seed_for(secret, submission, f"{self._topic.name}.{test}")
                outcomes[test] = self._run(item, test, seed)
                timeouts += outcomes[test].status is Status.TIMEOUT
        return _forfeited(outcomes)

    def picture(self, item: Item) -> Picture | None:
        """What the student's own functions give, to be drawn; to be asked for once all tests have been run."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return None
        target = self._ready_target()
        return picture_of(self._unit, self._topic, item, target) if target is not None else None

    def _run(self, item: Item, test: str, seed: int, again: bool = False) -> Outcome:
        """One test's outcome. A process that somebody may have killed is tried again: it costs the student nothing."""
        target = self._ready_target()
        if target is None:
            assert self.failed_import is not None
            return self._without_module(self.failed_import, item)
        for shortcut, place in zip(target.shortcuts, target.shortcut_places, strict=True):
            if place == item.name:
                return Outcome(Status.FAILED, shortcut_message(shortcut, item), shortcut_line=shortcut.line)
        recorder = Recorder(target)
        outcome = self._suite.run(self._topic.name, item, test, recorder, seed)
        self.records[test] = recorder.record
        if outcome.killed and not again:
            return self._run(item, test, seed, again=True)
        return self._in_place(outcome, item, target.outline)

    def _in_place(self, outcome: Outcome, item: Item, outline: tuple[Definition, ...]) -> Outcome:
        """The outcome, with what the source tells: a stub is not attempted; another item's shortcut is that item's."""
        if outcome.status is Status.FAILED and any(each.unwritten and each.name == item.name for each in outline):
            return replace(outcome, status=Status.NOT_ATTEMPTED, message="Not written yet.")
        others = {each.name for each in self._topic.items} - {item.name}
        for each in outline:
            if each.name in others and each.first_line <= outcome.shortcut_line <= each.last_line:
                return replace(outcome, shortcut_line=0)
        return outcome

    def _ready_target(self) -> ProcessTarget | None:
        """The worker with the module in it; None where the module cannot be imported, which is tried once only."""
        if self._target is not None and not self._target.alive:
            self._end_worker()
        if self._target is None and self.failed_import is None:
            try:
                load(self._started, self._topic.kind == "notebook", self.ended_cells)
            except Finding as error:
                self.failed_import = error
            assert self._target is not None
            self.isolation = self._target.isolation
            if self.failed_import is not None:
                self._end_worker()
        return self._target

    def _started(self, ended_cells: tuple[int, ...]) -> ProcessTarget:
        self._end_worker()
        scratch = self._scratch.enter_context(made_scratch(self._unit, self._topic, self._submission))
        folder = scratch / "assignments"
        bench = bench_config(self._unit, self._topic, folder, ended_cells=ended_cells, **self._replaced)
        self._target = ProcessTarget(
            self._launcher,
            worker_config(self._unit, bench, folder, scratch),
            self._unit.spec.limits,
            self._deadline,
        )
        return self._target

    def _without_module(self, error: Finding, item: Item) -> Outcome:
        outcome = finding_outcome(error, item, reveal=True)  # no test has run: nothing hidden can be in it
        status = Status.FAILED if outcome.status is Status.NOT_ATTEMPTED else outcome.status
        verb = "read" if self._topic.kind == "notebook" else "imported"
        return Outcome(
            status,
            f"{self._topic.file} cannot be {verb}. {outcome.message}",
            outcome.note,
            shortcut_line=outcome.shortcut_line,
        )

    def _end_worker(self) -> None:
        if self._target is not None:
            self._target.close()
            self._target = None
        self._scratch.close()


def _forfeited(outcomes: dict[str, Outcome]) -> dict[str, Outcome]:
    """A forbidden shortcut fails the whole item, and no other."""
    shortcut = next((outcome for outcome in outcomes.values() if outcome.shortcut_line), None)
    if shortcut is None:
        return outcomes
    return {
        test: Outcome(Status.FAILED, shortcut.message, shortcut_line=shortcut.shortcut_line, seconds=o.seconds)
        for test, o in outcomes.items()
    }
