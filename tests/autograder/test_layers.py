"""Each layer of the jail and what it alone stops: the attacks of layers.py fail, and get through without it."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder.student import privileges
from autograder.target.launcher import clean_environment

landlockpy = pytest.importorskip("landlockpy", reason="isolation: no Landlock on this system")
seccompy = pytest.importorskip("seccompy", reason="isolation: no seccomp on this system")
pytestmark = pytest.mark.skipif(
    not (landlockpy.supported() and seccompy.supported()),
    reason="isolation: this kernel has no Landlock or no seccomp: what they stop is not tried",
)
HERE = Path(__file__).resolve().parent
ROOT_ONLY = ("root", "no capabilities")

# Without a layer, in some circumstance: attacks that then get through, and one that another layer still stops.
ALONE = [
    ("root", "landlock", ["read a hidden test", "leave something in /tmp", "leave something in /dev/shm"]),
    ("root", "seccomp", ["start a process", "connect to a socket in the file system", "keep memory in a memfd"]),
    ("root", "another user", ["start 160 threads"]),
    ("root", "another user, capabilities", ["read another user's file in a folder that may be read"]),
    ("root", "rlimits", ["take too much memory", "take too much shared memory", "write too large a file"]),
    ("root", "rlimits", ["open 500 files"]),
    ("root", "seccomp, network", ["send by UDP"]),
    ("user", "landlock", ["read a hidden test", "read a private file"]),
    ("user", "seccomp", ["change the mode of a hidden test", "change the time of a hidden test", "renice the grader"]),
    ("user", "landlock, closed memory", ["read the grader's environment"]),
    ("no capabilities", "landlock", ["read a hidden test", "read a private file"]),
    ("no capabilities", "seccomp", ["change the mode of a hidden test", "move the grader to other cores"]),
    ("Landlock 4", "seccomp", ["signal the grader", "signal the grader through a descriptor"]),
    ("Landlock 1", "seccomp", ["empty a file that may be read", "truncate a file that may be read", "connect by TCP"]),
]
# And what a second layer still stops then.
STILL = [
    ("root", "landlock", ["read a private file", "start a process"]),  # another user
    ("root", "seccomp", ["change the mode of a hidden test", "send by UDP", "trace the grader"]),
    ("user", "landlock", ["read the grader's memory", "read the grader's environment"]),  # its memory is closed
    ("user", "seccomp", ["signal the grader", "connect by TCP"]),  # Landlock 6 and 4
]


@pytest.fixture(scope="module")
def through():
    """What got through, by circumstance and by what was missing."""
    done = subprocess.run([sys.executable, HERE / "layers.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def of(through, circumstance, without):
    if circumstance not in through:
        pytest.skip(f"isolation: only root with its capabilities can be tried {circumstance!r}")
    if circumstance == "user" and landlockpy.abi_version() < 6:
        pytest.skip("isolation: an older Landlock is tried as 'Landlock 4'")
    found = through[circumstance][without]
    assert isinstance(found, list), found  # else what went wrong in the fork
    return found


@pytest.mark.parametrize("circumstance", [*ROOT_ONLY, "user", "Landlock 4", "Landlock 1"])
def test_nothing_gets_through_all_layers(through, circumstance):
    assert of(through, circumstance, "") == []


@pytest.mark.parametrize(("circumstance", "without", "attacks"), ALONE)
def test_without_a_layer_what_it_alone_stops_gets_through(through, circumstance, without, attacks):
    assert set(attacks) <= set(of(through, circumstance, without))


@pytest.mark.parametrize(("circumstance", "without", "attacks"), STILL)
def test_what_two_layers_stop_one_stops(through, circumstance, without, attacks):
    assert not set(attacks) & set(of(through, circumstance, without))


@pytest.fixture(autouse=True)
def left(monkeypatch):
    """Where processes that end themselves leave their folders; other users may make one there."""
    with tempfile.TemporaryDirectory(prefix="layers-") as folder:
        os.chmod(folder, 0o1777)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield


CONFINED = """
import ctypes, mmap, os, sys, tempfile, threading, time
from autograder.student import jail, privileges
privileges._python_is_open = privileges.open_to_others = lambda *_: True
allowance = jail.Allowance(60, 1024, 4, tempfile.mkdtemp(), ())
"""


def run_confined(code, **rest):
    command = [sys.executable, "-c", CONFINED + code]
    rest.setdefault("env", clean_environment(1))  # a zygote's: NumPy starts no threads
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **rest)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is the old door of x86 processors")
def test_the_old_way_of_calling_ends_the_process():
    """i386's getpid: its number is another call's here, so no filter of numbers would see what it is."""
    code = """
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
before = call()
jail.confine(allowance)
print(before, flush=True)
call()
"""
    done = run_confined(code)
    if done.returncode == -11:
        pytest.skip("this kernel has no calls of 32 bits")
    assert (done.returncode, int(done.stdout) > 0) == (-31, True)  # SIGSYS


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is an x86 thing")
def test_calls_numbered_the_x32_way_are_not_there():
    code = "jail.confine(allowance); print(ctypes.CDLL(None, use_errno=True).syscall(0x40000000 | 39))"
    assert run_confined(code).stdout.strip() == "-1"


def test_a_process_with_a_second_thread_is_not_confined_but_refused():
    """Landlock and seccomp hold one thread: an earlier one would stay free."""
    code = "threading.Thread(target=time.sleep, args=[30], daemon=True).start(); jail.confine(allowance)"
    done = run_confined(code)
    assert "2 threads" in done.stderr


def test_an_engine_that_refuses_to_say_whether_there_is_landlock_has_none(monkeypatch):
    """Older profiles of containers answer calls that they do not know with EPERM, not with ENOSYS."""
    from autograder.student import jail

    def refuse() -> int:
        raise landlockpy.LandlockError(1, "Operation not permitted")

    monkeypatch.setattr(jail, "abi_version", refuse)
    assert jail.landlock_abi() == 0


@pytest.mark.parametrize("user", ["root", "another"])
def test_a_confined_process_ends_with_its_parent(user):
    """The death signal is undone by a change of uid, so that it must come after it."""
    if user == "another" and not (os.geteuid() == 0 and privileges._capabilities() >= privileges._TO_CHANGE):
        pytest.skip("isolation: only root with its capabilities can change its uid")
    code = f"""
if {user!r} == "root":
    privileges.can_change_user = lambda *_: False
parent = os.getpid()
if os.fork() == 0:
    layers = jail.confine(allowance, parent)
    print("another user" in layers, flush=True)
    time.sleep(600)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", CONFINED + code], stdout=subprocess.PIPE, text=True) as parent:
        told = parent.stdout.readline().strip()
        parent.kill()
        assert told == str(user == "another")
        assert parent.stdout.read() == ""  # comes to an end only when the confined process has closed it, too


def test_every_name_of_a_system_call_is_one():
    from seccompy.syscalls import AARCH64_SYSCALLS, X86_64_SYSCALLS

    from autograder.student.seccomp import ALLOWED, PRETENDED, REFUSED

    names = [*ALLOWED, *PRETENDED, *REFUSED]
    assert len(names) == len(set(names))
    assert not [name for name in names if name not in X86_64_SYSCALLS and name not in AARCH64_SYSCALLS]


def test_a_students_own_check_is_free_to_start_processes_and_to_use_the_network():
    """There is nothing to hide there; a DataLoader with workers should work as it does without us."""
    code = """
import socket, subprocess
layers = jail.confine(jail.Allowance(60, 4096, 32))
subprocess.run([sys.executable, "-c", ""], check=True)
socket.create_server(("127.0.0.1", 0)).close()
print(*layers, sep=",")
"""
    done = run_confined(code)
    assert done.stdout.strip() == "own process,data-only wire,session,rlimits", done.stderr


@pytest.mark.parametrize("platform_name", ["darwin", "win32"])
def test_confinement_on_other_systems_is_what_they_have(platform_name):
    """As far as this system can play another: none of Linux's own calls is made."""
    code = f"""
import ctypes, sys
sys.platform = {platform_name!r}
ctypes.CDLL = None
from autograder.student import jail
print(*jail.confine(jail.Allowance(60, 4096, 32)), sep=",")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "own process,data-only wire,session,rlimits", done.stderr


def test_a_loader_that_is_told_to_have_processes_loads_the_same_by_itself():
    """It is right code, and works at a student's desk; only that a jailed worker can start no process."""
    code = """
import torch
from torch.utils.data import DataLoader
from autograder.student import worker
torch.set_num_threads(1)
told = dict(batch_size=2, shuffle=True, num_workers=2, persistent_workers=True, prefetch_factor=3)
jail.confine(allowance)
made = [i for i in DataLoader(range(6), 2, True, generator=torch.Generator().manual_seed(1))]
worker._load_without_processes(DataLoader)
again = [i for i in DataLoader(range(6), **told, generator=torch.Generator().manual_seed(1))]
assert list(map(torch.Tensor.tolist, made)) == list(map(torch.Tensor.tolist, again))
assert len(list(DataLoader(range(6), 2, False, None, None, 2))) == 3
"""
    done = run_confined(code.replace("jail.confine", "allowance.__dict__.update(memory_mb=4096); jail.confine", 1))
    assert done.returncode == 0, done.stderr
