"""The walls of the design, held by looking at what imports what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parent.parent.parent / "autograder"


def imported(path):
    """The modules that a file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", sorted((ENGINE / "student").glob("*.py")), ids=lambda path: path.stem)
def test_what_runs_beside_the_student_imports_nothing_else_of_the_engine(path):
    own = {name for name in imported(path) if name.split(".")[0] == "autograder"}
    assert all(name == "autograder.student" or name.startswith("autograder.student.") for name in own), own


@pytest.mark.parametrize("path", sorted((ENGINE / "report").glob("*.py")), ids=lambda path: path.stem)
def test_reports_run_nothing(path):
    """They render results: neither tests nor students' code nor what starts processes is within their reach."""
    reach = ("autograder.grading", "autograder.student", "autograder.target", "subprocess", "pytest", "torch")
    assert not [name for name in imported(path) if name.startswith(reach)]


def test_nobody_unpickles_and_nobody_evaluates():
    for path in ENGINE.rglob("*.py"):
        names = set(imported(path))
        assert not names & {"pickle", "dill", "marshal", "shelve"}, path
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if path.parent.name != "student":  # where the student's code is run
            assert not calls & {"eval", "exec"}, path


def test_a_zygote_holds_nothing_of_the_grader():
    """What it imports by itself: the standard library and the student's side of the engine."""
    code = "import autograder.student.zygote, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-P", "-s", "-c", code], capture_output=True, text=True, check=True).stdout
    ours = {name for name in shown.split() if name.startswith("autograder")}
    assert all(name == "autograder" or name.startswith("autograder.student") for name in ours), ours
    assert not {"pytest", "yaml", "pydantic", "torch", "numpy"} & set(shown.split())


def test_the_command_answers_before_it_imports_what_is_heavy():
    code = "import autograder.cli, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "pytest", "pydantic", "rich", "jinja2"} & set(shown.split())
