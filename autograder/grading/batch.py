"""A class of submissions, as the command sees it: the grader is started, given its work, and listened to.

    the command  --exec-->  zygote  --fork-->  grader  --fork-->  jobs
                               `--fork-->  zygotes, one a job  --fork-->  workers

What takes seconds to import is imported once, by the first zygote, which never holds a test, a solution or a secret.
The grader is a fork of it that is told them afterwards; see `autograder.grading.pool`. The command's own process stays
small.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle

from autograder.errors import GraderError, UsageError
from autograder.grading.work import Failed, Finished, Graded, Started, Work
from autograder.results import Result
from autograder.spec import Topic, Unit
from autograder.submission import Submission
from autograder.target.launcher import CAN_FORK, Zygote

_TICK = 0.2  # seconds


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
) -> list[Result]:
    """Grade them all. A submission that the grader fails on is told in its result; the others go on.

    `only` names, by student, the items to grade where that is not all. Without `names` no mistake is named.
    """
    if not CAN_FORK:
        raise UsageError("`grade` runs on Linux only: elsewhere nothing keeps a student's code from the hidden tests")
    jobs = max(1, min(jobs or default_jobs(), len(submissions)))
    topics = _topics_to_run(unit, submissions, only or {})
    preload = unit.spec.preload_for(topics)
    with Zygote(preload, unit.spec.threads) as zygote:
        connection = Connection(zygote.become("autograder.grading.pool").detach())
        with connection:
            for_jobs = zygote.clone().detach()
            with for_jobs:
                _send(
                    connection, Work(unit, tuple(submissions), secret, topics, preload, jobs, dict(only or {}), names)
                )
                send_handle(connection, for_jobs.fileno(), 0)
            return _listen(connection, submissions, watcher or Watcher())


def _send(connection: Connection, work: Work) -> None:
    try:
        connection.send(work)
    except BrokenPipeError:
        raise GraderError("the grader's process ended before it was told its work") from None


def _listen(connection: Connection, submissions: Sequence[Submission], watcher: Watcher) -> list[Result]:
    """What the grader tells, until it has told everything."""
    results: dict[int, Result] = {}
    while True:
        while not connection.poll(_TICK):
            watcher.tick()
        try:
            told = connection.recv()
        except EOFError:
            raise GraderError("the grader's process has ended in the middle of its work") from None
        match told:
            case Started(number):
                watcher.on_start(submissions[number])
            case Graded(number, result, complaint):
                if complaint:
                    print(  # noqa: T201  # loud
                        f"The grader failed on {submissions[number].student}:\n{complaint}", file=sys.stderr
                    )
                results[number] = result
                watcher.on_result(result)
            case Failed(error):
                raise error
            case Finished():
                return [results[number] for number in range(len(submissions))]
        watcher.tick()


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
