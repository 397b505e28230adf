"""What is enough to run hidden tests, and what happens where it is not there: no marks, and the way out is named."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from shutil import copytree

import pytest
from rich.console import Console

from autograder.course import grade
from autograder.course.grade import Options
from autograder.course.grade import grade as run_grade
from autograder.errors import GraderError
from autograder.machine import doctor, isolation
from autograder.machine.isolation import Trial, hidden_places, lacking, lacking_here, refusal
from autograder.spec import Limits, load
from autograder.student.channel import Channel
from autograder.student.jail import Allowance
from autograder.student.workbench import BenchConfig
from autograder.student.worker import WorkerConfig
from autograder.target.failures import Crashed
from autograder.target.launcher import Ending, Launcher, Worker
from autograder.target.process import ProcessTarget

TINY_UNIT = Path(__file__).with_name("tiny_unit")
BASE = ("own process", "data-only wire", "session", "rlimits")


@pytest.mark.parametrize("layers", [("landlock 1", "seccomp"), ("another user", "seccomp"), ("landlock 7", "seccomp")])
def test_files_and_calls_kept_is_enough(layers):
    assert lacking((*BASE, *layers)) is None


@pytest.mark.parametrize(
    ("layers", "missing"),
    [
        ((), "seccomp"),
        (("landlock 7",), "seccomp"),
        (("another user", "landlock 7"), "seccomp"),
        (("seccomp",), "Landlock"),
        (("seccomp", "no capabilities", "network namespace"), "Landlock"),
    ],
)
def test_anything_less_is_not(layers, missing):
    assert missing in lacking((*BASE, *layers))


def test_another_user_alone_needs_folders_that_are_shut():
    layers = (*BASE, "another user", "seccomp")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are shut already
        Path(folder).chmod(0o755)
        unit = load(Path(copytree(TINY_UNIT, Path(folder) / "unit")))
        assert str(unit.solutions) in lacking_here(layers, hidden_places(unit))
        for place in filter(Path.exists, hidden_places(unit)):
            place.chmod(0o700)
        assert lacking_here(layers, hidden_places(unit)) is None


def test_a_layer_that_does_not_hold_what_it_promises_is_none(tiny_unit):
    trial = Trial((*BASE, "landlock 7", "seccomp"), {"read another's file": False, "start a process": True})
    assert "read another's file" in refusal(load(tiny_unit), trial)


@pytest.fixture
def bare_machine(monkeypatch):
    """A machine with process limits and nothing else."""
    for module in (grade, doctor):
        monkeypatch.setattr(module, "try_here", lambda *_: Trial(BASE, {"read another's file": False}))


def test_grade_gives_no_marks_without_isolation(bare_machine, tiny_unit, tmp_path, capsys):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "words.py").write_text("raise SystemExit  # not run\n")
    status = run_grade(load(tiny_unit), [tmp_path / "ada"], tmp_path / "out", Options(1, "one"))
    told = json.loads((tmp_path / "out" / "ada" / "results.json").read_text())
    assert status == 1
    assert told["isolation"] == []
    assert any("Not graded: no isolation" in problem for problem in told["problems"])
    assert "score" not in told or told["score"] in (None, 0)
    shown = capsys.readouterr().err
    assert "no isolation" in shown
    assert "--in-docker" in shown


def test_doctor_says_what_follows_and_what_to_do(bare_machine, tiny_unit, capsys):
    assert doctor.doctor(load(tiny_unit), Console(width=120)) == 1
    shown = capsys.readouterr().out
    assert "nobody gets marks" in shown
    assert "--in-docker" in shown
    assert "to have it: Linux 5.13" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="there is nothing to try elsewhere")
def test_doctor_tries_and_tells_which_layers_hold(tiny_unit):
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "doctor"], cwd=tiny_unit, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == ("are graded in full" in done.stdout)
    assert "start a process" in done.stdout


def test_hidden_tests_inside_of_pythons_own_folder_are_found_by_looking(tmp_path):
    """As in a unit whose folder is its virtual environment as well: Python may be read there, and so may all else."""
    unit = copytree(TINY_UNIT, tmp_path / "unit")
    venv.create(unit)
    code = "from autograder.cli import main; main()"
    path = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [unit / "bin" / "python", "-c", code, "doctor"],
        cwd=unit,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if "no   landlock" in done.stdout:
        pytest.skip("isolation: no Landlock here")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"look into {unit / 'tests' / 'hidden'}" in done.stdout


class Pretender(Launcher):
    """Launches workers that only say something."""

    def __init__(self, says: dict) -> None:
        self.says = says

    def start(self) -> None: ...

    def close(self) -> None: ...

    def launch(self, _: WorkerConfig) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            if self.says:
                Channel(theirs, 1 << 20).send(self.says)
        return Worker(0, Channel(ours, 1 << 20))

    def end(self, worker: Worker) -> Ending:
        worker.channel.close()
        return Ending(9, 0)


def target(says, scratch):
    config = WorkerConfig(BenchConfig("words", scratch, ("words",)), Allowance(1, 1, 1, scratch), scratch, 1 << 20)
    return ProcessTarget(Pretender(says), config, Limits())


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"layers": [*BASE, "landlock 7"]}, "without isolation: no seccomp"),
        ({"layers": [*BASE, "seccomp"]}, "without isolation: neither Landlock"),
        ({"unconfined": "OSError: capset"}, "could not be confined: OSError: capset"),
        ({}, "did not start"),
    ],
)
def test_a_worker_that_is_not_confined_is_the_graders_fault(says, told, tmp_path):
    """Whatever was found before: each worker for hidden tests is looked at, and nobody loses marks for it."""
    made = target(says, str(tmp_path))
    with pytest.raises(GraderError, match=told):
        made.load()
    made.close()


def test_a_students_own_check_asks_for_no_layers():
    with pytest.raises(Crashed):  # not at the greeting: by the next request it has ended
        target({"layers": list(BASE)}, "").load()


def test_every_way_out_that_is_named_exists(tiny_unit, autograder):
    shown = autograder("grade", "--help", cwd=tiny_unit).stdout
    assert "--in-docker" in shown
    assert "autograder doctor" in isolation.WAY_OUT
