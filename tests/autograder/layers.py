"""Attacks from within a worker, with all layers of the jail or without one: `python layers.py` prints what got through.

One process plays the grader in each of several circumstances (as root, as an ordinary user, without capabilities, with
an older Landlock), and forks workers that confine themselves as real ones do and then try everything below. Attacks
are bounded, and harmless where they succeed. Prints {circumstance: {"without": [the attacks that got through]}}.
"""

# ruff: noqa: SIM115, ARG005  # what an attack opens ends with its process; not all of them look at the ground

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path

import landlockpy
import seccompy

from autograder.student import jail, privileges, seccomp

NOBODY = 54_321
ROOT = "root"
MEMORY_MB, FILE_MB = 1024, 4
REFUSED = (errno.EPERM, errno.ENOSYS)
LIBC = ctypes.CDLL(None, use_errno=True)
# Calls that no worker needs. With no arguments they do nothing; what matters is who refuses them.
CALLS = (
    *(
        "io_uring_setup",
        "bpf",
        "userfaultfd",
        "keyctl",
        "mount",
        "umount2",
        "pivot_root",
        "perf_event_open",
        "kexec_load",
    ),
    *(
        "init_module",
        "open_by_handle_at",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        "setns",
        "fanotify_init",
    ),
    *("memfd_secret", "shmget", "msgget", "semget", "mq_open", "clone3", "openat2", "splice", "vmsplice", "execveat"),
)


class Ground:
    """What there is to attack: made by the grader, as whoever it is."""

    def __init__(self, circumstance: str) -> None:
        self.circumstance = circumstance
        self.user = os.geteuid()
        self.folder = Path(tempfile.mkdtemp(prefix="layers-"))
        self.folder.chmod(0o755)
        self.hidden = self._file("hidden.py", 0o644)
        self.private = self._file("private", 0o600)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.lesson = self._file("data/lesson.txt", 0o644)
        self.locked = self._file("data/locked.txt", 0o600)
        if os.geteuid() == 0 and privileges._CHOWN in privileges._capabilities():
            os.chown(self.locked, NOBODY, NOBODY)  # of another user: root without capabilities cannot read it
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        self.unix.listen()
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0layers-{os.getpid()}")
        self.abstract.listen()
        self.grader = os.getpid()
        self.signalled = False
        signal.signal(signal.SIGUSR1, self._note)

    def _file(self, name: str, mode: int) -> Path:
        path = self.folder / name
        path.write_text("text")
        path.chmod(mode)
        os.utime(path, (1000, 1000))
        return path

    def _note(self, *_: object) -> None:
        self.signalled = True


def signal_through_a_descriptor(ground: Ground) -> None:
    """The kernel sends the signal, not this process: `kill` is not called."""
    ours, theirs = socket.socketpair()
    fcntl.fcntl(ours, fcntl.F_SETOWN, ground.grader)
    fcntl.fcntl(ours, 10, signal.SIGUSR1)  # F_SETSIG
    fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC)
    theirs.send(b"x")
    assert False, "the grader tells whether it came"  # noqa: B011, PT015


def start_a_process(ground: Ground) -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def start_many_threads(ground: Ground) -> None:
    assert ground.circumstance == ROOT  # an ordinary user's worker has its memory for a limit: stacks are part of it
    end = threading.Event()
    threading.stack_size(256 << 10)
    started = []
    try:
        for _ in range(160):
            thread = threading.Thread(target=end.wait)
            thread.start()
            started.append(thread)
    finally:
        end.set()
        for thread in started:
            thread.join()


def read_locked(ground: Ground) -> None:
    assert ground.locked.stat().st_uid not in (ground.user, os.getuid())
    ground.locked.read_text()


def change_the_mode(ground: Ground) -> None:
    ground.hidden.chmod(0o640)
    assert ground.hidden.stat().st_mode & 0o777 == 0o640


def change_the_time(ground: Ground) -> None:
    os.utime(ground.hidden, (2000, 2000))
    assert ground.hidden.stat().st_mtime == 2000


def renice(ground: Ground) -> None:
    os.setpriority(os.PRIO_PROCESS, ground.grader, os.getpriority(os.PRIO_PROCESS, ground.grader) + 1)


def trace(ground: Ground) -> None:
    assert LIBC.ptrace(0x4206, ground.grader, 0, 0) == 0  # PTRACE_SEIZE: the other one is not stopped


def send_udp(ground: Ground) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ground.udp.getsockname())


def leave_in(folder: str):
    def attack(ground: Ground) -> None:
        (path := Path(folder) / f"left-by-{os.getpid()}").write_text("x")
        path.unlink()

    return attack


def connect(family: int, server: str):
    def attack(ground: Ground) -> None:
        with socket.socket(family) as connection:
            connection.settimeout(10)
            connection.connect(getattr(ground, server).getsockname())

    return attack


def call(name: str):
    def attack(ground: Ground) -> None:
        if LIBC.syscall(seccompy.syscall_nr(name), -1, 0, 0, 0, 0, 0) < 0:
            assert ctypes.get_errno() not in REFUSED

    return attack


ATTACKS = {
    "read a hidden test": lambda g: g.hidden.read_text(),
    "read a private file": lambda g: g.private.read_text(),
    "read another user's file in a folder that may be read": read_locked,
    "empty a file that may be read": lambda g: os.open(g.lesson, os.O_RDONLY | os.O_TRUNC),
    "truncate a file that may be read": lambda g: os.truncate(g.lesson, 1),
    "change the mode of a hidden test": change_the_mode,
    "change the time of a hidden test": change_the_time,
    "leave something in /tmp": leave_in("/tmp"),
    "leave something in /dev/shm": leave_in("/dev/shm"),
    "read the grader's memory": lambda g: open(f"/proc/{g.grader}/mem", "rb"),
    "read the grader's environment": lambda g: open(f"/proc/{g.grader}/environ", "rb").read(),
    "trace the grader": trace,
    "signal the grader": lambda g: os.kill(g.grader, 0),
    "signal the grader through a descriptor": signal_through_a_descriptor,
    "renice the grader": renice,
    "move the grader to other cores": lambda g: os.sched_setaffinity(g.grader, os.sched_getaffinity(g.grader)),
    "look at the grader's limits": lambda g: resource.prlimit(g.grader, resource.RLIMIT_NOFILE),
    "start a process": start_a_process,
    "start 160 threads": start_many_threads,
    "connect by TCP": connect(socket.AF_INET, "tcp"),
    "connect to a socket in the file system": connect(socket.AF_UNIX, "unix"),
    "connect to an abstract socket": connect(socket.AF_UNIX, "abstract"),
    "send by UDP": send_udp,
    "make a user namespace": lambda g: LIBC.unshare(0x1000_0000) and 1 / 0,
    "keep memory in a memfd": lambda g: os.memfd_create("x"),
    # Never touched, so that it takes an address and no memory where it is given.
    "take too much memory": lambda g: mmap.mmap(-1, (MEMORY_MB + 64) << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
    "take too much shared memory": lambda g: mmap.mmap(-1, (MEMORY_MB + 64) << 20),
    "write too large a file": lambda g: open("large", "wb").truncate((FILE_MB << 20) + 1),
    "open 500 files": lambda g: [os.dup(0) for _ in range(500)],
    **{f"call {name}": call(name) for name in CALLS},
}

# Each circumstance, and without which layers it is tried besides with all.
WITHOUT = {
    ROOT: ("landlock", "seccomp", "another user", "rlimits", "another user, capabilities", "seccomp, network"),
    "user": ("landlock", "seccomp", "rlimits", "landlock, closed memory"),
    "no capabilities": ("landlock", "seccomp"),
    "Landlock 4": ("landlock", "seccomp"),
    "Landlock 1": ("seccomp",),
}


def take_circumstance(name: str) -> None:
    """Become that grader, for good."""
    if name.startswith("Landlock"):
        abi = int(name.split()[1])
        landlockpy._syscall.abi_version = lambda: abi
        jail.abi_version = lambda: abi
    if os.geteuid() == 0 and name == "no capabilities":
        privileges.drop_capabilities()
    elif name != ROOT and privileges._capabilities() >= privileges._TO_CHANGE:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def take_away(layers: str) -> None:
    for layer in filter(None, layers.split(", ")):
        match layer:
            case "landlock":
                jail._landlock = lambda _: []
            case "seccomp":
                seccomp.available = lambda: False
            case "another user":
                privileges.can_change_user = lambda _: False
            case "capabilities":
                privileges.drop_capabilities = privileges.drop_bounding_set = lambda: None
            case "rlimits":
                jail._set_limits = lambda *_: None


def attack(ground: Ground, without: str) -> list[str]:
    """In the worker: what gets through."""
    take_away(without)
    if "network" not in without:
        privileges.leave_network()
    scratch = tempfile.mkdtemp(dir=ground.folder)
    os.chdir(scratch)
    jail.confine(jail.Allowance(60, MEMORY_MB, FILE_MB, scratch, (str(ground.data),)), ground.grader)
    through = []
    for name, attempt in ATTACKS.items():
        try:
            attempt(ground)
            through.append(name)
        except (OSError, MemoryError, AssertionError, ZeroDivisionError, RuntimeError):  # the last: no new thread
            pass
    return through


def forked(work) -> object:
    """What `work` returns, done in a fork."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = work()
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        os.write(theirs, json.dumps(told).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text or '"it ended without a word"')


def one(circumstance: str, without: str) -> object:
    take_circumstance(circumstance)
    ground = Ground(circumstance)
    (privileges.show_memory if "closed memory" in without else privileges.hide_memory)()
    through = forked(lambda: attack(ground, without))
    if ground.signalled and isinstance(through, list):
        through.append("signal the grader through a descriptor")
    shutil.rmtree(ground.folder, ignore_errors=True)
    return through


def main() -> None:
    # Python may stand where others cannot read it: all that is needed has been imported.
    privileges._python_is_open = lambda: True
    privileges.open_to_others = lambda _: True
    found = {}
    for circumstance, takes in WITHOUT.items():
        if circumstance == ROOT and not (os.geteuid() == 0 and privileges._capabilities() >= privileges._TO_CHANGE):
            continue
        if circumstance == "no capabilities" and os.geteuid() != 0:
            continue
        found[circumstance] = {each: forked(lambda: one(circumstance, each)) for each in ("", *takes)}  # noqa: B023
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
