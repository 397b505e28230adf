"""`autograder check` in a fork of the zygote, so that what takes seconds to import is imported once.

    the command  --exec-->  zygote  --fork-->  the checks
                               `--fork-->  workers

The checks write to the command's own output; the command waits for what came of them, and ends them when it ends. This
is for systems with fork, and not for the debugger, which wants the keyboard.
"""

import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import TextIO

from autograder.desk.start import at_the_desk, launcher_for
from autograder.errors import GraderError, UsageError
from autograder.spec import Topic, Unit
from autograder.student.privileges import die_with_parent
from autograder.target.launcher import Zygote


@dataclass(frozen=True)
class _Asked:
    """What to check, and what the checks have of the command's surroundings."""

    unit: Unit
    topics: list[Topic]
    folder: Path
    report: Path | None
    directory: str
    environment: dict[str, str]
    encodings: tuple[str, str]  # of stdout and stderr


def check(unit: Unit, topics: Sequence[str], report: Path | None) -> bool:
    """The same as `autograder.desk.check.check`, without a debugger."""
    folder, present = at_the_desk(unit, topics)
    streams = (sys.stdout, sys.stderr)
    encodings = (sys.stdout.encoding, sys.stderr.encoding)
    with launcher_for(unit, present) as zygote:
        assert isinstance(zygote, Zygote)
        with Connection(zygote.become(__name__).detach()) as checks:
            checks.send(_Asked(unit, present, folder, report, os.getcwd(), dict(os.environ), encodings))
            with zygote.detach() as for_workers:
                send_handle(checks, for_workers.fileno(), 0)
            for stream in streams:
                send_handle(checks, stream.fileno(), 0)
            try:
                answer: bool | Exception = checks.recv()
            except (EOFError, ConnectionResetError):
                raise GraderError("the process of the checks has ended before it was done") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def main(connection: socket.socket) -> None:
    """The checks, from their fork to their end."""
    die_with_parent()  # the zygote's, if it is killed
    command = Connection(connection.detach())
    try:
        asked: _Asked = command.recv()
        spec = asked.unit.spec
        workers = socket.socket(fileno=recv_handle(command))
        zygote = Zygote.attach(workers, spec.preload_for(asked.topics), spec.threads, False)
        sys.stdout = _opened(1, recv_handle(command), asked.encodings[0])
        sys.stderr = _opened(2, recv_handle(command), asked.encodings[1])
        threading.Thread(target=_end_with, args=[command], daemon=True).start()
        with zygote:
            command.send(_answer(asked, zygote))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):  # the command has ended
        return


def _opened(number: int, stream: int, encoding: str) -> TextIO:
    """The command's stream, in the place of this process's own."""
    os.dup2(stream, number)
    os.close(stream)
    return open(number, "w", encoding=encoding, errors="backslashreplace", buffering=1, closefd=False)


def _answer(asked: _Asked, zygote: Zygote) -> bool | Exception:
    """Whether all holds, or why that cannot be told."""
    os.chdir(asked.directory)
    for name, value in asked.environment.items():
        os.environ.setdefault(name, value)  # the zygote's own are settings that make runs repeat
    try:
        from rich.console import Console

        from autograder.desk.check import check_each

        return check_each(asked.unit, asked.topics, asked.folder, Console(highlight=False), zygote, report=asked.report)
    except (UsageError, GraderError) as error:
        return error
    except SystemExit:  # rich, where nobody reads on
        return False
    except Exception:
        return GraderError(traceback.format_exc())


def _end_with(command: Connection) -> None:
    """Ctrl-C is for the command, which ends; these checks then end as if it had been for them."""
    command.poll(None)  # nothing is ever sent
    os.kill(os.getpid(), signal.SIGINT)
