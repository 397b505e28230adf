"""The grader's process: tests collected once, and jobs beside each other, each with a warm zygote of its own.

It is a fork of a zygote (see `autograder.grading.batch`), so torch is there already; each job is a fork of this
process. The command is told what happens as it happens. A job that dies is the grader's fault: its submission is tried
once more in a new job, then told as not graded.
"""

import gc
import multiprocessing
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from multiprocessing.reduction import recv_handle

from autograder.errors import GraderError
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.parts import Graded
from autograder.grading.session import Session
from autograder.grading.suite import Suite, collect
from autograder.grading.work import Answered, Failed, Finished, Request, Started, Work
from autograder.spec import Topic, Unit
from autograder.student.preloading import preload
from autograder.student.privileges import die_with_parent, hide_memory
from autograder.target.launcher import LauncherEnded, Zygote

_TRIES = 2
_RESTARTS = 3  # of a zygote that ends


def main(connection: socket.socket) -> None:
    """The grader, from its fork to its end. It ends with the command that it works for."""
    die_with_parent()  # the zygote's, which ends when the command does
    hide_memory()  # tests, solutions and the seeds' secret come to be in it
    command = Connection(connection.detach())
    try:
        work: Work = command.recv()
        zygote = Zygote.attach(socket.socket(fileno=recv_handle(command)), work.preload, work.unit.spec.threads, True)
    except EOFError:
        return
    try:
        with zygote:
            _grade(work, zygote, command)
        command.send(Finished())
    except (BrokenPipeError, EOFError):  # nobody is listening any more
        return
    except GraderError as error:
        command.send(Failed(error))
    except Exception:
        command.send(Failed(GraderError(traceback.format_exc())))


def _grade(work: Work, zygote: Zygote, command: Connection) -> None:
    def body(suite: Suite[bool]) -> bool:
        warm_up(work.unit, work.topics)
        gc.freeze()  # what is here stays shared with every job
        _Pool(work, suite, zygote, command).run()
        return True

    collect(work.unit, "hidden", [topic.name for topic in work.topics if topic.kind != "answers"], body)


def warm_up(unit: Unit, topics: Sequence[Topic]) -> None:
    """Import here what the reference needs, where the fork has not brought it along, so that jobs share it."""
    preload(unit.spec.preload_for(topics))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(unit.spec.threads)


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
    restarts: int = 0

    def run(self) -> None:
        waiting = deque(self.work.numbers)
        running: list[_Job] = []
        try:
            while waiting or any(job.busy is not None for job in running):
                while waiting and len(running) < self.work.jobs:
                    running.append(self._start_job())
                for job in running:
                    if job.busy is None and waiting:
                        self._hand_out(job, waiting.popleft())
                self._collect(running, waiting)
        finally:
            for job in running:
                job.connection.close()
                job.process.terminate()
                job.process.join()

    def _hand_out(self, job: _Job, number: int) -> None:
        self.command.send(Started(number, again=number in self.tries))
        request: Request = self.command.recv()
        job.busy = number
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, which is seen where its answer is awaited
            job.connection.send(request)

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
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends this process
        die_with_parent()  # a parent that is killed ends nobody
        hide_memory()
        diagnoser = Diagnoser(self.work.unit, self.suite.run) if self.work.names else None
        serve(
            Session(self.work.unit, self.suite, zygote, self.work.secret, diagnoser), connection.recv, connection.send
        )

    def _collect(self, running: list[_Job], waiting: deque[int]) -> None:
        """Take what is ready. The command speaks only when it is asked, so a word from it here is its end."""
        ready = wait([*(job.connection for job in running if job.busy is not None), self.command])
        if self.command in ready:
            raise BrokenPipeError
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
            self.command.send(Answered(number, answer))


def serve(session: Session, ask: Callable[[], Request], answer: Callable[[Graded | str], None]) -> None:
    """Grade what is asked for until nothing more is. What the grader fails on is answered with the reason.

    Comes back without an answer where the zygote has ended: whoever asks begins again with another.
    """
    while True:
        try:
            request = ask()
        except EOFError:
            return
        try:
            answer(session.grade(request.submission, request.only, request.known, request.sought, request.again))
        except LauncherEnded:
            return
        except GraderError as error:
            answer(str(error))
        except Exception:
            answer(traceback.format_exc())
