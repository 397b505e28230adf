"""On a worker's machine, `python -m autograder.cluster.job FD`: one process that grades what it is handed.

It is the same as a job of `grade` on one machine, started by exec since a Dask worker has threads. What it is told
comes over a socket from its Dask worker: first the order, then submissions; it ends when that hangs up.
"""

import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from autograder.cluster.bundle import Bundle, unpacked
from autograder.errors import GraderError
from autograder.gradebook.keys import engine_hash, libraries
from autograder.grading.diagnosis import Diagnoser
from autograder.grading.pool import serve, warm_up
from autograder.grading.session import Session
from autograder.grading.suite import Suite, collect
from autograder.grading.topic import bench_config, worker_config
from autograder.spec import Unit
from autograder.student.privileges import hide_memory
from autograder.target.failures import Finding
from autograder.target.launcher import CAN_FORK, Launcher, Zygote
from autograder.target.process import ProcessTarget
from autograder.temporary import temporary_root

_LANDLOCK_OF_TCP = 4  # the version that denies TCP: over it a Dask worker takes orders from anybody


@dataclass(frozen=True)
class Order:
    """What a job is to grade with, and what it must have in common with whoever asks."""

    bundle: Bundle
    secret: bytes
    engine: str
    libraries: str


@dataclass(frozen=True)
class Refusal:
    """Why a machine does not grade."""

    why: str


def main() -> None:
    connection = Connection(int(sys.argv[1]))
    order = connection.recv()
    # The unit's folder, with the hidden tests in it, is gone as well when the next job finds that this one was killed.
    with temporary_root(sys.argv[2]), tempfile.TemporaryDirectory(prefix="unit-") as folder:
        try:
            _grade(order, Path(folder), connection)
        except (EOFError, BrokenPipeError):
            pass  # nobody is there to answer
        except GraderError as error:
            with suppress(OSError):
                connection.send(Refusal(str(error)))


def _grade(order: Order, folder: Path, connection: Connection) -> None:
    if not CAN_FORK:
        raise GraderError("it does not run Linux")
    unit = unpacked(order.bundle, folder)
    if engine_hash() != order.engine:
        raise GraderError("its autograder is another one")
    if libraries(unit) != order.libraries:
        raise GraderError(f"it has {libraries(unit)}; here there is {order.libraries}")
    topics = unit.spec.topics
    hide_memory()  # tests, solutions and the seeds' secret are in it
    with Zygote(unit.spec.preload_for(topics), unit.spec.threads, apart=True) as zygote:
        layers = layers_of(unit, zygote)
        if not isolates(layers):
            what = "keep a student's code from the hidden tests and the network"
            raise GraderError(f"it cannot {what} (it has {', '.join(layers)})")

        def body(suite: Suite[bool]) -> bool:
            warm_up(unit, topics)
            connection.send(layers)
            session = Session(unit, suite, zygote, order.secret, Diagnoser(unit))
            serve(session, connection.recv, connection.send)
            return True

        collect(unit, "hidden", [topic.name for topic in topics if topic.kind != "answers"], body)


def layers_of(unit: Unit, launcher: Launcher) -> tuple[str, ...]:
    """The layers that a worker says hold on this machine."""
    with tempfile.TemporaryDirectory(prefix="autograder-") as name:
        folder = Path(name)
        bench = bench_config(unit, unit.spec.topics[0], folder)
        target = ProcessTarget(launcher, worker_config(unit, bench, folder, folder), unit.spec.limits)
        try:
            with suppress(Finding):
                target.load()  # there is no file, but by then it has told
        finally:
            target.close()
    return target.isolation


def isolates(layers: tuple[str, ...]) -> bool:
    """Whether a student's code can neither read hidden tests nor reach the cluster where these layers hold."""
    versions = [layer.split()[1] for layer in layers if layer.startswith("landlock ")]
    return any(int(version) >= _LANDLOCK_OF_TCP for version in versions if version.isdecimal())


if __name__ == "__main__":
    main()
