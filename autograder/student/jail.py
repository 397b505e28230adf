"""The confinement of a worker before the student's first byte: here its session and its resource limits.

The layers that keep it from files, the network and other processes (another uid, namespaces, Landlock, seccomp) belong
here as well; until they are there, `confine` does not claim them.
"""

import ctypes
import os
import signal
import sys
from dataclasses import dataclass

try:
    import resource
except ImportError:  # Windows: no limits of this kind
    resource = None  # type: ignore[assignment]

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Allowance:
    """What a worker may use in all. A test's own CPU limit is watched from outside."""

    cpu_seconds: int
    memory_mb: int
    file_mb: int


def confine(allowance: Allowance) -> list[str]:
    """Confine this process for good. Returns the names of the layers that hold."""
    layers = ["own process", "data-only wire"]
    if hasattr(os, "setsid"):
        os.setsid()  # one group to kill, and no terminal
        layers.append("session")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nothing outlives its zygote
    if resource is not None:
        for name, soft, hard in (
            ("RLIMIT_CPU", allowance.cpu_seconds, allowance.cpu_seconds + 2),  # the topic's total
            ("RLIMIT_AS", allowance.memory_mb << 20, None),  # counts shared maps too, which RLIMIT_DATA does not
            ("RLIMIT_FSIZE", allowance.file_mb << 20, None),
            ("RLIMIT_NOFILE", 128, None),
            ("RLIMIT_CORE", 0, None),
        ):
            _limit(name, soft, soft if hard is None else hard)
        layers.append("rlimits")
    return layers


def _limit(name: str, soft: int, hard: int) -> None:
    number = getattr(resource, name, None)
    if number is None:
        return
    _, ceiling = resource.getrlimit(number)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(number, (soft, hard))
