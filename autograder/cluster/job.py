"""On a worker's machine, `python -m autograder.cluster.job FD`: one process that grades what it is handed.

It is the same as a job of `grade` on one machine, started by exec since a Dask worker has threads. What it is told
comes over a socket from its Dask worker: first the order, then submissions; it ends when that hangs up.
"""

import sys
import tempfile
from collections.abc import Iterable
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
from autograder.machine.isolation import refusal, try_here
from autograder.machine.temporary import temporary_root
from autograder.student.privileges import hide_memory
from autograder.target.launcher import Zygote

_LANDLOCK_OF_TCP = 4  # the version that denies it


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
    unit = unpacked(order.bundle, folder)
    if engine_hash() != order.engine:
        raise GraderError("its autograder is another one")
    if libraries(unit) != order.libraries:
        raise GraderError(f"it has {libraries(unit)}; here there is {order.libraries}")
    trial = try_here(unit)
    if why := refusal(unit, trial) or lacking_on_a_cluster(trial.layers):
        raise GraderError(f"it cannot keep a student's code apart: {why}")
    topics = unit.spec.topics
    hide_memory()  # tests, solutions and the seeds' secret are in it
    with Zygote(unit.spec.preload_for(topics), unit.spec.threads, apart=True) as zygote:

        def body(suite: Suite[bool]) -> bool:
            warm_up(unit, topics)  # while the zygote does the same
            connection.send(trial.layers)
            session = Session(unit, suite, zygote, order.secret, Diagnoser(unit, suite.run))
            serve(session, connection.recv, connection.send)
            return True

        collect(unit, "hidden", [topic.name for topic in topics if topic.kind != "answers"], body)


def lacking_on_a_cluster(layers: Iterable[str]) -> str | None:
    """What is missing beside what one machine needs: a Dask worker takes orders over TCP from anybody."""
    versions = [layer.split()[1] for layer in layers if layer.startswith("landlock ")]
    if any(int(version) >= _LANDLOCK_OF_TCP for version in versions if version.isdecimal()):
        return None
    return "no Landlock that denies TCP: a student's code could give the cluster orders"


if __name__ == "__main__":
    main()
