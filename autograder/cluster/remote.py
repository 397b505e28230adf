"""In a Dask worker: the plugin that holds the order, and the two functions that run there."""

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from distributed import Worker, WorkerPlugin, get_worker

from autograder.cluster.job import Order, Refusal
from autograder.grading.parts import Graded, Known
from autograder.grading.work import Request
from autograder.submission import Submission


class Grading(WorkerPlugin):  # type: ignore[misc]  # Dask is not typed
    """Every worker has it, those that come later as well. It starts the job when it is first asked."""

    def __init__(self, name: str, order: Order) -> None:
        self.name = name
        self._order = order
        self._folder = ""
        self._job: tuple[subprocess.Popen[bytes], Connection] | None = None
        self._refusal: Refusal | None = None

    def setup(self, worker: Worker) -> None:
        self._folder = worker.local_directory

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002  # Dask's signature
        self._end()

    def ready(self) -> Refusal | None:
        """Start the job; why this machine does not grade, if it does not."""
        if self._job is None and self._refusal is None:
            ours, theirs = Pipe()
            command = [sys.executable, "-P", "-s", "-m", "autograder.cluster.job", str(theirs.fileno()), self._folder]
            process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=_environment()
            )
            theirs.close()
            self._job = process, ours
            ours.send(self._order)
            try:
                answer = ours.recv()
            except (EOFError, OSError):
                answer = Refusal(f"its job ended with status {process.wait()}")
            if isinstance(answer, Refusal):
                self._refusal = answer
                self._end()
        return self._refusal

    def grade(self, submission: Submission, known: Known) -> Graded | str | None:
        """The submission's result, or why the grader failed; None where the job was lost."""
        if self.ready() is not None or self._job is None:
            return None
        _, connection = self._job
        try:
            connection.send(Request(submission, known=known))
            answer: Graded | str = connection.recv()
        except (EOFError, OSError):
            self._end()
            return None
        return answer

    def _end(self) -> None:
        if self._job is not None:
            process, connection = self._job
            connection.close()
            process.kill()
            process.wait()
            self._job = None


def ready(plugin: str) -> Refusal | None:
    """As a task: whether this worker grades."""
    return _plugin(plugin).ready()


def grade(plugin: str, submission: Submission, known: Known) -> Graded | str | None:
    """As a task: one submission's result."""
    return _plugin(plugin).grade(submission, known)


def _plugin(name: str) -> Grading:
    found = get_worker().plugins[name]
    assert isinstance(found, Grading)
    return found


def _environment() -> dict[str, str]:
    """Without Dask's own settings, which are not the job's business."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DASK_")}
