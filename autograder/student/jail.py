"""The confinement of a worker before the student's first byte.

The order of the steps matters: limits and the folder's owner while there is still a right to set them; another user;
then the death signal, which a change of user undoes; then Landlock and seccomp, which hold the calling thread and those
that it starts, so that it must be the only one. `confine` returns the layers that hold; the grader decides whether they
are enough.
"""

import os
import sys
import tempfile
from dataclasses import dataclass

from autograder.student import privileges, seccomp

if sys.platform == "linux":  # imported by the zygote, once
    from landlockpy import AccessFS, Ruleset, Scope, abi_version, fs_for_abi

try:
    import resource
except ImportError:  # Windows: no limits of this kind
    resource = None  # type: ignore[assignment]

_DESCRIPTORS = 128
_THREADS = 128  # of a user of its own; NPROC counts all processes of a user, and root's not at all

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


def look_around() -> None:
    """Find out, before any fork, what every worker would find out for itself: who may read what, which layers hold."""
    privileges.can_change_user(())
    landlock_abi()
    seccomp.available()


def confine(allowance: Allowance, parent: int | None = None) -> list[str]:
    """Confine this process for good. Returns the names of the layers that hold.

    `parent` is the process whose end is to be this one's. Raises OSError or RuntimeError where a step fails that
    should not: the grader's fault, told before any of the student's code has run.
    """
    layers = ["own process", "data-only wire"]
    if hasattr(os, "setsid"):
        os.setsid()  # one group to kill, and no terminal
        layers.append("session")
    another = (
        bool(allowance.scratch)
        and privileges.can_change_user(allowance.reads)
        and privileges.can_be_reached(allowance.scratch)
    )
    if resource is not None:
        _set_limits(allowance, another)
        layers.append("rlimits")
    if allowance.scratch:
        for variable in _CACHES:
            os.environ[variable] = allowance.scratch
        tempfile.tempdir = allowance.scratch
    if allowance.scratch and sys.platform == "linux":
        _alone()
        layers += _powerless(allowance.scratch if another else None)
    privileges.die_with_parent()
    if parent is not None and os.getppid() != parent:
        os._exit(1)  # it ended before it could be said
    if allowance.scratch and sys.platform == "linux":
        privileges.gain_nothing()
        layers.append("no new privileges")
        layers += _landlock(allowance)
        if seccomp.available():
            seccomp.restrict()
            layers.append("seccomp")
    return layers


def _set_limits(allowance: Allowance, another_user: bool) -> None:
    for name, soft, hard in (
        ("RLIMIT_CPU", allowance.cpu_seconds, allowance.cpu_seconds + 2),  # the topic's total
        # Heap and shared maps alike; RLIMIT_DATA, which misses those, would add nothing. What is outside of the address
        # space (memfd, System V) is for seccomp to refuse, and /dev/shm for Landlock.
        ("RLIMIT_AS", allowance.memory_mb << 20, None),
        ("RLIMIT_FSIZE", allowance.file_mb << 20, None),
        ("RLIMIT_NOFILE", _DESCRIPTORS, None),
        ("RLIMIT_CORE", 0, None),
    ):
        _limit(name, soft, soft if hard is None else hard)
    if another_user:
        _limit("RLIMIT_NPROC", _THREADS, _THREADS)
    if allowance.scratch:
        _limit("RLIMIT_MEMLOCK", 0, 0)
        _limit("RLIMIT_MSGQUEUE", 0, 0)


def _alone() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"a worker has {threads} threads before it is confined; those would stay free")


def _powerless(folder: str | None) -> list[str]:
    """No capabilities, and with a folder to own, another user."""
    privileges.drop_bounding_set()
    if folder is not None:
        privileges.change_user(folder)
    privileges.drop_capabilities()
    privileges.show_memory()
    return ["another user", "no capabilities"] if folder is not None else ["no capabilities"]


def landlock_abi() -> int:
    """The version of Landlock here; 0 where there is none, or where a container's engine refuses to say."""
    if sys.platform != "linux":
        return 0
    try:
        return abi_version()
    except OSError:
        return 0


def _landlock(allowance: Allowance) -> list[str]:
    """Hold this thread and its children to their files. It must be the only thread: an earlier one stays free."""
    abi = landlock_abi()
    if sys.platform != "linux" or not abi:
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
        packages = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
        for path in dict.fromkeys((sys.prefix, sys.base_prefix, *packages, *_SYSTEM, *allowance.reads)):
            if os.path.exists(path):
                rules.allow_path(path, read if os.path.isdir(path) else AccessFS.READ_FILE)
        rules.allow_path("/dev/null", AccessFS.READ_FILE | AccessFS.WRITE_FILE)
        rules.allow_path(allowance.scratch, fs_for_abi(abi) & no_links_or_devices)
        rules.restrict()  # with no_new_privs
    return [f"landlock {abi}"]


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
