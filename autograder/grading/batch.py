"""A class of submissions: job processes beside each other, each with the warm tests and a warm zygote of its own.

The tests are collected once and torch is imported twice, once by the grader and once by the first zygote, at the same
time; every job is a fork of both. Results are told as they come and returned in the order of the submissions. A job
that dies is the grader's fault: its submission is tried once more in a new job, then told as not graded.
"""

import importlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

from autograder.errors import GraderError, UsageError
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.session import Session, ungraded
from autograder.grading.suite import Suite, collect
from autograder.results import Result
from autograder.spec import Topic, Unit
from autograder.student.jail import die_with_parent
from autograder.submission import Submission
from autograder.target.launcher import CAN_FORK, Zygote

_TRIES = 2


@dataclass
class Watcher:
    """Who wants to know how a class is getting on. `tick` is called a few times a second."""

    on_start: Callable[[Submission], None] = lambda _: None
    on_result: Callable[[Result], None] = lambda _: None
    tick: Callable[[], None] = lambda: None


def grade_class(
    unit: Unit,
    submissions: Sequence[Submission],
    secret: bytes,
    jobs: int | None = None,
    watcher: Watcher | None = None,
    only: Mapping[str, frozenset[str]] | None = None,
    names: bool = True,
    hurry: Mapping[str, Collection[str]] | None = None,
) -> list[Result]:
    """Grade them all. A submission that the grader fails on is told in its result; the others go on.

    `only` names, by student, the items to grade where that is not all. Without `names` no mistake is named.
    Of the students in `hurry` it is only found out which items lose marks (see `Session.grade`).
    """
    if not CAN_FORK:
        raise UsageError("`grade` runs on Linux only: elsewhere nothing keeps a student's code from the hidden tests")
    jobs = max(1, min(jobs or default_jobs(), len(submissions)))
    topics = _topics_to_run(unit, submissions, only or {})
    preload = unit.spec.preload_for(topics)
    with Zygote(preload, unit.spec.threads) as zygote:  # its imports run while ours do

        def body(suite: Suite[list[Result]]) -> list[Result]:
            for name in preload:  # the reference runs here, and the jobs share what is imported
                importlib.import_module(name)
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(unit.spec.threads)
            pool = _Pool(unit, submissions, secret, suite, zygote, watcher or Watcher(), only or {}, names, hurry or {})
            return pool.run(jobs)

        return collect(unit, "hidden", [topic.name for topic in topics if topic.kind != "answers"], body)


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
    secret: bytes
    suite: Suite[list[Result]]
    zygote: Zygote
    watcher: Watcher
    only: Mapping[str, frozenset[str]]
    names: bool
    hurry: Mapping[str, Collection[str]]
    results: dict[int, Result] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)

    def run(self, jobs: int) -> list[Result]:
        waiting = deque(range(len(self.submissions)))
        running: list[_Job] = []
        try:
            while waiting or any(job.busy is not None for job in running):
                while waiting and len(running) < jobs:
                    running.append(self._start_job())
                for job in running:
                    if job.busy is None and waiting:
                        job.busy = waiting.popleft()
                        self.watcher.on_start(self.submissions[job.busy])
                        job.connection.send(job.busy)
                self._collect(running, waiting)
                self.watcher.tick()
        finally:
            for job in running:
                job.connection.close()
                job.process.terminate()
                job.process.join()
        return [self.results[number] for number in range(len(self.submissions))]

    def _start_job(self) -> _Job:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        zygote = self.zygote.clone()
        process = context.Process(target=self._serve, args=(theirs, zygote), daemon=True)
        process.start()
        theirs.close()
        zygote.forget()
        return _Job(process, ours)

    def _serve(self, connection: Connection, zygote: Zygote) -> None:
        """In the job's process: grade what is asked for until nothing more is."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
        die_with_parent()  # a parent that is killed ends nobody
        session = Session(self.unit, self.suite, zygote, self.secret, Diagnoser(self.unit) if self.names else None)
        while True:
            try:
                number = connection.recv()
            except EOFError:
                return
            try:
                submission = self.submissions[number]
                student = submission.student
                answer: Result | str = session.grade(submission, self.only.get(student), self.hurry.get(student))
            except GraderError as error:
                answer = str(error)
            except Exception:
                answer = traceback.format_exc()
            connection.send(answer)

    def _collect(self, running: list[_Job], waiting: deque[int]) -> None:
        ready = wait([job.connection for job in running if job.busy is not None], timeout=0.2)
        for job in list(running):
            if job.connection not in ready or job.busy is None:
                continue
            number, job.busy = job.busy, None
            try:
                answer = job.connection.recv()
            except EOFError:
                running.remove(job)
                job.process.join()
                self.tries[number] = self.tries.get(number, 0) + 1
                if self.tries[number] < _TRIES:
                    waiting.appendleft(number)
                    continue
                answer = f"the job that graded it ended with status {job.process.exitcode}"
            if isinstance(answer, str):
                answer = self._failed(number, answer)
            self.results[number] = answer
            self.watcher.on_result(answer)

    def _failed(self, number: int, why: str) -> Result:
        print(f"The grader failed on {self.submissions[number].student}:\n{why}", file=sys.stderr)  # noqa: T201  # loud
        problem = (
            "The grader failed on this submission; this is not your fault, and no mark of 0. Your instructor knows why."
        )
        return ungraded(self.unit, self.submissions[number], (problem,))
