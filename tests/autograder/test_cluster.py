"""The same class with one job, two jobs, and a cluster that loses a worker midway: equal marks."""

import importlib.util
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from autograder.gradebook import last_run, load_students, open_gradebook

from .. import kills

TESTS = Path(__file__).resolve().parent.parent
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="Dask is not installed")


@pytest.fixture
def students(tmp_path: Path) -> Path:
    kills.make_class(tmp_path / "class")
    return tmp_path / "class"


def graded(students: Path, out: Path, *options: str) -> dict[str, object]:
    with started(students, out, *options) as process:
        _, told = process.communicate()
    assert process.returncode == 0, told
    return kills.reports(out)


def started(students: Path, out: Path, *options: str) -> psutil.Popen:
    command = [sys.executable, "-m", "autograder", "grade", str(students), "--out", str(out), *options]
    environment = os.environ | {"AUTOGRADER_SECRET": "kills", "COLUMNS": "200"}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return psutil.Popen(command, cwd=kills.TINY_UNIT, env=environment, **pipes)


def results_so_far(out: Path) -> int:
    if not (out / "gradebook.sqlite").exists():
        return 0
    book = open_gradebook(out / "gradebook.sqlite")
    run = last_run(book, ended=False)
    return len(load_students(book, run)) if run else 0


def cluster_workers(process: psutil.Process) -> list[psutil.Process]:
    """The Dask workers that have a job."""
    found = []
    for each in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "autograder.cluster.job" in each.cmdline():
                found.append(each.parent())
    return found


@needs_dask
def test_the_same_marks_on_every_road_though_a_worker_is_killed(students, tmp_path):
    one = graded(students, tmp_path / "one", "--jobs", "1")
    two = graded(students, tmp_path / "two", "--jobs", "2")
    out = tmp_path / "cluster"
    with started(students, out, "--cluster", "local:2") as process:
        while not results_so_far(out):
            assert process.poll() is None
            time.sleep(0.05)
        for worker in cluster_workers(process)[:1]:
            worker.kill()
        _, told = process.communicate()
    assert process.returncode == 0, told
    assert one == two == kills.reports(out)


@needs_dask
def test_a_machine_that_cannot_isolate_or_differs_refuses(tmp_path):
    from multiprocessing import Pipe

    from autograder.cluster.bundle import bundle_of
    from autograder.cluster.job import Order, Refusal, _grade, lacking_on_a_cluster
    from autograder.errors import GraderError
    from autograder.gradebook.keys import engine_hash
    from autograder.spec import load

    assert lacking_on_a_cluster(("rlimits", "landlock 7")) is None
    assert "TCP" in lacking_on_a_cluster(("rlimits", "landlock 3"))
    assert "TCP" in lacking_on_a_cluster(("session", "rlimits", "another user", "seccomp"))
    bundle = bundle_of(load(kills.TINY_UNIT), "grading.yml")
    ours, theirs = Pipe()
    with pytest.raises(GraderError, match="its autograder is another one"):
        _grade(Order(bundle, b"s", "other", ""), tmp_path / "a", theirs)
    with pytest.raises(GraderError, match=r"it has Python .*; here there is Python 2"):
        _grade(Order(bundle, b"s", engine_hash(), "Python 2"), tmp_path / "b", theirs)
    ours.close()
    theirs.close()
    assert Refusal("x").why == "x"


@needs_dask
@pytest.mark.parametrize("address", ["local:none", "nowhere"])
def test_an_address_that_is_none_is_told(autograder, students, tmp_path, address):
    done = autograder("grade", students, "--out", tmp_path / "out", "--cluster", address, cwd=kills.TINY_UNIT)
    assert done.returncode == 2
    assert f"--cluster {address}: write" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="students' code is graded on Linux only")
def test_kills_at_random_moments_change_nothing():
    """A few; tests/kills.py tries as many as one likes."""
    command = [sys.executable, TESTS / "kills.py", "--moments", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
