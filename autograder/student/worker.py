"""One process with a student's module in it: confined, then answering requests until the channel closes.

Run as a program it is the worker of a system without fork, which connects back to a loopback port.
"""

import inspect
import io
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autograder.student import jail
from autograder.student.channel import Channel, ChannelClosed
from autograder.student.preloading import preload
from autograder.student.reduce import describe
from autograder.student.traps import ForbiddenCall
from autograder.student.wire import WireError
from autograder.student.workbench import BenchConfig, NoSuchName, Workbench

MAX_OUTPUT = 20_000
_OF_LOADER_PROCESSES = ("num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context")


@dataclass(frozen=True)
class WorkerConfig:
    """Everything that a worker is told when it starts."""

    bench: BenchConfig
    allowance: jail.Allowance
    directory: str  # where the student's code runs: its scratch/assignments
    max_message: int
    threads: int = 1

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "WorkerConfig":
        return cls(**{**data, "bench": BenchConfig(**data["bench"]), "allowance": jail.Allowance(**data["allowance"])})


class Output(io.TextIOBase):
    """What the student prints: the first of it is kept, the rest is let go."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = MAX_OUTPUT

    def write(self, text: str) -> int:
        if self._room > 0:
            self._parts.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def taken(self) -> str:
        """What was printed since the last time."""
        text = "".join(self._parts)
        self._parts, self._room = [], MAX_OUTPUT
        return text


def run(
    connection: socket.socket, config: WorkerConfig, parent: int | None = None, inherited: Sequence[str] = ()
) -> None:
    """Confine this process and serve requests; returns when the grader hangs up.

    It ends with its `parent`; `inherited` are the layers that already hold.
    """
    channel = Channel(connection, config.max_message)
    try:
        os.makedirs(config.directory, exist_ok=True)
        os.chdir(config.directory)
        layers = [*jail.confine(config.allowance, parent), *inherited]
    except Exception as error:  # before any of the student's code: the grader is told, and nobody is blamed
        channel.send({"unconfined": f"{type(error).__name__}: {error}"})
        return
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(config.threads)
        if "seccomp" in layers:
            _load_without_processes(torch.utils.data.DataLoader)
    output = Output()
    sys.stdout = sys.stderr = output
    bench = Workbench(config.bench)
    channel.send({"layers": layers})
    while True:
        try:
            request = channel.receive(bench.held)
        except ChannelClosed:
            return
        except WireError as error:
            channel.send({"fault": str(error)}, channel.number)
            continue
        number = channel.number
        answer = _answer(bench, request)
        if config.bench.reveal:
            answer["output"] = output.taken()
        try:
            channel.send(answer, number)
        except (WireError, MemoryError) as error:
            channel.send({"error": describe(error, config.bench.folder, reveal=False)}, number)


def _load_without_processes(loader: type) -> None:
    """A DataLoader that is told to have worker processes loads the same data itself, where there can be none."""
    made = loader.__init__  # type: ignore[misc]  # it is one class, and no subclass of it
    takes = inspect.signature(made)

    def make(*args: Any, **kwargs: Any) -> None:
        told = takes.bind(*args, **kwargs)
        if told.arguments.get("num_workers"):
            for name in _OF_LOADER_PROCESSES:
                told.arguments.pop(name, None)
        made(*told.args, **told.kwargs)

    loader.__init__ = make  # type: ignore[misc]


def _answer(bench: Workbench, request: Any) -> dict[str, Any]:
    try:
        return {"value": bench.execute(request)}
    except ForbiddenCall as error:
        return {"forbidden": list(error.args)[:2]}
    except NoSuchName as error:
        return {"missing": str(error)}
    except BaseException as error:  # a SystemExit of the student ends a call, not the worker
        return {"error": describe(error, bench.config.folder, bench.config.reveal)}


def main() -> None:
    """The worker of a system without fork: `python -m autograder.student.worker PORT TOKEN PRELOAD...`."""
    port, token = int(sys.argv[1]), sys.argv[2]
    preload(sys.argv[3:])
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(token.encode())
    greeting = Channel(connection, 1 << 20)
    config = WorkerConfig.from_data(greeting.receive())
    run(connection, config)


if __name__ == "__main__":
    main()
