"""A class of submissions: job processes beside each other, each with the warm tests and a warm zygote of its own.

The tests are collected once and torch is imported twice, once by the grader and once by the first zygote, at the same
time; every job is a fork of both. Results are told as they come, and not kept here. A job that dies is the grader's
fault: its submission is tried once more in a new job, then told as not graded.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from autograder.errors import GraderError, UsageError
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.parts import Graded, Known
from autograder.grading.session import Session, ungraded
from autograder.grading.suite import Suite, collect
from autograder.results import Result
from autograder.spec import Topic, Unit
from autograder.student.jail import die_with_parent
from autograder.submission import Submission
from autograder.target.launcher import CAN_FORK, LauncherEnded, Zygote

_TRIES = 2
_RESTARTS = 3  # of a zygote that ends

Request = tuple[Submission, frozenset[str] | None, Known]  # what to grade, these items alone, what is known of it


@dataclass
class Watcher:
    """Who wants to know how a class is getting on. Numbers are places in the class; `tick` comes again and again."""

    on_start: Callable[[int], None] = lambda _: None
    on_graded: Callable[[int, Graded], None] = lambda *_: None
    tick: Callable[[], None] = lambda: None


def grade_class(
    unit: Unit,
    submissions: Sequence[Submission],
    secret: bytes,
    jobs: int | None = None,
    watcher: Watcher | None = None,
    only: Mapping[str, frozenset[str]] | None = None,
    names: bool = True,
) -> list[Result]:
    """The results of all, in order; see `grade_each`."""
    watcher = watcher or Watcher()
    results: dict[int, Result] = {}

    def on_graded(number: int, graded: Graded) -> None:
        results[number] = graded.result
        watcher.on_graded(number, graded)

    collecting = replace(watcher, on_graded=on_graded)
    grade_each(unit, submissions, range(len(submissions)), secret, jobs, collecting, only, names)
    return [results[number] for number in range(len(submissions))]


def grade_each(
    unit: Unit,
    submissions: Sequence[Submission],
    numbers: Sequence[int],
    secret: bytes,
    jobs: int | None,
    watcher: Watcher,
    only: Mapping[str, frozenset[str]] | None = None,
    names: bool = True,
    known: Callable[[int], Known] = lambda _: {},
) -> None:
    """Grade the submissions of these numbers; each is told as it is there, and not kept.

    A submission that the grader fails on is told in its result; the others go on. `only` names, by student, the items
    to grade where that is not all. Without `names` no mistake is named. Parts that are `known` are not made again.
    """
    if not CAN_FORK:
        raise UsageError("`grade` runs on Linux only: elsewhere nothing keeps a student's code from the hidden tests")
    if not numbers:
        return
    jobs = max(1, min(jobs or default_jobs(), len(numbers)))
    topics = _topics_to_run(unit, [submissions[number] for number in numbers], only or {})
    with Zygote(unit.spec.preload_for(topics), unit.spec.threads) as zygote:  # its imports run while ours do

        def body(suite: Suite[bool]) -> bool:
            warm_up(unit, topics)
            pool = _Pool(unit, submissions, numbers, secret, suite, zygote, watcher, only or {}, names, known)
            pool.run(jobs)
            return True

        collect(unit, "hidden", [topic.name for topic in topics if topic.kind != "answers"], body)


def warm_up(unit: Unit, topics: Sequence[Topic]) -> None:
    """Import here what the reference needs, so that forks share it."""
    for name in unit.spec.preload_for(topics):
        importlib.import_module(name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(unit.spec.threads)


def _topics_to_run(
    unit: Unit, submissions: Sequence[Submission], only: Mapping[str, frozenset[str]]
) -> tuple[Topic, ...]:
    """All topics, or those of the items in `only` where it names every submission."""
    if not all(submission.student in only for submission in submissions):
        return unit.spec.topics
    wanted = frozenset[str]().union(*only.values())
    return tuple(topic for topic in unit.spec.topics if any(item.id in wanted for item in topic.items))


def default_jobs() -> int:
    """As many as there are cores for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Job:
    process: ForkProcess
    connection: Connection
    busy: int | None = None  # the submission it is grading


@dataclass
class _Pool:
    unit: Unit
    submissions: Sequence[Submission]
    numbers: Sequence[int]
    secret: bytes
    suite: Suite[bool]
    zygote: Zygote
    watcher: Watcher
    only: Mapping[str, frozenset[str]]
    names: bool
    known: Callable[[int], Known]
    tries: dict[int, int] = field(default_factory=dict)
    restarts: int = 0

    def run(self, jobs: int) -> None:
        waiting = deque(self.numbers)
        running: list[_Job] = []
        try:
            while waiting or any(job.busy is not None for job in running):
                while waiting and len(running) < jobs:
                    running.append(self._start_job())
                for job in running:
                    if job.busy is None and waiting:
                        self._hand_out(job, waiting.popleft())
                self._collect(running, waiting)
                self.watcher.tick()
        finally:
            for job in running:
                job.connection.close()
                job.process.terminate()
                job.process.join()

    def _hand_out(self, job: _Job, number: int) -> None:
        if number not in self.tries:
            self.watcher.on_start(number)
        job.busy = number
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, which is seen where its answer is awaited
            job.connection.send((number, self.known(number)))

    def _start_job(self) -> _Job:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        zygote = self._clone()
        process = context.Process(target=self._serve, args=(theirs, zygote), daemon=True)
        process.start()
        theirs.close()
        zygote.forget()
        return _Job(process, ours)

    def _clone(self) -> Zygote:
        """A warm zygote for a job, even where the one that it is cloned from has been killed."""
        while True:
            try:
                return self.zygote.clone()
            except LauncherEnded:
                self.restarts += 1
                if self.restarts > _RESTARTS:
                    raise
                self.zygote.restart()

    def _serve(self, connection: Connection, zygote: Zygote) -> None:
        """In the job's process: grade what is asked for until nothing more is."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
        die_with_parent()  # a parent that is killed ends nobody
        diagnoser = Diagnoser(self.unit) if self.names else None

        def ask() -> Request:
            number, known = connection.recv()
            submission = self.submissions[number]
            return submission, self.only.get(submission.student), known

        serve(Session(self.unit, self.suite, zygote, self.secret, diagnoser), ask, connection.send)

    def _collect(self, running: list[_Job], waiting: deque[int]) -> None:
        ready = wait([job.connection for job in running if job.busy is not None], timeout=0.2)
        for job in list(running):
            if job.connection not in ready or job.busy is None:
                continue
            number, job.busy = job.busy, None
            try:
                answer = job.connection.recv()
            except (EOFError, OSError):
                running.remove(job)
                job.process.join()
                self.tries[number] = self.tries.get(number, 0) + 1
                if self.tries[number] < _TRIES:
                    waiting.appendleft(number)
                    continue
                answer = f"the job that graded it ended with status {job.process.exitcode}"
            self.watcher.on_graded(number, told(self.unit, self.submissions[number], answer))


def serve(session: Session, ask: Callable[[], Request], answer: Callable[[Graded | str], None]) -> None:
    """Grade what is asked for until nothing more is. What the grader fails on is answered with the reason.

    Comes back without an answer where the zygote has ended: whoever asks begins again with another.
    """
    while True:
        try:
            submission, only, known = ask()
        except EOFError:
            return
        try:
            answer(session.grade(submission, only, known))
        except LauncherEnded:
            return
        except GraderError as error:
            answer(str(error))
        except Exception:
            answer(traceback.format_exc())


def told(unit: Unit, submission: Submission, answer: Graded | str) -> Graded:
    """What a job answered; words are why the grader failed, which is said aloud and costs no marks."""
    if isinstance(answer, Graded):
        return answer
    print(f"The grader failed on {submission.student}:\n{answer}", file=sys.stderr)  # noqa: T201  # loud
    problem = (
        "The grader failed on this submission; this is not your fault, and no mark of 0. Your instructor knows why."
    )
    return Graded(ungraded(unit, submission, (problem,)))
