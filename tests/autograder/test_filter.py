"""The filter of system calls, computed: what its program answers to every number, on both kinds of processor.

The machine that runs this has one of them. Here the program is interpreted as the kernel does it, so that the other's
is looked at as well: each number, and the arguments that rules are about.
"""

import errno
import os
import platform
import signal
import struct
from functools import cache

import pytest

seccompy = pytest.importorskip("seccompy", reason="isolation: no seccomp on this system")
from seccompy.syscalls import AARCH64_SYSCALLS, X86_64_SYSCALLS  # noqa: E402

from autograder.student import seccomp  # noqa: E402

pytestmark = pytest.mark.skipif(not seccomp.available(), reason="isolation: no seccomp on this system")

MACHINES = {"x86_64": (0xC000003E, X86_64_SYSCALLS), "aarch64": (0xC00000B7, AARCH64_SYSCALLS)}  # linux/audit.h
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000  # linux/seccomp.h
NOT_THERE, REFUSED = ERRNO | errno.ENOSYS, ERRNO | errno.EPERM
HIGH = 0xABCD_0000_0000_0000  # of an int argument the kernel reads the lower half

LD, AND, RET, JA = 0x20, 0x54, 0x06, 0x05
COMPARE = {
    0x15: lambda a, k: a == k,
    0x25: lambda a, k: a > k,
    0x35: lambda a, k: a >= k,
    0x45: lambda a, k: a & k != 0,
}


def answer(program, architecture, number, *arguments):
    """What a classic BPF program returns for a system call, by the kernel's Documentation/networking/filter.rst."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * at)
        at += 1
        if code == RET:
            return value
        if code == LD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == AND:
            accumulator &= value
        elif code == JA:
            at += value
        else:
            at += if_true if COMPARE[code](accumulator, value) else if_false


@cache
def program_for(machine):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "machine", lambda: machine)
        return seccomp._made().program


@pytest.fixture(params=MACHINES)
def ask(request):
    """What the filter of a kind of processor answers to a call by name; None where there is no such call."""
    architecture, numbers = MACHINES[request.param]
    program = program_for(request.param)

    def asked(call, *arguments):
        return answer(program, architecture, numbers[call], *arguments) if call in numbers else None

    return asked


@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_is_answered_as_the_lists_say(machine):
    """With arguments of nothing but zeros. A number on no list is not there, those of kernels to come included."""
    architecture, numbers = MACHINES[machine]
    wanted = dict.fromkeys(range(1024), NOT_THERE)
    for calls, what in ((seccomp.ALLOWED, ALLOW), (seccomp.PRETENDED, ERRNO), (seccomp.REFUSED, REFUSED)):
        wanted |= {numbers[call]: what for call in calls if call in numbers}
    zeros = {"clone": REFUSED, "kill": ALLOW, "tgkill": ALLOW, "open": ALLOW, "openat": ALLOW, "fcntl": ALLOW}
    zeros |= {"ioctl": ERRNO | errno.ENOTTY, "prctl": REFUSED, "prlimit64": ALLOW, "sched_setaffinity": ALLOW}
    zeros |= {"fallocate": ERRNO | errno.EOPNOTSUPP, "socketpair": REFUSED, "sendto": ALLOW}
    wanted |= {numbers[call]: what for call, what in zeros.items() if call in numbers}
    found = {number: answer(program_for(machine), architecture, number) for number in range(1024)}
    assert found == wanted


def test_what_would_open_the_jail_is_never_allowed(ask):
    for call in (
        *("bpf", "io_uring_setup", "io_uring_enter", "userfaultfd", "keyctl", "add_key", "perf_event_open", "ptrace"),
        *("execve", "execveat", "fork", "vfork", "clone3", "unshare", "setns", "mount", "pivot_root", "chroot"),
        *("socket", "connect", "bind", "sendmsg", "recvmsg", "memfd_create", "shmget", "shmat", "msgget", "mq_open"),
        *("process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "process_madvise"),
        *("open_by_handle_at", "name_to_handle_at", "openat2", "setxattr", "fchmodat", "fchmodat2", "utimensat"),
        *("setpriority", "ioprio_set", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill", "seccomp", "personality"),
    ):
        assert ask(call) != ALLOW, call


@pytest.mark.parametrize("high", [0, HIGH])
def test_threads_and_no_processes(ask, high):
    threads = 0x3D0F00  # glibc's pthread_create
    assert ask("clone", high | threads) == ALLOW
    for flags in (signal.SIGCHLD, 0x4111, threads | 0x4000, threads | 0x1000_0000, threads | 0x2_0000):
        assert ask("clone", high | flags) == REFUSED, hex(flags)


@pytest.mark.parametrize("high", [0, HIGH])
def test_no_descriptor_sends_signals(ask, high):
    for command in (8, 10, 15, 1024, 1026):  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
        assert ask("fcntl", 3, high | command) == REFUSED
    for command in (0x5452, 0x8901, 0x8902, 0x5412):  # FIOASYNC, FIOSETOWN, SIOCSPGRP, TIOCSTI
        assert ask("ioctl", 3, high | command) == ERRNO | errno.ENOTTY
    assert ask("ioctl", 3, high | 0x5401) == ALLOW  # TCGETS: is it a terminal


@pytest.mark.parametrize("high", [0, HIGH])
def test_nothing_is_emptied_that_may_only_be_read(ask, high):
    for call, before in (("open", (0,)), ("openat", (0, 0))):
        if ask(call, *before, 0) is not None:
            assert ask(call, *before, high | os.O_RDONLY | os.O_TRUNC) == REFUSED
            assert ask(call, *before, high | os.O_WRONLY | os.O_TRUNC | os.O_CREAT) == ALLOW
            assert ask(call, *before, high | os.O_ACCMODE) == REFUSED


def test_others_limits_sockets_and_settings(ask):
    assert ask("prlimit64", 0) == ask("sched_setaffinity", 0) == ALLOW
    assert ask("prlimit64", 1) == ask("sched_setaffinity", 1) == REFUSED
    assert ask("socketpair", 1, 1 | 0x80000) == ALLOW  # AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC
    assert ask("socketpair", 2, 1) == ask("socketpair", 1, 2) == REFUSED
    assert ask("sendto", 3, 0, 0, 0, 1 << 40) == REFUSED  # any address, also one whose lower half is zero
    assert ask("prctl", 15) == ALLOW
    assert ask("prctl", 1) == ask("prctl", 22) == ask("prctl", 38) == REFUSED  # death signal, seccomp, new privileges


@pytest.mark.parametrize("machine", MACHINES)
def test_another_calling_convention_ends_the_process(machine):
    program = program_for(machine)
    for foreign in (0x40000003, 0x40000028, *(each for each, _ in MACHINES.values())):  # i386, 32-bit ARM
        if foreign != MACHINES[machine][0]:
            assert answer(program, foreign, 0) & 0xFFFF0000 == KILL


def test_numbers_of_x32_are_not_there():
    assert answer(program_for("x86_64"), MACHINES["x86_64"][0], 0x4000_0000) == NOT_THERE
