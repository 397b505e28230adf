"""A target in a process of its own: requests cross a channel, and its limits are watched from outside."""

import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psutil

from autograder.errors import GraderError
from autograder.machine.isolation import WAY_OUT, lacking
from autograder.spec import Limits
from autograder.student import wire
from autograder.student.channel import ChannelClosed
from autograder.student.notebook import MAX_CELLS
from autograder.student.worker import MAX_OUTPUT, WorkerConfig
from autograder.target.failures import (
    Crashed,
    Finding,
    ForbiddenShortcut,
    MissingName,
    TimedOut,
    student_error,
)
from autograder.target.forms import is_answer
from autograder.target.launcher import Ending, Launcher
from autograder.target.quota import Quota
from autograder.target.vocabulary import Vocabulary

_LOOK_EVERY = 0.02  # seconds between two looks at a worker's CPU time
_COUNT_EVERY = 0.1  # seconds between two looks at what it has on disk

OUT_OF_TIME = "Not run to its end: your submission has used up the {seconds:g} seconds that it has for everything."


@dataclass(frozen=True)
class Definition:
    """A function or class of the student's file."""

    name: str
    first_line: int
    last_line: int
    unwritten: bool


class ProcessTarget:
    """One worker. After a `Broken` finding it is of no further use: `alive` is false."""

    def __init__(self, launcher: Launcher, config: WorkerConfig, limits: Limits, deadline: float | None = None) -> None:
        self._launcher = launcher
        self._limits = limits
        bench = config.bench
        self._words = None if bench.reveal else Vocabulary(bench.topic, tuple(bench.topics), tuple(bench.forbidden))
        self._begun = False  # before, nothing hidden has been handed over
        self._seed: int | None = None  # of a test that has begun, until its first request
        self._deadline = deadline  # of the whole submission, by time.monotonic()
        scratch = config.allowance.scratch
        self._quota = Quota(scratch, limits.scratch_mb, limits.scratch_files) if scratch else None
        self._worker = launcher.launch(config)
        self._process: psutil.Process | None = None
        self._cpu_before: float | None = None  # CPU seconds when the test began; None: not looked at yet
        self._waited = 0.0  # seconds of waiting in the test's earlier calls
        self._waiting_since: float | None = None
        self._last_look = self._last_count = 0.0
        self._allow(limits.import_cpu_seconds)
        self.alive = True
        self.printed = ""
        self.isolation: tuple[str, ...] = ()
        self.shortcuts: tuple[ForbiddenShortcut, ...] = ()
        self.shortcut_places: tuple[str, ...] = ()
        self.outline: tuple[Definition, ...] = ()
        self.cell = 0  # of a notebook that is run cell by cell: the one that runs now

    def load(self, stepwise: bool = False) -> None:
        """Import the student's module; forbidden names seen in its source stand in `shortcuts` afterwards.

        With `stepwise` every cell of a notebook is a request of its own: after a `Crashed`, `cell` is the one.
        """
        self._greet()
        # A request of its own: answered before any of the student's code runs.
        found, outline, names = self.request({"op": "scan"})
        self.shortcuts = tuple(ForbiddenShortcut(name, line) for name, line, _ in found)
        self.shortcut_places = tuple(place for _, _, place in found)
        self.outline = tuple(Definition(*told) for told in outline)
        if self._words is not None:
            self._words = replace(self._words, names=frozenset(names))
        cell = self.request({"op": "load", "stepwise": stepwise})
        for _ in range(MAX_CELLS):  # it is the worker that says how many there are
            if cell is None:
                break
            self.cell = cell
            cell = self.request({"op": "step"})

    def answers(self) -> tuple[dict[str, Any], list[tuple[int, str, str]]]:
        """Instead of `load`, for a file of written answers: its constants and its problems.

        A problem is (line, what is wrong, the constant that it costs or "").
        """
        self._greet()
        values, problems = self.request({"op": "answers"})
        return values, problems

    def begin(self, seed: int, cpu_seconds: float) -> None:
        """The start of a test: its limits are counted from here, and its seed goes along with its first request."""
        self.printed = ""
        self._begun = True
        self._allow(cpu_seconds)
        self._seed = seed

    def request(self, request: dict[str, Any], resolve: Callable[[int, str], Any] = wire.Ref) -> Any:
        if not self.alive:
            raise Crashed("The process with your code has ended.")
        if self._seed is not None:
            request, self._seed = {**request, "begin": self._seed}, None
        number = secrets.randbits(64)
        try:
            self._worker.channel.send(request, number, self._watch)
        except wire.WireError as error:
            raise GraderError(f"a test sends what cannot be sent: {error}") from None
        except ChannelClosed:
            self._broken()
        words = self._words
        told = resolve if words is None else lambda number, kind: resolve(number, words.type_name(kind))
        answer = self._receive(told, number)
        printed = answer.get("output")
        self.printed += printed[:MAX_OUTPUT] if isinstance(printed, str) else ""
        if "value" in answer:
            if not is_answer(request, answer["value"]):
                raise self.no_answer()
            return answer["value"]
        raise self._finding(answer, request)

    def close(self) -> None:
        if self.alive:
            self.alive = False
            self._launcher.end(self._worker)

    # -- what comes back

    def _greet(self) -> None:
        try:
            hello = self._receive(wire.Ref, number=0)
        except Finding as error:  # none of the student's code has run
            raise GraderError(f"a worker did not start: {error}") from None
        if "layers" not in hello:
            raise GraderError(f"a worker could not be confined: {hello.get('unconfined')}")
        self.isolation = tuple(str(layer) for layer in hello["layers"])
        if self._quota is not None and (why := lacking(self.isolation)):  # a worker for hidden tests
            raise GraderError(f"nothing is graded without isolation: {why}; {WAY_OUT}")
        self._allow(self._limits.import_cpu_seconds)

    def _receive(self, resolve: Callable[[int, str], Any], number: int) -> dict[str, Any]:
        began = time.monotonic()
        try:
            answer = self._worker.channel.receive(resolve, number, self._watch)
        except ChannelClosed:
            self._broken()
        except wire.WireError:
            raise self.no_answer() from None
        finally:
            self._waited += time.monotonic() - began
            self._waiting_since = None
        if not isinstance(answer, dict):
            raise self.no_answer()
        return answer

    def no_answer(self) -> Crashed:
        """The finding that what came is none; the worker is ended, since nothing that it says can be relied on."""
        self.close()
        return Crashed("The process with your code sent something that is not an answer.")

    def _finding(self, answer: dict[str, Any], request: dict[str, Any]) -> Exception:
        words = self._words if self._begun else None
        match answer:
            case {"error": dict(told)}:
                return words.error(told) if words else student_error(told)
            case {"forbidden": [str(name), int(line)]} if words is None or words.is_forbidden(name, line):
                return ForbiddenShortcut(name, line)
            case {"missing": str(text)} if words is None or words.is_missing(text, request):
                return MissingName(text)
            case {"fault": str()}:
                _check_readable(request)  # it is: then a handle has been forged, or memory is used up
        return self.no_answer()

    def _broken(self) -> None:
        ending = self._end()
        if "CPU time" in str(ending):
            raise TimedOut("Your code used up the CPU time that all its tests have together.")
        killed = ending.signal == getattr(signal, "SIGKILL", -1)
        raise Crashed(f"The Python process with your code ended before it gave an answer: {ending}.", killed)

    def _end(self) -> Ending:
        self.alive = False
        return self._launcher.end(self._worker)

    # -- limits

    def _allow(self, cpu_seconds: float) -> None:
        self._cpu_limit = cpu_seconds
        self._wall_limit = self._limits.wall_seconds(cpu_seconds)
        self._cpu_before = None
        self._waited = 0.0
        self._waiting_since = None
        self._last_look = 0.0

    def _watch(self) -> None:
        """Called while waiting for the worker; ends it and raises `TimedOut` when a limit is passed."""
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        if self._cpu_before is not None and now - self._last_look < _LOOK_EVERY:
            return
        self._last_look = now
        used = self._cpu_seconds()
        if self._cpu_before is None:
            self._cpu_before = used
        if used - self._cpu_before > self._cpu_limit:
            self._end()
            raise TimedOut(f"Your code was stopped after {self._cpu_limit:g} seconds of CPU time.")
        if self._waited + now - self._waiting_since > self._wall_limit:
            self._end()
            raise TimedOut(f"Your code was stopped after {self._wall_limit:g} seconds without an answer.")
        if self._deadline is not None and self.isolation and now > self._deadline:  # its start is not the student's
            self._end()
            raise TimedOut(OUT_OF_TIME.format(seconds=self._limits.submission_seconds))
        if self._quota is not None and now - self._last_count > _COUNT_EVERY:
            self._last_count = now
            if self._quota.passed(self._worker.pid):
                self._end()
                raise Crashed(
                    f"Your code was stopped: its files took more than {self._quota.megabytes} MB, or were more than "
                    f"{self._quota.entries}."
                )

    def _cpu_seconds(self) -> float:
        """CPU time of the worker, all threads, as the system counts it."""
        try:
            if sys.platform == "linux":  # the clock of that process, as clock_getcpuclockid(3) gives it: a microsecond
                return time.clock_gettime(~self._worker.pid << 3 | 2)
            self._process = self._process or psutil.Process(self._worker.pid)
            times = self._process.cpu_times()
        except (OSError, psutil.Error):
            return self._cpu_before or 0.0
        return float(times.user + times.system)


def _check_readable(request: dict[str, Any]) -> None:
    """Raises `GraderError` where a request cannot be read by anybody."""
    try:
        wire.decode(*wire.encode(request))
    except wire.WireError as error:
        raise GraderError(f"a test asks for what cannot be: {error}") from None
