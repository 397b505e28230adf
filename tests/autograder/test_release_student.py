"""`autograder release student`: what is in it works by itself, and nothing of the instructor's is in it."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from autograder.errors import GraderError, UsageError
from autograder.release.leaks import leaks
from autograder.release.student import release_student, rules_for_students
from autograder.spec import load

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RIGHT = "def count_words(text):\n    return {'oak': 1}\n\ndef most_common(text):\n    return 'oak'\n"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "students"
    release_student(load(HERE / "tiny_unit"), out, "https://example.org/unit")
    return out


@pytest.fixture
def desk(released, tmp_path):
    """A student's clone, in a folder with nothing else of the project."""
    return with_python(Path(shutil.copytree(released, tmp_path / "clone")))


def with_python(desk):
    """The clone with a .venv in which its engine is installed, and all that is installed here but our engine."""
    venv.create(desk / ".venv", symlinks=True)
    site = next((desk / ".venv/lib").glob("python3*/site-packages"))
    # A .pth file adds our site-packages, but what is in .pth files there, such as our engine, is not followed.
    (site / "all.pth").write_text(f"{desk}\n{sysconfig.get_path('purelib')}\n")
    return desk


def run(desk, *command, **variables):
    environment = {**os.environ, "COLUMNS": "120", **variables}
    return subprocess.run(
        command,
        cwd=desk,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def check(desk, *arguments):
    return run(desk, desk / ".venv/bin/python", "-P", "-m", "autograder", "check", *arguments)


def test_the_engine_in_it_is_its_own_and_checks(desk):
    shown = run(desk, desk / ".venv/bin/python", "-P", "-c", "import autograder; print(autograder.__file__)").stdout
    assert Path(shown.strip()).is_relative_to(desk)
    assert check(desk).stdout.count("not written yet") == 2
    (desk / "assignments" / "words.py").write_text(RIGHT)
    done = check(desk)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 checks hold." in done.stdout


def test_it_has_the_command_check_and_no_other(desk):
    shown = run(desk, desk / ".venv/bin/python", "-P", "-m", "autograder", "--help").stdout
    assert re.findall(r"^  (\w+)  ", shown[shown.index("Commands:") :], re.MULTILINE) == ["check"]


def test_an_editors_panel_of_tests_runs_them(desk):
    (desk / "assignments" / "words.py").write_text(RIGHT.replace("'oak'\n", "None\n"))
    done = run(desk, desk / ".venv/bin/python", "-P", "-m", "pytest", "-q", "tests/public")
    assert "1 failed, 1 passed" in done.stdout
    assert "None (is there a `return`?)" in done.stdout
    assert "Traceback" not in done.stdout


def test_the_steps_of_its_workflow_run(desk, tmp_path):
    """All but the installation, which needs a network; GitHub runs a step by `bash -e`."""
    steps = yaml.safe_load((desk / ".github/workflows/check.yml").read_text())["jobs"]["check"]["steps"]
    commands = {step["name"]: step["run"] for step in steps if "run" in step}
    assert commands.pop("Install") == "bash .ci/install python"
    assert subprocess.run(["bash", "-n", desk / ".ci/install"], check=False).returncode == 0
    assert list(commands) == ["Check"]
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "autograder").write_text(f'#!/bin/sh\nexec "{desk}/.venv/bin/python" -P -m autograder "$@"\n')
    (bin_folder / "autograder").chmod(0o755)
    given = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }
    done = run(desk, "bash", "-e", "-c", commands["Check"], **given)
    assert done.returncode == 1, done.stderr
    assert "0 of 2 checks hold" in (tmp_path / "summary").read_text()
    assert (tmp_path / "output").read_text().startswith("result=ey")
    assert sorted(path.name for path in (desk / "build/check").iterdir()) == [
        "classroom.base64",
        "junit.xml",
        "result.json",
        "summary.md",
    ]


def test_the_rules_lose_their_hidden_tests_and_nothing_else(released):
    text = (released / "grading.yml").read_text()
    assert "test_count_of_two_words" not in text
    assert text.startswith("# A unit of two functions")
    ours, theirs = load(HERE / "tiny_unit").spec, load(released).spec
    for our, their in zip(ours.items, theirs.items, strict=True):
        assert our.model_copy(update={"tests": {}}) == their


def test_rules_with_tests_in_the_middle_of_a_line(tiny_unit):
    path = tiny_unit / "grading.yml"
    text = (
        path.read_text()
        .split("      - id: words.most_common")[0]
        .replace(
            "      - id: words.count_words\n        points: 1\n        tests:\n          test_count_of_two_words: 1\n"
            "          test_count_is_blind_to_case: 1\n          test_count_of_nothing: 1\n",
            "      - {id: words.count_words, points: 1, tests: {test_count_of_two_words: 1}}\n",
        )
        .replace("        public: [test_count_of_one_word]\n", "")
    )
    path.write_text(text)
    unit = load(HERE / "tiny_unit")
    with pytest.raises(GraderError, match="write `tests:` on lines of its own"):
        rules_for_students(type(unit)(tiny_unit, unit.spec))


def copied(name, tmp_path):
    return Path(shutil.copytree(HERE / name, tmp_path / "unit", ignore=shutil.ignore_patterns("__pycache__")))


def plant(unit, name, text):
    path = unit / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


SOLUTION = (HERE / "tiny_unit/solutions/words.py").read_text()
REGION = "\n".join(line for line in SOLUTION.splitlines()[6:10])
HIDDEN = (HERE / "tiny_unit/tests/hidden/test_words.py").read_text()


@pytest.mark.parametrize(
    ("unit", "name", "text", "told"),
    [
        (
            "tiny_unit",
            "assignments/hint.md",
            f"For example:\n\n{REGION}\n",
            "hint.md: holds a part of the solution of words.py",
        ),
        ("tiny_unit", "assignments/.cache/x.txt", SOLUTION, "x.txt: holds a part of the solution"),
        ("tiny_unit", "tests/public/helper.py", HIDDEN, "helper.py: holds what stands in tests/hidden/test_words.py"),
        ("tiny_unit", "assignments/a.md", "See test_most_common_of_three.", "a.md: names the hidden test"),
        ("tiny_unit", "assignments/seed.secret", "x", "seed.secret: is a file that only the instructor has"),
        ("tiny_unit", "assignments/a.md", "the seeds: tests-secret-of-16", "a.md: holds the seeds' secret"),
        ("tiny_answers", "assignments/notes.py", "Q2_CHECK = ['wing',\"tail\"]\n", "notes.py: answers Q2_CHECK"),
        ("tiny_notebooks", "assignments/notes.md", "MISTAKE", "notes.md: holds what tour.yml says of a mistake"),
        ("tiny_answers", "assignments/notes.md", "RUBRIC", "notes.md: holds the rubric of"),
        ("tiny_answers", "assignments/notes.md", "MODEL", "notes.md: holds the model answer"),
        ("tiny_unit", "assignments/a.py", "SEED = 4_815_162_342", "a.py: holds a number of tests/hidden/kept/card.md"),
        (
            "tiny_unit",
            "assignments/a.ipynb",
            "PROSE",
            "a.ipynb: holds a part of the held-out text tests/hidden/kept/t.txt",
        ),
    ],
)
def test_what_is_planted_is_found_and_nothing_is_released(tmp_path, monkeypatch, unit, name, text, told):
    monkeypatch.setenv("AUTOGRADER_SECRET", "tests-secret-of-16")
    root = copied(unit, tmp_path)
    prose = [f"word{number}" for number in range(40)]
    plant(root, "tests/hidden/kept/t.txt", "\n".join(prose))
    plant(root, "tests/hidden/kept/card.md", "made with --seed 4815162342")
    if text == "PROSE":  # reflowed, in capitals, and cut
        text = json.dumps({"cells": [{"source": [" ".join(prose[5:30]).upper() + "\nand more"]}]})
    meant = {"MISTAKE": "tests/mistakes/tour.yml", "RUBRIC": "solutions/birds.yml"}
    if text in meant:
        if text == "MISTAKE":  # a short one may be chance, and is not looked for
            path = root / meant[text]
            path.write_text(path.read_text().replace("This is the", "This is and stays the"))
        text = max(re.findall(r"says: (.+?)[}\n]", (root / meant[text]).read_text()), key=len)
    elif text == "MODEL":
        text = max(re.findall(r'Q\d = "(.+)"', (root / "solutions/birds.py").read_text()), key=len)
    plant(root, name, text)
    with pytest.raises(GraderError) as error:
        release_student(load(root), tmp_path / "out")
    assert told in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_and_a_zip_hide_nothing(released, tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "link.py").symlink_to(HERE / "tiny_unit/solutions/words.py")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("deep/words.py", SOLUTION)
    found = "\n".join(leaks(load(HERE / "tiny_unit"), folder))
    assert "link.py: is a link" in found
    assert "more.zip: deep/words.py: holds a part of the solution" in found


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        release_student(load(HERE / "tiny_unit"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_notebooks_begin_with_a_cell_for_colab_that_does_nothing_elsewhere(tmp_path):
    release_student(load(HERE / "tiny_notebooks"), tmp_path / "out", "https://example.org/unit")
    book = json.loads((tmp_path / "out/assignments/tour.ipynb").read_text())
    first = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    source = "".join(first["source"])
    assert "https://example.org/unit" in source
    exec(compile(source, "cell", "exec"), {})
    done = check(with_python(tmp_path / "out"))
    assert "cell 1 failed" not in done.stdout
    assert done.returncode == 1, done.stderr


def test_one_topic_can_go_out_solved_and_no_other(tmp_path):
    unit = load(HERE / "tiny_notebooks")
    release_student(unit, tmp_path / "out", solved=["tour"])
    solved, readme = tmp_path / "out/assignments/tour.solved.ipynb", (tmp_path / "out/README.md").read_text()
    assert solved.read_text() == (unit.solutions / "tour.ipynb").read_text()
    assert "TODO" in (tmp_path / "out/assignments/tour.ipynb").read_text()
    assert "`tour.solved.ipynb`" in readme
    assert any("tour.solved.ipynb: holds a part of the solution" in line for line in leaks(unit, tmp_path / "out"))
    with pytest.raises(UsageError, match="no topic 'tuor'"):
        release_student(unit, tmp_path / "other", solved=["tuor"])


def test_the_key_of_written_answers_does_not_go_out(tmp_path):
    with pytest.raises(UsageError, match="--with-answers synthesis"):
        release_student(load(ROOT), tmp_path / "out", solved=["synthesis"])


IN_THE_KERNEL = """
import otter, os, random
grader = otter.Notebook("tour.ipynb")
print(grader.check("tour.shout"))
def shout(words):
    return words[7]
print(grader.check("tour.shout"))
def shout(words):
    return " ".join(words).upper()
longest = None
random.seed(1)
expected, before = random.random(), dict(os.environ)
random.seed(1)
print(grader.check("tour.longest"))
print(grader.check("tour.shout"))
assert (random.random(), dict(os.environ)) == (expected, before)
"""


def test_grader_check_tells_what_check_tells_of_the_running_kernel(tmp_path):
    """otter-grader for real, with no otter but its test files: missing, wrong, not set and right."""
    release_student(load(HERE / "tiny_notebooks"), tmp_path / "out", "https://example.org/unit")
    desk = with_python(tmp_path / "out")
    (desk / "assignments/tour.ipynb").write_text((HERE / "tiny_notebooks/solutions/tour.ipynb").read_text())
    done = run(desk / "assignments", desk / ".venv/bin/python", "-P", "-W", "ignore", "-c", IN_THE_KERNEL)
    assert done.returncode == 0, done.stderr
    missing, wrong, unset, right = re.split(r"^(?=tour\.\w+ results:)", done.stdout, flags=re.MULTILINE)[1:]
    assert (
        "DoesNotHold: One word in capitals.\n            tour.ipynb has no shout.\n            Have you run" in missing
    )
    assert "IndexError: list index out of range.\n            In `shout`, line 6 of its cell" in wrong
    assert "`longest` is still None." in unset
    assert right == "tour.shout results: All test cases passed!\n"


def test_the_unit_itself_can_be_released_and_checked(tmp_path):
    out = tmp_path / "students"
    release_student(load(ROOT), out)
    done = check(with_python(out), "synthesis")
    assert done.returncode == 1, done.stderr
    assert "0 of 62 are there." in done.stdout
