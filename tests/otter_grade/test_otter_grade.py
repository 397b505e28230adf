"""`make otter-grade`: `otter grade` for real, in containers, on three submissions; its logs stay in build/otter-grade/.

It wants a Docker engine with buildx, and the variable OTTER_BASE: an image with Python 3.11 or later and apt, in which
pip finds its packages (default: python:3.11-slim-bookworm, which is pulled). The image is built as the zip's Dockerfile
says; what otter does on top of it then needs no network.
"""

import csv
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ..autograder.roads import autograder, own_marks, run, zipped

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "build" / "otter-grade"
UNIT = ROOT / "tests/autograder/tiny_unit"
IMAGE = "autograder-image"


def _without_engine():
    try:
        done = subprocess.run(["docker", "buildx", "ls"], capture_output=True, text=True, timeout=60, check=False)
        engine = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no Docker: {error}"
    failed = next((each for each in (engine, done) if each.returncode != 0), None)
    return (failed.stderr.strip().splitlines() or ["docker failed"])[-1] if failed else ""


REASON = _without_engine()


@pytest.mark.skipif(bool(REASON), reason=f"otter grade needs a Docker engine with buildx: {REASON}")
def test_three_submissions():
    shutil.rmtree(OUT, ignore_errors=True)
    solution = (UNIT / "solutions/words.py").read_text()
    loop = solution.replace("    counts = {}", "    while text.strip() == '':\n        pass\n    counts = {}")
    for student, source in {"right": solution, "part": solution.replace("+ 1", "+ 2"), "loop": loop}.items():
        (OUT / "class" / student).mkdir(parents=True)
        (OUT / "class" / student / "words.py").write_text(source)
    ours = {student: row for student, (row, _) in own_marks(UNIT, OUT / "class", OUT / "ours").items()}
    package = OUT / "autograder.zip"
    assert autograder("release", "otter", "--out", package, cwd=UNIT).returncode == 0
    with zipfile.ZipFile(package) as archive:
        archive.extractall(OUT / "unpacked")
    base = os.environ.get("OTTER_BASE", "python:3.11-slim-bookworm")
    _logged("build", "docker", "build", "--network=host", f"--build-arg=BASE={base}", "--tag", IMAGE, OUT / "unpacked")
    (OUT / "zips").mkdir()
    for student in ours:
        zipped(OUT / "class" / student, OUT / "zips" / f"{student}.zip")
    otter = Path(sys.executable).with_name("otter")
    command = (
        otter,
        "grade",
        "-n",
        "tiny",
        "-a",
        package,
        "--image",
        IMAGE,
        "--ext",
        "zip",
        "-o",
        OUT,
        "-v",
        OUT / "zips",
    )
    _logged("grade", *command)
    with open(OUT / "final_grades.csv", newline="") as file:
        found = {row["file"].removesuffix(".zip"): row for row in csv.DictReader(file)}
    assert {student: found[student]["grading_status"] for student in ours} == dict.fromkeys(ours, "Completed")
    for student, row in ours.items():
        assert float(found[student]["total_points_earned"]) == pytest.approx(float(row["total"]), abs=0.005)
        for item in ("words.count_words", "words.most_common"):
            assert float(found[student][item]) == pytest.approx(float(row[item]), abs=0.005)


def _logged(name, *command):
    done = run(*command, cwd=OUT)
    (OUT / f"{name}.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
