"""Handing out a class to the workers of a Dask cluster.

Each worker grades one submission at a time. Which one is decided here, so that a worker that is lost costs a retry of
what it had in hand; a submission whose workers are lost again and again is told as one that the grader failed on.
"""

import secrets
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from distributed import Client, Future, LocalCluster, wait

from autograder.cluster import remote
from autograder.cluster.bundle import bundle_of
from autograder.cluster.job import Order, Refusal
from autograder.errors import GraderError, UsageError
from autograder.gradebook.keys import engine_hash, libraries
from autograder.grading.batch import Watcher, told
from autograder.grading.parts import Graded, Known
from autograder.spec import Unit
from autograder.submission import Submission

_TRIES = 3
_PATIENCE = 120.0  # seconds without any worker that grades


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the cluster at this address, `tcp://HOST:PORT`, `tls://...`, or `local:N`."""
    kind, _, rest = address.partition(":")
    if kind == "local":
        if not rest.isdecimal() or int(rest) < 1:
            raise UsageError(f"--cluster {address}: write local:2 for two workers on this machine")
        with (
            LocalCluster(
                n_workers=int(rest), threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    if "://" not in address:
        raise UsageError(f"--cluster {address}: write tcp://HOST:PORT, or local:N to try it on this machine")
    try:
        client = Client(address, timeout=30)
    except (OSError, ValueError) as error:
        raise UsageError(f"--cluster {address}: no scheduler answers: {error}") from None
    with client:
        yield client


def grade_on_cluster(
    unit: Unit,
    rules: str,
    submissions: Sequence[Submission],
    numbers: Sequence[int],
    secret: bytes,
    address: str,
    watcher: Watcher,
    known: Callable[[int], Known],
) -> None:
    """As `grade_each` does it, by a cluster's workers."""
    if not numbers:
        return
    order = Order(bundle_of(unit, rules), secret, engine_hash(), libraries(unit))
    plugin = f"autograder-{secrets.token_hex(8)}"
    with connected(address) as client:
        client.register_plugin(remote.Grading(plugin, order))
        try:
            _Cluster(unit, submissions, watcher, known, client, plugin, deque(numbers)).run()
        finally:
            client.unregister_worker_plugin(plugin)


@dataclass
class _Worker:
    """One worker: what it does now, and whether it is ready to grade."""

    task: Future[Any] | None
    number: int | None = None
    ready: bool = False
    refused: str = ""


@dataclass
class _Cluster:
    unit: Unit
    submissions: Sequence[Submission]
    watcher: Watcher
    known: Callable[[int], Known]
    client: Client
    plugin: str
    waiting: deque[int]
    workers: dict[str, _Worker] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)
    useless_since: float | None = None

    def run(self) -> None:
        while self.waiting or any(worker.number is not None for worker in self.workers.values()):
            self._look_who_is_there()
            for address, worker in self.workers.items():
                if worker.ready and worker.task is None and self.waiting:
                    self._hand_out(address, worker, self.waiting.popleft())
            tasks = [worker.task for worker in self.workers.values() if worker.task is not None]
            if tasks:
                with suppress(TimeoutError):
                    wait(tasks, timeout=0.2, return_when="FIRST_COMPLETED")
            else:
                time.sleep(0.2)
            for address, worker in self.workers.items():
                if worker.task is not None and worker.task.done():
                    self._take(address, worker)
            self._lose_patience()
            self.watcher.tick()

    def _look_who_is_there(self) -> None:
        there = set(self.client.scheduler_info(n_workers=-1)["workers"])
        for address in set(self.workers) - there:
            worker = self.workers.pop(address)
            if worker.task is not None:
                worker.task.cancel()
            if worker.number is not None:
                self._lost(worker.number)
        for address in sorted(there - set(self.workers)):
            self.workers[address] = _Worker(self._submit(address, remote.ready, self.plugin))

    def _submit(self, address: str, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self.client.submit(function, *arguments, workers=[address], pure=False)

    def _hand_out(self, address: str, worker: _Worker, number: int) -> None:
        if number not in self.tries:
            self.watcher.on_start(number)
        submission = self.submissions[number]
        submission = replace(submission, files=dict(submission.files))  # bytes, wherever they came from
        worker.number = number
        worker.task = self._submit(address, remote.grade, self.plugin, submission, self.known(number))

    def _take(self, address: str, worker: _Worker) -> None:
        """What a task that is done has brought."""
        task, worker.task = worker.task, None
        number, worker.number = worker.number, None
        assert task is not None
        failure = task.exception() if task.status == "error" else None
        answer = task.result() if task.status == "finished" else None
        if number is None:
            if isinstance(answer, Refusal) or failure is not None:
                worker.refused = answer.why if isinstance(answer, Refusal) else str(failure)
                print(f"The worker {address} does not grade: {worker.refused}", file=sys.stderr)  # noqa: T201
            else:
                worker.ready = task.status == "finished"
        elif isinstance(answer, (Graded, str)):
            self.watcher.on_graded(number, told(self.unit, self.submissions[number], answer))
        else:
            self._lost(number, str(failure or ""))

    def _lost(self, number: int, why: str = "") -> None:
        self.tries[number] = self.tries.get(number, 0) + 1
        if self.tries[number] < _TRIES:
            self.waiting.appendleft(number)
        else:
            answer = f"{_TRIES} workers were lost while they graded it. {why}"
            self.watcher.on_graded(number, told(self.unit, self.submissions[number], answer))

    def _lose_patience(self) -> None:
        """There are none that grade, and there have been none for a while."""
        hopeful = any(not worker.refused for worker in self.workers.values())
        if hopeful:
            self.useless_since = None
            return
        self.useless_since = self.useless_since or time.monotonic()
        reasons = sorted({worker.refused for worker in self.workers.values()})
        if reasons or time.monotonic() - self.useless_since > _PATIENCE:
            raise GraderError(f"no worker of the cluster grades: {'; '.join(reasons) or 'there are none'}")
