"""What the tests of the engine and of the unit share."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY_UNIT = ROOT / "tests" / "autograder" / "tiny_unit"

Run = Callable[..., subprocess.CompletedProcess[str]]

# What is started in the background, `make test &`, ignores Ctrl-C, and so would every command that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@cache
def no_isolation() -> str:
    """Why nobody can be graded on this machine; empty where they can. Tried in a process with one thread."""
    done = subprocess.run(
        [sys.executable, "-m", "autograder", "doctor"], cwd=TINY_UNIT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else next((line for line in done.stdout.splitlines() if "not run" in line), "?")


@pytest.fixture(scope="session")
def isolation() -> None:
    """For what grades without the command: skipped, with the reason, where nobody can be graded."""
    if no_isolation():
        pytest.skip(f"isolation: {no_isolation()}")


@pytest.fixture(scope="session")
def autograder() -> Run:
    """Runs the command in a folder, with a fixed secret, as a user would."""

    def run(*arguments: object, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        if arguments[0] in ("grade", "verify", "soak") and "--in-docker" not in arguments and no_isolation():
            pytest.skip(f"isolation: {no_isolation()}")
        environment = os.environ | {"AUTOGRADER_SECRET": "tests", "COLUMNS": "120", "CANARY": "this-is-the-canary"}
        command = [sys.executable, "-m", "autograder", *map(str, arguments)]
        return subprocess.run(
            command, cwd=cwd, env=environment, input=stdin, capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture
def tiny_unit(tmp_path: Path) -> Path:
    """A copy of the unit of two functions, to be changed at will."""
    return Path(shutil.copytree(TINY_UNIT, tmp_path / "unit", ignore=shutil.ignore_patterns("__pycache__")))


def results(folder: Path) -> dict[str, dict]:
    """Every results.json under `folder`, by student, without the seconds, which differ from run to run."""
    found = {}
    for path in sorted(folder.glob("*/results.json")):
        result = json.loads(path.read_text())
        for item in result["items"]:
            for test in item["tests"]:
                del test["seconds"]
        found[path.parent.name] = result
    return found


@pytest.fixture(scope="session")
def read_results() -> Callable[[Path], dict[str, dict]]:
    return results
