"""Students' repositories collected and published to, and the workflow that does so: its steps' own commands."""

import csv
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from autograder.course.repositories import collect, publish
from autograder.errors import UsageError

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SOLUTION = (HERE / "tiny_unit/solutions/words.py").read_text()
STUB = (HERE / "tiny_unit/assignments/words.py").read_text()
DEADLINE = "2026-12-11T23:59:00+01:00"


def git(*arguments, cwd, **variables):
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, **variables}
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repositories(tmp_path):
    """ada solved it before the deadline and broke it afterwards; bob only came after it; cyd has no repository."""
    for student, commits in {
        "ada": [("2026-12-10T10:00:00Z", SOLUTION), ("2026-12-12T10:00:00Z", STUB)],
        "bob": [("2026-12-12T10:00:00Z", SOLUTION)],
    }.items():
        work = tmp_path / "work" / student
        (work / "assignments").mkdir(parents=True)
        git("init", "--quiet", cwd=work)
        for moment, source in commits:
            (work / "assignments" / "words.py").write_text(source)
            git("add", ".", cwd=work)
            git("commit", "--quiet", "-m", "x", cwd=work, GIT_COMMITTER_DATE=moment, GIT_AUTHOR_DATE=moment)
        git("clone", "--quiet", "--bare", str(work), str(tmp_path / f"{student}.git"), cwd=tmp_path)
    table = tmp_path / "students.csv"
    rows = "".join(f"{student},{tmp_path / student}.git\n" for student in ("ada", "bob", "cyd"))
    table.write_text(f"student,repository\n{rows}")
    return table


def test_what_stood_there_at_the_deadline_is_collected(repositories, tmp_path):
    done = collect(repositories, tmp_path / "out", datetime.fromisoformat(DEADLINE))
    assert list(done.told) == ["ada"]
    assert done.failed["bob"] == "no commit before the deadline"
    assert "git clone" in done.failed["cyd"]
    assert [path.name for path in (tmp_path / "out/submissions").iterdir()] == ["ada.zip"]
    with open(tmp_path / "out/submitted.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["student"], datetime.fromisoformat(row["submitted"]).isoformat()) for row in rows] == [
        ("ada", "2026-12-10T10:00:00+00:00")
    ]
    assert collect(repositories, tmp_path / "late", None).told.keys() == {"ada", "bob"}


def test_a_report_is_all_that_is_published(repositories, tmp_path):
    (tmp_path / "grades/ada").mkdir(parents=True)
    for name in ("report.md", "report.html", "results.json"):
        (tmp_path / "grades/ada" / name).write_text(f"{name} of ada")
    for _ in range(2):  # again: the branch is replaced
        done = publish(repositories, tmp_path / "grades")
        assert list(done.told) == ["ada"], done.failed
    assert done.failed.keys() == {"bob", "cyd"}
    listed = git("ls-tree", "-r", "--name-only", "feedback", cwd=tmp_path / "ada.git")
    assert listed.split() == ["report.html", "report.md"]
    assert git("rev-list", "--count", "feedback", cwd=tmp_path / "ada.git").strip() == "1"


@pytest.mark.parametrize(
    "text", ["student,repo\nada,x\n", "student,repository\nada,\n", "student,repository\na,x\nA,y\n"]
)
def test_a_table_that_is_wrong(tmp_path, text):
    (tmp_path / "students.csv").write_text(text)
    with pytest.raises(UsageError):
        collect(tmp_path / "students.csv", tmp_path / "out", None)


def test_an_address_cannot_be_a_command(tmp_path):
    proof = tmp_path / "proof"
    (tmp_path / "students.csv").write_text(
        f"student,repository\nada,ext::touch {proof}\nbob,--upload-pack=touch {proof}\n"
    )
    assert collect(tmp_path / "students.csv", tmp_path / "out", None).failed.keys() == {"ada", "bob"}
    assert not proof.exists()


def test_the_commands_of_the_instructors_workflow_run(repositories, tmp_path):
    """Job after job, in a copy of a unit; installing, which needs a network, is left out. Grading has no token."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/grade.yml").read_text())["jobs"]
    assert "secrets." not in yaml.safe_dump(jobs["grade"])
    assert jobs["grade"]["permissions"] == {"contents": "read"}
    here = Path(shutil.copytree(HERE / "tiny_unit", tmp_path / "here"))
    shutil.copy(repositories, here / "students.csv")
    (here / ".venv/bin").mkdir(parents=True)
    for command in (".venv/bin/autograder", "python"):
        words = "-m autograder " if "autograder" in command else ""
        (here / command).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        (here / command).chmod(0o755)
    given = {
        "DEADLINE": DEADLINE,
        "TOKEN": "the-token",
        "SEEDS": "seeds-of-sixteen-characters",
        "HOME": str(tmp_path),
        "PATH": f"{here}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    environment = {key: value for key, value in os.environ.items() if key != "AUTOGRADER_SECRET"} | given
    for job in ("collect", "grade", "publish"):
        for step in jobs[job]["steps"]:
            if "run" in step and step["name"] != "Install":
                done = subprocess.run(
                    ["bash", "-e", "-c", step["run"]],
                    cwd=here,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                last = step["name"] == "Publish"  # whose status 1 says that some have no report
                assert done.returncode == int(last), (step["name"], done.stderr)
    assert "x-access-token:the-token@github.com" in (tmp_path / ".gitconfig").read_text()
    assert "Graded: 1" in (tmp_path / "summary").read_text()
    assert not (here / "build/grades/seed.secret").exists()
    shown = git("show", "feedback:report.md", cwd=tmp_path / "ada.git")
    assert "3.5 of 3.5 marks" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="the package of actionlint has no binary for this system")
def test_workflows_pass_actionlint():
    """Shell and Python in their steps are run above; whether shellcheck is installed must change nothing."""
    students = ROOT / "autograder/release/student_template/dot_github/workflows"
    paths = [*(ROOT / ".github/workflows").glob("*.yml"), *students.glob("*.yml")]
    assert len(paths) == 3
    command = [Path(sys.executable).with_name("actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
