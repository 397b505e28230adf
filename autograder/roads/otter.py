"""A plugin of otter-grader 7 that lets our engine answer otter's questions.

otter runs what was handed in and its tests in one Jupyter kernel, started in the folder with the student's files, whose
otter.py or ipykernel_launcher/ it would import, and unpickles what that kernel leaves. So before the kernel starts, the
plugin takes everything that the student handed in out of that folder, to a place where neither otter nor the kernel
looks; there our engine, in a process of its own, grades it as everywhere. The kernel then runs an empty notebook and a
test that says so if the plugin did not run; its results are dropped, and the questions are made here, in otter's
parent, from what our engine found.

Whatever goes wrong is raised: otter then gives no marks at all, never a 0.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from otter.plugins import AbstractOtterPlugin
from otter.run.run_autograder.utils import OtterRuntimeError
from otter.test_files import GradingResults
from otter.test_files.abstract_test import TestCase, TestCaseResult
from otter.test_files.exception_test import ExceptionTestFile

DRIVER = "driver.ipynb"
PAYLOAD = "autograder-payload.zip"  # the engine, the unit, the seeds' secret
_KEPT = {DRIVER, "tests"}  # otter has just put these there, over the student's


class Road(AbstractOtterPlugin):  # type: ignore[misc]  # otter has no types
    """The plugin; its configuration is empty. otter calls it in `submission/`, beside `source/`."""

    def before_grading(self, config: Any) -> None:
        """Take the student's files out of the kernel's folder and grade them."""
        here = Path.cwd()
        if here.name != "submission" or Path(self.submission_path).name != DRIVER:
            raise OtterRuntimeError(f"the driver {DRIVER} is not what otter would run in {here}")
        _drop(here / PAYLOAD)  # otter's copy of it is nothing that was handed in
        # `otter grade` has unpacked a zip here, and fetches the zip itself once all is done.
        kept = {*_KEPT, *(path.name for path in here.glob("*.zip") if config.zips)}
        apart = here.parent / "handed_in"
        apart.mkdir()
        for entry in os.listdir(here):
            if entry not in kept:
                os.rename(here / entry, apart / entry)
        self.questions = _graded(here.parent, apart)

    def after_grading(self, results: GradingResults) -> None:
        """The questions in the place of what the kernel found, which is nothing."""
        results._catastrophic_error = None
        results.results = {each["name"]: _test_file(each) for each in self.questions}


def _graded(root: Path, folder: Path) -> list[dict[str, Any]]:
    """What the engine of the payload finds, in a process without anything of otter's."""
    payload, out = root / "payload", root / "questions.json"
    with zipfile.ZipFile(root / "source" / "files" / PAYLOAD) as archive:
        archive.extractall(payload)
    (payload / "seed.secret").chmod(0o600)
    command = [sys.executable, "-P", "-m", "autograder.roads.one", *map(str, (payload / "unit", folder, out))]
    engine = str(payload / "engine")
    environment = {**os.environ, "PYTHONPATH": engine, "AUTOGRADER_ENGINE": engine}
    try:
        done = subprocess.run(
            command, cwd=payload, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise OtterRuntimeError(lines[-1] if lines else f"the grader ended with status {done.returncode}")
    questions: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
    return questions


def _drop(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _test_file(question: dict[str, Any]) -> ExceptionTestFile:
    cases = [TestCase(case["name"], None, case["hidden"], case["points"], None, None) for case in question["cases"]]
    test_file = ExceptionTestFile(question["name"], f"{question['name']}.py", cases, all_or_nothing=False)
    test_file.test_case_results = [
        TestCaseResult(case, told["message"], told["passed"])
        for case, told in zip(cases, question["cases"], strict=True)
    ]
    test_file.update_score(question["score"])
    return test_file
