"""Who a worker is, to the system: another user without groups and capabilities, whose memory is its own.

Another uid is the layer that does not depend on what a kernel offers, and the one that makes files of mode 0700 and the
grader's processes out of reach. It needs root with the usual capabilities, and a Python that others may read: one in a
home directory of mode 0700 would be gone for the worker as well.
"""

import ctypes
import errno
import os
import signal
import sys
from functools import lru_cache

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAP_V3 = 0x2008_0522
_CHOWN, _DAC_OVERRIDE, _FOWNER, _KILL, _SETGID, _SETUID, _SYS_ADMIN = 0, 1, 3, 5, 6, 7, 21
# To give the scratch folder away, to clean it up (two), to end the worker, and to become another user (two).
_TO_CHANGE = frozenset({_CHOWN, _DAC_OVERRIDE, _FOWNER, _KILL, _SETGID, _SETUID})
_NEWUTS, _NEWIPC, _NEWNET = 0x0400_0000, 0x0800_0000, 0x4000_0000

# One uid a process, so that workers cannot reach each other either: above what systemd gives to containers, where the
# whole range is there; in a container with few uids, what systemd leaves free.
_HIGH, _LOW, _LOW_COUNT = 0x7000_0000, 60_706, 478


def prctl(option: int, *arguments: int) -> None:
    """One call of prctl(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *(ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4])):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent() -> None:
    """Where the system can, this process is killed when the thread that made it ends. A change of uid undoes it."""
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def gain_nothing() -> None:
    """From here on no program (sudo, on a runner) makes this process more than it is."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def hide_memory() -> None:
    """No other process of this user can read this one's memory or environment, trace it or take its descriptors."""
    if sys.platform == "linux":
        prctl(_PR_SET_DUMPABLE, 0)


def show_memory() -> None:
    """The opposite, for a worker: the grader looks at what it holds, and there is nothing to hide."""
    prctl(_PR_SET_DUMPABLE, 1)


def leave_network() -> list[str]:
    """Move this process to a network, IPC and host name of its own, where that is allowed; its forks are there as well.

    Done once by the zygote: a namespace of its own for each worker costs milliseconds each and keeps workers from each
    other, which seccomp does already.
    """
    if sys.platform != "linux" or _SYS_ADMIN not in _capabilities():
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    return ["network namespace"] if libc.unshare(_NEWNET | _NEWIPC | _NEWUTS) == 0 else []


@lru_cache
def can_change_user(reads: tuple[str, ...]) -> bool:
    """Whether a worker may become another user: this process has the right, and what it will read others may read.

    The zygote asks first, so that its forks know the answer.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or not _capabilities() >= _TO_CHANGE:
        return False
    return _python_is_open() and all(open_to_others(path) for path in reads if os.path.exists(path))


def change_user(folder: str) -> None:
    """Become a user that nobody else is, who owns `folder`, and drop every group."""
    user = _HIGH + os.getpid() if _many_users() else _LOW + os.getpid() % _LOW_COUNT
    for directory, names, files in os.walk(folder):  # made by the grader a moment ago; links are not followed
        for name in ("", *names, *files):
            os.chown(os.path.join(directory, name), user, user, follow_symlinks=False)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def drop_bounding_set() -> None:
    """No program that is started from here on can have a capability. An ordinary user has nothing to drop."""
    for number in range(64):
        try:
            prctl(_PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EPERM):  # there are no more; or this process may not
                return
            raise


def drop_capabilities() -> None:
    """Give up every capability: root, too, is then an owner of files and nothing more."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset((ctypes.c_uint32 * 2)(_CAP_V3, 0), (ctypes.c_uint32 * 6)()):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def open_to_others(path: str) -> bool:
    """Whether any user may read a file, or a folder with all that is in it."""
    path = os.path.realpath(path)
    if not can_be_reached(path):
        return False
    if not os.path.isdir(path):
        return _has(path, 0o004)
    return all(
        _has(folder, 0o005) and all(_has(os.path.join(folder, name), 0o004) for name in files)
        for folder, _, files in os.walk(path)
    )


def closed_to_others(path: str) -> bool:
    """Whether other users can neither list nor enter a folder, or cannot get as far."""
    path = os.path.realpath(path)
    return not can_be_reached(path) or not (_has(path, 0o001) or _has(path, 0o004))


def can_be_reached(path: str) -> bool:
    """Whether other users can enter all the folders on the way to a path."""
    return all(_has(folder, 0o001) for folder in _above(path))


@lru_cache
def _python_is_open() -> bool:
    """As far as the modules tell that have been imported."""
    files = {os.path.realpath(name) for name in map(_file, list(sys.modules.values())) if name}
    folders = {folder for file in files for folder in _above(file)}
    return all(_has(file, 0o004) for file in files) and all(_has(folder, 0o001) for folder in folders)


def _file(module: object) -> str | None:
    name = getattr(module, "__file__", None)
    return name if isinstance(name, str) and os.path.isabs(name) else None


def _above(path: str) -> list[str]:
    """The folders on the way to a path."""
    found = []
    while (path := os.path.dirname(path)) not in found:
        found.append(path)
    return found


def _has(path: str, bits: int) -> bool:
    try:
        return os.stat(path).st_mode & bits == bits
    except OSError:
        return False


def _many_users() -> bool:
    """Whether high uids exist here: in a user namespace often only the first 65,536 do."""
    with open("/proc/self/uid_map") as file:
        ranges = [(int(first), int(count)) for first, _, count in map(str.split, file)]
    return any(first <= _HIGH < first + count - (1 << 23) for first, count in ranges)


def _capabilities() -> frozenset[int]:
    """Those in effect."""
    with open("/proc/self/status") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return frozenset(number for number in range(64) if mask >> number & 1)
