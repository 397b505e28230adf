"""Running a command and measuring it whole: wall time, CPU of every process that it started, memory."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_EVERY = 0.05  # seconds between two looks at the command itself
_LOOKS_AT_ALL = 20  # as many of these to one look at all processes, which costs more


def say(text: str) -> None:
    sys.stderr.write(f"==> {text}\n")
    sys.stderr.flush()


def seconds_left(deadline: float) -> float:
    """Until the deadline, by time.monotonic(); an error where it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for the whole bench is used up")
    return left


@dataclass(frozen=True)
class Figures:
    """What a command cost. `parent_mb` is the peak of the process itself, `all_mb` that of all together (PSS)."""

    wall: float
    cpu: float
    parent_mb: float
    all_mb: float


def measured(command: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path, deadline: float) -> Figures:
    """Run it to its end; an exit status over 1 is an error. Its orphans come to this process: none is missed.

    It is killed, which is an error, at the deadline (by time.monotonic()).
    """
    left = seconds_left(deadline)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with log.open("ab") as file:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=file, stderr=file)
        watch = _Memory(process.pid)
        guard = threading.Timer(left, os.kill, (process.pid, signal.SIGKILL))
        guard.start()
        _, status, usage = os.wait4(process.pid, 0)
        guard.cancel()
        wall = time.perf_counter() - began
        watch.end()
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime + _orphans()
    if process.returncode not in (0, 1):
        seconds_left(deadline)
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}; see {log}")
    return Figures(wall, cpu, watch.parent_mb, watch.all_mb)


class Watching:
    """A command that goes on; a context manager. It has said all that it has to say when it says `end`."""

    def __init__(self, command: Sequence[str], cwd: Path, log: Path, end: str, deadline: float) -> None:
        self._end = end.encode()
        self._deadline = deadline
        self._log = log.open("ab")
        self._process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=self._log)

    def __enter__(self) -> "Watching":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._log.close()

    def wait(self) -> None:
        """Until it has said `end` once more."""
        assert self._process.stdout is not None
        read = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while self._end not in read:
                selector.select(seconds_left(self._deadline))
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    raise RuntimeError(f"it ended after: {read.decode(errors='replace')}")
                read += piece
        self._log.write(read)

    def seconds_until(self, act: Callable[[], object]) -> float:
        """How long it takes, from what is done now, until it has said `end` once more."""
        act()
        began = time.perf_counter()
        self.wait()
        return time.perf_counter() - began


def _orphans() -> float:
    """CPU seconds of what the command left to be waited for."""
    seconds = 0.0
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return seconds
        seconds += usage.ru_utime + usage.ru_stime


class _Memory(threading.Thread):
    """Looks at a process and all below it again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.parent_mb = self.all_mb = 0.0
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        looks = 0
        while not self._ended.wait(_LOOK_EVERY):
            with suppress(psutil.Error, OSError):
                self.parent_mb = max(self.parent_mb, _peak_mb(self._process.pid))
                if looks % _LOOKS_AT_ALL == 0:
                    every = [self._process, *self._process.children(recursive=True)]
                    self.all_mb = max(self.all_mb, sum(_pss_mb(each.pid) for each in every))
            looks += 1

    def end(self) -> None:
        self._ended.set()
        self.join()


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _pss_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
