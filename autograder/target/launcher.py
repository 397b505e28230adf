"""How a worker comes to life: forked from a warm zygote or, where there is no sound fork, spawned."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

from autograder.errors import GraderError
from autograder.student.channel import Channel, ChannelClosed
from autograder.student.preloading import module_of
from autograder.student.worker import WorkerConfig

# Forking is sound on Linux only: macOS frameworks (Accelerate) do not survive it, Windows has none.
CAN_FORK = sys.platform == "linux"

ENGINE = "AUTOGRADER_ENGINE"  # the folder of an engine that is not installed: in otter's and Gradescope's containers

_KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "SYSTEMDRIVE", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class LauncherEnded(GraderError):
    """The process that makes workers has ended: killed from outside, or what it imports ends it."""


@dataclass(frozen=True)
class Ending:
    """How a worker ended: the signal that ended it, or its exit status."""

    signal: int
    exit: int

    def __str__(self) -> str:
        if not self.signal:
            return f"it ended the process itself, with exit status {self.exit}"
        names = {
            signal.SIGSEGV: "a segmentation fault",
            signal.SIGABRT: "an abort in compiled code",
            getattr(signal, "SIGXCPU", -1): "its CPU time was used up",
            getattr(signal, "SIGSYS", -1): "it called the system in a way that is not allowed",
            getattr(signal, "SIGKILL", -1): "it was killed, perhaps for its memory",
        }
        return names.get(self.signal, f"signal {self.signal}")


@dataclass
class Worker:
    """A running worker: its process and the grader's end of its channel."""

    pid: int
    channel: Channel


class Launcher(ABC):
    """Starts workers and ends them; a context manager."""

    @abstractmethod
    def launch(self, config: WorkerConfig) -> Worker: ...

    @abstractmethod
    def end(self, worker: Worker) -> Ending:
        """Kill the worker's whole group, whatever it does, and tell how it had ended."""

    @abstractmethod
    def start(self) -> None:
        """Begin what takes time (imports), without waiting for it."""

    @abstractmethod
    def close(self) -> None:
        """End everything that is still there."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def clean_environment(threads: int) -> dict[str, str]:
    """What a process of the student may know of ours: where programs are, and settings that make runs repeat."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    if ENGINE in os.environ:
        kept["PYTHONPATH"] = os.environ[ENGINE]
    return kept | {
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), tempfile.gettempdir()),  # the command's own, where it has one
        "PYTHONHASHSEED": "0",  # the order of a set must not change a mark
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # a thread that waits uses no CPU time of the test's
        "KMP_BLOCKTIME": "0",
        "OPENBLAS_NUM_THREADS": "1",  # OpenBLAS starts its threads at import, and a fork has but one
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "MPLBACKEND": "Agg",  # a plot opens no window and waits for nobody
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-P", "-s", "-m", module, *arguments]


class Zygote(Launcher):
    """Workers are forks of one process that has imported everything already.

    `apart`, as hidden tests want it, it keeps its memory to itself and leaves the network, where it may.
    """

    def __init__(self, preload: tuple[str, ...], threads: int = 1, apart: bool = False) -> None:
        self._preload = preload
        self._threads = threads
        self._apart = apart
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._control: Channel | None = None
        self._ready = False

    def start(self) -> None:
        if self._control is not None:
            return
        self._socket, theirs = socket.socketpair()
        self._control = Channel(self._socket, 1 << 22)
        with theirs:
            self._process = subprocess.Popen(
                _python(
                    "autograder.student.zygote",
                    str(theirs.fileno()),
                    "apart" if self._apart else "together",
                    *self._preload,
                ),
                env=clean_environment(self._threads),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,  # Ctrl-C goes to the grader, which ends this process itself
            )

    def launch(self, config: WorkerConfig) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._fork({"fork": config.as_data()}, theirs)["pid"]
        return Worker(pid, Channel(ours, config.max_message))

    def clone(self) -> "Zygote":
        """Another zygote, forked from this one: as warm, for another job."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._fork({"clone": True}, theirs)
        return Zygote.attach(ours, self._preload, self._threads, self._apart)

    def become(self, module: str) -> socket.socket:
        """A fork of this zygote in which `module.main(its end of the socket)` runs; our end of it."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._fork({"become": module}, theirs)
        return ours

    def detach(self) -> socket.socket:
        """The connection to a zygote that is ready, to be handed to another process, which `attach`es it."""
        assert self._socket is not None
        connection, self._socket, self._control = self._socket, None, None
        return connection

    @classmethod
    def attach(cls, connection: socket.socket, preload: tuple[str, ...], threads: int, apart: bool) -> "Zygote":
        """The zygote that another process has made and handed over."""
        zygote = cls(preload, threads, apart)
        zygote._socket, zygote._control, zygote._ready = connection, Channel(connection, 1 << 22), True
        return zygote

    def forget(self) -> None:
        """Drop this process's end of the connection, once a fork of this process uses it."""
        if self._control is not None:
            self._control.close()

    def _fork(self, request: dict[str, Any], theirs: socket.socket) -> dict[str, Any]:
        self._wait_until_ready()
        assert self._control is not None
        assert self._socket is not None
        self._tell(request)
        try:
            socket.send_fds(self._socket, [b"*"], [theirs.fileno()])
        except OSError:
            raise self._ended() from None
        return self._ask()

    def end(self, worker: Worker) -> Ending:
        worker.channel.close()
        self._tell({"end": worker.pid})
        told = self._ask()
        return Ending(told["signal"], told["exit"])

    def close(self) -> None:
        """At the end of its connection the zygote ends its workers and itself; if it does not, it is killed."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # a fork of this process may hold the connection as well
            self._socket.close()
            self._socket = self._control = None
        if self._process is not None:
            try:
                self._process.wait(5 if self._ready else 0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Begin again, after it has ended."""
        self.close()
        self._ready = False
        self.start()

    def _wait_until_ready(self) -> None:
        self.start()
        if not self._ready:
            told = self._ask()
            self._ready = True
            if told["ready"] != 1:
                raise GraderError(f"the zygote has {told['ready']} threads after its imports; it must have one to fork")

    def _tell(self, request: dict[str, Any]) -> None:
        assert self._control is not None
        try:
            self._control.send(request)
        except ChannelClosed:
            raise self._ended() from None

    def _ask(self) -> dict[str, Any]:
        assert self._control is not None
        try:
            told: dict[str, Any] = self._control.receive()
        except ChannelClosed:
            raise self._ended() from None
        return told

    def _ended(self) -> LauncherEnded:
        names = ", ".join(dict.fromkeys(map(module_of, self._preload)))
        return LauncherEnded(
            f"the process that imports {names or 'nothing'} for the students' code has ended; "
            f"try: {sys.executable} -c 'import {names or 'sys'}'"
        )


class Spawner(Launcher):
    """Each worker is a new interpreter that connects back over the loopback interface: `check` on macOS and Windows."""

    def __init__(self, preload: tuple[str, ...], threads: int = 1) -> None:
        self._preload = preload
        self._threads = threads
        self._spare: tuple[subprocess.Popen[bytes], socket.socket, str] | None = None
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """One interpreter is kept waiting, its imports done, before anybody needs it."""
        if self._spare is None:
            server = socket.create_server(("127.0.0.1", 0))
            token = secrets.token_hex(16)
            port = server.getsockname()[1]
            process = subprocess.Popen(
                _python("autograder.student.worker", str(port), token, *self._preload),
                env=clean_environment(self._threads),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._spare = process, server, token

    def launch(self, config: WorkerConfig) -> Worker:
        self.start()
        assert self._spare is not None
        (process, server, token), self._spare = self._spare, None
        with server:
            connection = self._accept(process, server, token)
        channel = Channel(connection, config.max_message)
        channel.send(config.as_data())
        self._running[process.pid] = process
        return Worker(process.pid, channel)

    def end(self, worker: Worker) -> Ending:
        worker.channel.close()
        code = _killed(self._running.pop(worker.pid))
        return Ending(-code, 0) if code < 0 else Ending(0, code)

    def close(self) -> None:
        if self._spare is not None:
            process, server, _ = self._spare
            server.close()
            _killed(process)
            self._spare = None
        for process in self._running.values():
            _killed(process)
        self._running.clear()

    def _accept(self, process: subprocess.Popen[bytes], server: socket.socket, token: str) -> socket.socket:
        server.settimeout(1.0)
        while True:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                if process.poll() is not None:
                    command = " ".join(_python("autograder.student.worker"))
                    raise GraderError(f"a worker did not start; try: {command}") from None
                continue
            connection.settimeout(5.0)
            with contextlib.suppress(OSError):  # somebody else's connection
                if connection.recv(len(token), socket.MSG_WAITALL) == token.encode():
                    return connection
            connection.close()


def _killed(process: subprocess.Popen[bytes]) -> int:
    """Its exit status, after its whole group has been killed: while it is not waited for, its id is still its own."""
    if hasattr(os, "killpg") and process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    return process.wait()
