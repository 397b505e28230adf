"""How a check begins: which topics are there, and the process that their code will run in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import UsageError
from autograder.machine.temporary import temporary_root
from autograder.spec import Topic, Unit
from autograder.target.launcher import CAN_FORK, Launcher, Spawner, Zygote


@contextmanager
def launcher_for(unit: Unit, topics: Sequence[Topic]) -> Iterator[Launcher]:
    """Workers by fork where that is sound, spawned elsewhere; what they leave in temporary folders is gone afterwards.

    Enter it early: it imports beside us.
    """
    preload, threads = unit.spec.preload_for(topics), unit.spec.threads
    with temporary_root(), Zygote(preload, threads) if CAN_FORK else Spawner(preload, threads) as launcher:
        yield launcher


def at_the_desk(unit: Unit, topics: Sequence[str]) -> tuple[Path, list[Topic]]:
    """The student's folder, and these topics or all whose file is there."""
    folder = unit.assignments if unit.assignments.is_dir() else unit.root
    chosen = [unit.spec.topic(name.removesuffix(".py").removesuffix(".ipynb")) for name in topics] or list(
        unit.spec.topics
    )
    present = [topic for topic in chosen if (folder / topic.file).is_file()]
    for topic in chosen:
        if topic not in present and topics:
            raise UsageError(f"{folder / topic.file} does not exist")
    if not present:
        raise UsageError(f"none of {', '.join(unit.spec.files)} in {folder}")
    return folder, present
