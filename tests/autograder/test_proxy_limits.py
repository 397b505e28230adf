"""Time, memory and files of a worker: whatever it does, the call ends, and the next worker is fine.

A limit of CPU time ends what burns it, on a machine of any speed; what burns none waits for the wall clock, which is
generous in life and short here.
"""

import os
import resource
import select

import pytest

from autograder.target.failures import Broken, Crashed, StudentError, TimedOut
from autograder.target.launcher import Spawner, Zygote

CPU = 0.5


def is_fine(student):
    assert student.add(2, 3) == 5


@pytest.mark.parametrize("how", ["python", "C", "matmul", "deaf", "swallow", "threads"])
def test_who_burns_time_is_stopped(fresh, how):
    student = fresh("hostile", cpu_seconds=CPU)
    with pytest.raises(TimedOut, match=r"stopped after 0\.5 seconds of CPU time"):
        student.spin(how)
    with pytest.raises(Crashed, match="has ended"):
        student.add(1, 1)
    is_fine(fresh("hostile"))


@pytest.mark.parametrize("how", ["sleep", "stop"])
def test_who_does_nothing_is_stopped(fresh, how):
    student = fresh("hostile", wall_seconds=1.0)
    with pytest.raises(TimedOut, match="stopped after 1 seconds without an answer"):
        student.spin(how)
    is_fine(fresh("hostile"))


def test_a_spawned_worker_is_stopped_as_well(fresh, launchers):
    student = fresh("hostile", launchers.spawner, cpu_seconds=CPU)
    with pytest.raises(TimedOut):
        student.spin("python")
    is_fine(fresh("hostile", launchers.spawner))


def test_the_calls_of_a_test_share_its_time_and_the_next_test_has_its_own(fresh):
    student = fresh("hostile", cpu_seconds=CPU)
    with pytest.raises(TimedOut):
        for _ in range(1000):
            student.burn(0.05)
    student = fresh("hostile", cpu_seconds=CPU)
    for test in range(4):
        student._target.begin(test, CPU)
        student.burn(0.3)


def test_the_time_of_the_whole_topic_is_limited_by_the_system(fresh):
    student = fresh("hostile", cpu_seconds=50.0, topic_cpu_seconds=1)
    with pytest.raises(TimedOut, match="all its tests have together"):
        student.spin("python")


def test_an_import_that_hangs_is_stopped(fresh, tmp_path):
    (tmp_path / "mine.py").write_text("while True:\n    pass\n")
    with pytest.raises(TimedOut):
        fresh(tmp_path / "mine.py", import_cpu_seconds=CPU)


def test_what_hangs_when_it_is_let_go_costs_the_next_test_alone(fresh):
    student = fresh("hostile", cpu_seconds=CPU)
    assert student.spin_at_exit().kind == "Last"
    student._target.begin(1, CPU)
    with pytest.raises(TimedOut):
        student.add(1)
    is_fine(fresh("hostile"))


@pytest.mark.parametrize("how", ["child", "orphan"])
def test_nothing_of_its_group_lives_on(fresh, tmp_path, how):
    """A child holds the other end of a pipe; the pipe's end is the child's."""
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        student = fresh("hostile", wall_seconds=1.0)
        with pytest.raises(Broken):
            student.spin(how, path)
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        assert ready.poll(60_000), "a child is still there"
        assert os.read(descriptor, 1) == b""
    finally:
        os.close(descriptor)
    is_fine(fresh("hostile"))


@pytest.mark.parametrize("kind", [Zygote, Spawner])
def test_nothing_lives_on_when_the_launcher_is_closed(fresh, tmp_path, kind):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "mine.py").write_text(
        "import os, time\n"
        "def f(path):\n    os.open(path, os.O_WRONLY)\n    if not os.fork():\n        time.sleep(10**6)\n"
    )
    try:
        with kind(()) as launcher:
            fresh(tmp_path / "mine.py", launcher).f(path)
            fresh.forget()
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        assert ready.poll(60_000), "a child is still there"
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("how", ["bytes", "torch", "list"])
def test_who_wants_too_much_memory_does_not_get_it(fresh, how):
    student = fresh("hostile", memory_mb=1536)
    with pytest.raises((MemoryError, Crashed, RuntimeError)) as caught:
        student.hoard(how)
    assert isinstance(caught.value, (StudentError, Crashed))
    is_fine(fresh("hostile"))


def test_the_systems_limits_hold(fresh):
    student = fresh("hostile", topic_cpu_seconds=77, memory_mb=3000, file_mb=5)
    limits = student.limits()
    assert limits["CPU"] == (77, 79)
    assert limits["AS"] == (3000 << 20, 3000 << 20)
    assert limits["FSIZE"] == (5 << 20, 5 << 20)
    assert limits["CORE"] == (0, 0)
    assert limits["NOFILE"] == (128, 128)
    assert resource.getrlimit(resource.RLIMIT_AS) != limits["AS"], "the grader keeps its own"


def test_files_are_bounded(fresh, tmp_path):
    student = fresh("hostile", file_mb=5)
    with pytest.raises((OSError, Crashed)) as caught:
        student.write_file(str(tmp_path / "large"), 50 << 20)
    assert isinstance(caught.value, (StudentError, Crashed))
    assert (tmp_path / "large").stat().st_size <= 5 << 20
    student = fresh("hostile")
    with pytest.raises(OSError, match="Too many open files"):
        student.open_files(str(tmp_path / "large"), 500)


def test_a_worker_is_a_session_of_its_own(fresh, launchers):
    for launcher in (launchers.zygote, launchers.spawner):
        leads_session, leads_group, threads, folder = fresh("hostile", launcher).session()
        assert leads_session
        assert leads_group
        assert threads == 1
        assert folder.endswith("targets")


def test_every_result_says_what_held(fresh):
    assert fresh("hostile")._target.isolation[:2] == ("own process", "data-only wire")
