"""The grader's process: tests collected once, and jobs beside each other, each with a warm zygote of its own.

It is a fork of a zygote (see `autograder.grading.batch`), so torch is there already; each job is a fork of this
process. The command is told what happens as it happens. A job that dies is the grader's fault: its submission is tried
once more in a new job, then told as not graded.
"""

import importlib
import multiprocessing
import signal
import socket
import traceback
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from multiprocessing.reduction import recv_handle

from autograder.errors import GraderError
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.session import Session, ungraded
from autograder.grading.suite import Suite, collect
from autograder.grading.work import Failed, Finished, Graded, Started, Work
from autograder.results import Result
from autograder.student.jail import die_with_parent
from autograder.target.launcher import Zygote

_TRIES = 2


def main(connection: socket.socket) -> None:
    """The grader, from its fork to its end. It ends with the command that it works for."""
    die_with_parent()  # the zygote's, which ends when the command does
    command = Connection(connection.detach())
    try:
        work: Work = command.recv()
        zygote = Zygote.attach(socket.socket(fileno=recv_handle(command)), work.preload, work.unit.spec.threads)
    except EOFError:
        return
    try:
        with zygote:
            _grade(work, zygote, command)
        command.send(Finished())
    except BrokenPipeError:  # nobody is listening any more
        return
    except GraderError as error:
        command.send(Failed(error))
    except Exception:
        command.send(Failed(GraderError(traceback.format_exc())))


def _grade(work: Work, zygote: Zygote, command: Connection) -> None:
    def body(suite: Suite[bool]) -> bool:
        for name in work.preload:  # what the fork has brought along, except in a test of this module
            importlib.import_module(name)
        _Pool(work, suite, zygote, command).run()
        return True

    collect(work.unit, "hidden", [topic.name for topic in work.topics if topic.kind != "answers"], body)


@dataclass
class _Job:
    process: ForkProcess
    connection: Connection
    busy: int | None = None  # the submission it is grading


@dataclass
class _Pool:
    work: Work
    suite: Suite[bool]
    zygote: Zygote
    command: Connection
    tries: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        waiting = deque(range(len(self.work.submissions)))
        running: list[_Job] = []
        try:
            while waiting or any(job.busy is not None for job in running):
                while waiting and len(running) < self.work.jobs:
                    running.append(self._start_job())
                for job in running:
                    if job.busy is None and waiting:
                        job.busy = waiting.popleft()
                        self.command.send(Started(job.busy))
                        job.connection.send(job.busy)
                self._collect(running, waiting)
        finally:
            for job in running:
                job.connection.close()
                job.process.terminate()
                job.process.join()

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
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends this process
        die_with_parent()  # a parent that is killed ends nobody
        work = self.work
        session = Session(work.unit, self.suite, zygote, work.secret, Diagnoser(work.unit) if work.names else None)
        while True:
            try:
                number = connection.recv()
            except EOFError:
                return
            try:
                submission = work.submissions[number]
                answer: Result | str = session.grade(submission, work.only.get(submission.student))
            except GraderError as error:
                answer = str(error)
            except Exception:
                answer = traceback.format_exc()
            connection.send(answer)

    def _collect(self, running: list[_Job], waiting: deque[int]) -> None:
        """Take what is ready. The command says nothing while it lives, so a word from it is its end."""
        ready = wait([*(job.connection for job in running if job.busy is not None), self.command])
        if self.command in ready:
            raise BrokenPipeError
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
                self.command.send(Graded(number, self._failed(number), answer))
            else:
                self.command.send(Graded(number, answer))

    def _failed(self, number: int) -> Result:
        problem = (
            "The grader failed on this submission; this is not your fault, and no mark of 0. Your instructor knows why."
        )
        return ungraded(self.work.unit, self.work.submissions[number], (problem,))
