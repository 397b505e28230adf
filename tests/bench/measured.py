"""Running a command and measuring it whole: wall time, CPU of every process that it started, memory."""

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_EVERY = 0.2


@dataclass(frozen=True)
class Figures:
    """What a command cost. `parent_mb` is the peak of the process itself, `all_mb` that of all together (PSS)."""

    wall: float
    cpu: float
    parent_mb: float
    all_mb: float


def measured(command: Sequence[str], cwd: Path, environment: Mapping[str, str], log: Path) -> Figures:
    """Run it to its end; an exit status over 1 is an error. Its orphans come to this process: none is missed."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with log.open("ab") as file:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=file, stderr=file)
        watch = _Memory(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        watch.end()
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime + _orphans()
    if process.returncode > 1:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}; see {log}")
    return Figures(wall, cpu, watch.parent_mb, watch.all_mb)


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
        while not self._ended.wait(_LOOK_EVERY):
            with suppress(psutil.Error, OSError):
                every = [self._process, *self._process.children(recursive=True)]
                self.parent_mb = max(self.parent_mb, _peak_mb(self._process.pid))
                self.all_mb = max(self.all_mb, sum(_pss_mb(each.pid) for each in every))

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
