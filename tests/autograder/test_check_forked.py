"""`autograder check` in a fork of the process that has imported the libraries: what a student sees is the same."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from autograder.target.launcher import CAN_FORK

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="this system has no sound fork: checks run in the command itself")
CHECK = [sys.executable, "-m", "autograder", "check"]


def public_test(unit, body):
    """Instead of the unit's own: one that does this in the process of the checks."""
    path = unit / "tests" / "public" / "test_words.py"
    before = path.read_text()
    path.write_text(
        before.replace("    student.expect_equal(student.count", f"    {body}\n    student.expect_equal(student.count")
    )


def test_the_command_itself_imports_nothing_that_the_checks_import(tiny_unit):
    code = """
import sys
from autograder.cli import main
try:
    main(["check"])
except SystemExit:
    print(sorted({"pytest", "rich.console", "autograder.desk.check"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tiny_unit, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "0 of 2 checks hold." in done.stdout


def test_the_checks_have_the_commands_folder_and_environment(tiny_unit):
    public_test(tiny_unit, "import os; print(os.getcwd(), os.environ['OF_THE_COMMAND'])")
    environment = os.environ | {"OF_THE_COMMAND": "here", "FORCE_COLOR": "1", "TERM": "xterm"}
    folder = tiny_unit / "assignments"
    done = subprocess.run(CHECK, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert f"{folder} here" in done.stdout
    assert "\x1b[" in done.stdout


def test_where_nobody_reads_on_it_ends_quietly(tiny_unit):
    with subprocess.Popen(CHECK, cwd=tiny_unit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        command.stdout.close()
        assert command.stderr.read() == ""
    assert command.returncode == 1


def test_a_process_of_the_checks_that_is_killed_is_told(autograder, tiny_unit):
    public_test(tiny_unit, "import os; os.kill(os.getpid(), 9)")
    done = autograder("check", cwd=tiny_unit)
    assert done.returncode == 1
    assert done.stderr == "The grader failed: the process of the checks has ended before it was done\n"


@contextmanager
def checking_without_end(unit, tmp_path):
    """The command in the middle of a check, and the processes that it has started."""
    rules = unit / "grading.yml"
    rules.write_text(rules.read_text().replace("cpu_seconds: 0.5", "cpu_seconds: 1000"))
    (unit / "assignments" / "words.py").write_text("def count_words(text):\n    while True: pass\n")
    told = tmp_path / "told"
    os.mkfifo(told)
    public_test(unit, f"open({str(told)!r}, 'w').write('begun')")
    with subprocess.Popen(CHECK, cwd=unit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        assert told.read_text() == "begun"
        yield command, psutil.Process(command.pid).children(recursive=True)


def test_ctrl_c_ends_it_and_all_that_it_has_started(tiny_unit, tmp_path):
    with checking_without_end(tiny_unit, tmp_path) as (command, processes):
        command.send_signal(signal.SIGINT)
        assert command.communicate()[1] == "Stopped.\n"
    assert command.returncode == 130
    assert len(processes) >= 3  # the zygote, the checks, a worker
    assert psutil.wait_procs(processes, timeout=60)[1] == []


def test_where_the_command_is_killed_the_checks_end_as_well(tiny_unit, tmp_path):
    with checking_without_end(tiny_unit, tmp_path) as (command, processes):
        command.kill()
        assert psutil.wait_procs(processes, timeout=60)[1] == []
