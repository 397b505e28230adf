"""A class of submissions, as the command sees it: the grader is started, given its work, and listened to.

    the command  --exec-->  zygote  --fork-->  grader  --fork-->  jobs
                               `--fork-->  zygotes, one a job  --fork-->  workers

What takes seconds to import is imported once, by the first zygote, which never holds a test, a solution or a secret.
The grader is a fork of it that is told them afterwards; see `autograder.grading.pool`. The command's own process stays
small: results are told as they come, and not kept here. A grader that is killed is started again with what is left.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle

from autograder.errors import GraderError, UsageError
from autograder.grading.parts import Graded, Known, ungraded
from autograder.grading.runs import Run, Sought
from autograder.grading.work import Answered, Failed, Finished, Request, Started, Work
from autograder.machine.temporary import temporary_root
from autograder.spec import Topic, Unit
from autograder.student.privileges import hide_memory
from autograder.submission import Submission
from autograder.target.launcher import CAN_FORK, LauncherEnded, Zygote

_TICK = 0.2  # seconds
_RESTARTS = 3  # of a grader that is killed


# What is sought of the submission of this number, and what it is graded again with.
How = Callable[[int], tuple[Sought, tuple[Run, ...]]]


@dataclass
class Watcher:
    """Who wants to know how a class is getting on. Numbers are places in the class; `tick` comes again and again."""

    on_start: Callable[[int], None] = lambda _: None
    on_graded: Callable[[int, Graded], None] = lambda *_: None
    tick: Callable[[], None] = lambda: None


class _GraderKilled(GraderError):
    """The grader's process has ended in the middle of its work."""


def grade_class(
    unit: Unit,
    submissions: Sequence[Submission],
    secret: bytes,
    jobs: int | None = None,
    watcher: Watcher | None = None,
    only: Mapping[str, frozenset[str]] | None = None,
    names: bool = True,
    how: How = lambda _: (Sought.MARKS, ()),
) -> list[Graded]:
    """What came of all, in order; see `grade_each`."""
    watcher = watcher or Watcher()
    found: dict[int, Graded] = {}

    def on_graded(number: int, graded: Graded) -> None:
        found[number] = graded
        watcher.on_graded(number, graded)

    collecting = replace(watcher, on_graded=on_graded)
    grade_each(unit, submissions, range(len(submissions)), secret, jobs, collecting, only, names, how=how)
    return [found[number] for number in range(len(submissions))]


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
    how: How = lambda _: (Sought.MARKS, ()),
) -> None:
    """Grade the submissions of these numbers; each is told as it is there, and not kept.

    A submission that the grader fails on is told in its result; the others go on. `only` names, by student, the items
    to grade where that is not all. Without `names` no mistake is named. Parts that are `known` are not made again.
    `how` tells, by number, what is sought of a submission, and with what it is graded again (see `Session.grade`).
    """
    if not CAN_FORK:
        raise UsageError("`grade` runs on Linux only: elsewhere nothing keeps a student's code from the hidden tests")
    topics = _topics_to_run(unit, [submissions[number] for number in numbers], only or {})
    left = list(numbers)

    def request(number: int) -> Request:
        return Request(submissions[number], (only or {}).get(submissions[number].student), known(number), *how(number))

    def answered(number: int, answer: Graded | str) -> None:
        left.remove(number)
        watcher.on_graded(number, told(unit, submissions[number], answer))

    hide_memory()  # the seeds' secret is in it
    restarts = 0
    while left:
        at_once = max(1, min(jobs or default_jobs(), len(left)))
        work = Work(unit, topics, unit.spec.preload_for(topics), secret, tuple(left), at_once, names)
        try:
            with temporary_root():
                _run(work, request, watcher, answered)
        except (_GraderKilled, LauncherEnded):
            restarts += 1
            if restarts > _RESTARTS:
                raise


def _run(
    work: Work, request: Callable[[int], Request], watcher: Watcher, answered: Callable[[int, Graded | str], None]
) -> None:
    """Start a grader, give it its work and listen until it is done."""
    with (
        Zygote(work.preload, work.unit.spec.threads, apart=True) as zygote,
        Connection(zygote.become("autograder.grading.pool").detach()) as grader,
    ):
        try:
            with zygote.clone().detach() as for_jobs:
                grader.send(work)
                send_handle(grader, for_jobs.fileno(), 0)
            _listen(grader, request, watcher, answered)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise _GraderKilled("the grader's process has ended in the middle of its work") from None


def _listen(
    grader: Connection,
    request: Callable[[int], Request],
    watcher: Watcher,
    answered: Callable[[int, Graded | str], None],
) -> None:
    while True:
        while not grader.poll(_TICK):
            watcher.tick()
        match grader.recv():
            case Started(number, again):
                if not again:
                    watcher.on_start(number)
                grader.send(request(number))
            case Answered(number, answer):
                answered(number, answer)
            case Failed(error):
                raise error
            case Finished():
                return
        watcher.tick()


def told(unit: Unit, submission: Submission, answer: Graded | str) -> Graded:
    """What a job answered; words are why the grader failed, which is said aloud and costs no marks."""
    if isinstance(answer, Graded):
        return answer
    print(f"The grader failed on {submission.student}:\n{answer}", file=sys.stderr)  # noqa: T201  # loud
    problem = (
        "The grader failed on this submission; this is not your fault, and no mark of 0. Your instructor knows why."
    )
    return Graded(ungraded(unit, submission, (problem,)))


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
