"""The roads of a submission to its marks, as tests walk them: our own command, otter run, Gradescope's container."""

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

SECRET = "the-secret-of-the-tests"


def run(*command, cwd, check=False, **variables):
    environment = {**os.environ, "AUTOGRADER_SECRET": SECRET, "COLUMNS": "120", **variables}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=3600, check=check
    )


def autograder(*arguments, cwd):
    return run(sys.executable, "-m", "autograder", *arguments, cwd=cwd)


def zipped(folder, path, inside="assignments"):
    """The files of a folder as a zip, all in the folder `inside`, as students make it."""
    with zipfile.ZipFile(path, "w") as archive:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                archive.write(each, Path(inside, each.relative_to(folder)))
    return path


def own_marks(unit, submissions, out, *options):
    """By student: the row of grades.csv, and results.json."""
    done = autograder("grade", submissions, "--class", "--out", out, *options, cwd=unit)
    assert done.returncode in (0, 1), done.stderr
    with open(out / "grades.csv", encoding="utf-8", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    return {name: (row, json.loads((out / name / "results.json").read_text())) for name, row in rows.items()}


def otter_run(package, submission, folder):
    """The finished command, and its results.json if there is one."""
    folder.mkdir()
    done = run(Path(sys.executable).with_name("otter"), "run", "-a", package, "-o", folder, submission, cwd=folder)
    path = folder / "results.json"
    return done, json.loads(path.read_text()) if path.is_file() else None


_OTTER_RUNS = """
import os, sys
import otter.cli, otter.execute, otter.run.run_autograder, nbconvert.preprocessors
package, *rest = sys.argv[1:]
for submission, folder in zip(rest[::2], rest[1::2]):
    if os.fork() == 0:
        os.chdir(folder)
        log = os.open("log", os.O_CREAT | os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        otter.cli.cli(["run", "-a", package, "-o", folder, submission])
    status = os.waitstatus_to_exitcode(os.wait()[1])
    open(os.path.join(folder, "status"), "w").write(str(status))
"""


def otter_runs(package, submissions, folder):
    """By student: the exit status of `otter run`, what it said, and its results.json if there is one.

    Its command is called in forks of one process, which imports otter once: two of a run's seven seconds.
    """
    for student in submissions:
        (folder / student).mkdir(parents=True)
    paths = [path for student, submission in submissions.items() for path in (submission, folder / student)]
    run(sys.executable, "-c", _OTTER_RUNS, package, *paths, cwd=folder, check=True, OPENBLAS_NUM_THREADS="1")
    found = {}
    for student in submissions:
        results = folder / student / "results.json"
        told = (folder / student / "log").read_text()
        status = int((folder / student / "status").read_text())
        found[student] = (status, told, json.loads(results.read_text()) if results.is_file() else None)
    return found


def otter_total(results):
    return sum(test.get("score", 0) for test in results["tests"])


def python_without_engine(folder):
    """A Python with what is installed here, but for our engine: as in a container, whose engine comes with the zip.

    Students' code finds no packages there: they lie where the jail lets it read nothing.
    """
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python3*/site-packages"))
    # A .pth file adds our site-packages, but what is in .pth files there, such as our engine, is not followed.
    (site / "all.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def gradescope_run(package, submission, root, created_at="2026-12-01T10:00:00.123456-08:00", python=None):
    """The finished run_autograder and its results.json, in a folder laid out like Gradescope's container."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(root / "source")
    (root / "source" / "run_autograder").chmod(0o755)
    shutil.copytree(submission, root / "submission")
    (root / "results").mkdir()
    metadata = {"id": 1, "created_at": created_at, "users": [{"email": "ada@example.org"}], "previous_submissions": []}
    (root / "submission_metadata.json").write_text(json.dumps(metadata))
    python = python or python_without_engine(root / "python")
    variables = {"AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": str(python), "AUTOGRADER_SECRET": ""}
    done = run(root / "source" / "run_autograder", cwd=root, **variables)
    return done, json.loads((root / "results" / "results.json").read_text())
