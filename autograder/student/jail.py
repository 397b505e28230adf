"""The confinement of a worker before the student's first byte: session, resource limits, and files by Landlock.

What else keeps it from the network and from other processes (another uid, namespaces, seccomp) belongs here as well;
until it is there, `confine` does not claim it.
"""

import ctypes
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "linux":  # imported by the zygote, once
    from landlockpy import AccessFS, Ruleset, Scope, abi_version, fs_for_abi, supported

try:
    import resource
except ImportError:  # Windows: no limits of this kind
    resource = None  # type: ignore[assignment]

_PR_SET_PDEATHSIG = 1

# What Python and its libraries read while they run, beside their own folders.
_SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime"),
    *("/dev/null", "/dev/zero", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
)
# Where libraries keep what they make; all of it goes into the scratch folder.
_CACHES = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "TORCH_HOME", "HF_HOME", "TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR")


@dataclass(frozen=True)
class Allowance:
    """What a worker may use in all. A test's own CPU limit is watched from outside.

    With a `scratch` folder it may write there, and read there, in `reads` and in Python's own folders, and nowhere
    else, as far as the system can hold it to that.
    """

    cpu_seconds: int
    memory_mb: int
    file_mb: int
    scratch: str = ""
    reads: tuple[str, ...] = ()


def confine(allowance: Allowance) -> list[str]:
    """Confine this process for good. Returns the names of the layers that hold."""
    layers = ["own process", "data-only wire"]
    if hasattr(os, "setsid"):
        os.setsid()  # one group to kill, and no terminal
        layers.append("session")
    die_with_parent()  # nothing outlives its zygote
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
    if allowance.scratch:
        for variable in _CACHES:
            os.environ[variable] = allowance.scratch
        tempfile.tempdir = allowance.scratch
        layers += _landlock(allowance)
    return layers


def die_with_parent() -> None:
    """Where the system can, this process is killed when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _landlock(allowance: Allowance) -> list[str]:
    """Hold this thread and its children to their files. It must be the only thread: an earlier one stays free."""
    if sys.platform != "linux" or not supported():
        return []
    read = AccessFS.READ_FILE | AccessFS.READ_DIR
    no_links_or_devices = ~(
        AccessFS.EXECUTE
        | AccessFS.MAKE_SYM
        | AccessFS.MAKE_CHAR
        | AccessFS.MAKE_BLOCK
        | AccessFS.MAKE_SOCK
        | AccessFS.MAKE_FIFO
    )
    # What is handled and not allowed below is denied: TCP as well, and signals to others, where the kernel can.
    with Ruleset(scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET) as rules:
        for path in dict.fromkeys((sys.prefix, sys.base_prefix, *_SYSTEM, *allowance.reads)):
            if Path(path).exists():
                rules.allow_path(path, read if Path(path).is_dir() else AccessFS.READ_FILE)
        rules.allow_path("/dev/null", AccessFS.READ_FILE | AccessFS.WRITE_FILE)
        rules.allow_path(allowance.scratch, fs_for_abi(abi_version()) & no_links_or_devices)
        rules.restrict()  # with no_new_privs
    return [f"landlock {abi_version()}"]


def _limit(name: str, soft: int, hard: int) -> None:
    number = getattr(resource, name, None)
    if number is None:
        return
    _, ceiling = resource.getrlimit(number)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    try:
        resource.setrlimit(number, (soft, hard))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise  # elsewhere not every limit can be set, and only a student's own check runs there
