"""What is graded already is not graded again; what changed is, and the difference is explained."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from autograder.errors import GraderError
from autograder.gradebook import last_run, load_results, load_students, open_gradebook, reading
from autograder.gradebook.keys import Keys
from autograder.grading.parts import Before, Part, from_known
from autograder.spec import load
from autograder.submission import Submission

LINES = """
  - name: lines
    title: Lines
    items:
      - id: lines.most_common_of_each
        points: 2
        builds_on: [words.most_common]
        tests: {test_of_two_lines: 1, test_of_no_line: 1}
"""
LINES_SOLUTION = """
from words import most_common


def most_common_of_each(text):
    return [most_common(line) for line in text.splitlines()]
"""
LINES_TEST = '''
def test_of_two_lines(student):
    """Each line has its own."""
    student.expect_equal(student.most_common_of_each("a b a\\nc"), ["a", "c"], about="the words")


def test_of_no_line(student):
    """A text without lines has none."""
    student.expect_equal(student.most_common_of_each(""), [], about="the words")
'''


STAND_IN = """

def most_common(text):
    counts = count_words(text)
    return min(counts, key=lambda word: (-counts[word], word))
"""


@pytest.fixture
def unit(tiny_unit: Path) -> Path:
    """The tiny unit with a second topic, which builds on the first."""
    with (tiny_unit / "grading.yml").open("a") as file:
        file.write(LINES)
    (tiny_unit / "solutions" / "lines.py").write_text(LINES_SOLUTION)
    (tiny_unit / "tests" / "hidden" / "test_lines.py").write_text(LINES_TEST)
    (tiny_unit / "tests" / "public" / "test_lines.py").write_text("")
    with (tiny_unit / "tests" / "stand_ins" / "words.py").open("a") as file:
        file.write(STAND_IN)
    return tiny_unit


@pytest.fixture
def students(unit: Path, tmp_path: Path) -> Path:
    """A class of three: right, one mistake, and nothing of the second topic."""
    folder = tmp_path / "class"
    right = (unit / "solutions" / "words.py").read_text()
    for name, words in (("ada", right), ("bob", right.replace("+ 1", "+ 2")), ("cyd", right + "\n# cyd\n")):
        (folder / name).mkdir(parents=True)
        (folder / name / "words.py").write_text(words)
        if name != "cyd":
            shutil.copy(unit / "solutions" / "lines.py", folder / name)
    return folder


def reports(out: Path) -> dict[str, bytes]:
    """Every report, seconds included: they are equal only where nothing was run again."""
    paths = [out / "grades.csv", *sorted(out.glob("*/results.json")), *sorted(out.glob("*/report.html"))]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def seconds(out: Path, student: str) -> dict[str, list[float]]:
    """How long the tests of each topic took: as good as a fingerprint of their run."""
    book = open_gradebook(out / "gradebook.sqlite")
    results = {result.student: result for result in load_results(book, last_run(book))}
    found: dict[str, list[float]] = {}
    for item in results[student].items:
        found.setdefault(item.topic, []).extend(test.seconds for test in item.tests)
    return found


def test_the_same_class_is_not_graded_again(autograder, unit, students, tmp_path):
    out = tmp_path / "out"
    first = autograder("grade", students, "--out", out, cwd=unit)
    assert first.returncode == 0, first.stderr
    before = reports(out)
    shutil.rmtree(out / "ada")
    again = autograder("grade", students, "--out", out, cwd=unit)
    assert "3 submissions: 3 unchanged and in the gradebook\n" in again.stderr
    assert reports(out) == before
    for path in (out / "bob").iterdir():
        path.unlink()
    (out / "grades.csv").unlink()
    told = autograder("report", out, cwd=unit)
    assert told.returncode == 0, told.stderr
    assert reports(out) == before


def test_only_what_changed_is_graded_again_and_the_reason_is_told(autograder, unit, students, tmp_path):
    out = tmp_path / "out"
    autograder("grade", students, "--out", out, cwd=unit)
    before = {student: seconds(out, student) for student in ("ada", "bob", "cyd")}
    hidden = unit / "tests" / "hidden" / "test_lines.py"
    hidden.write_text(hidden.read_text().replace('["a", "c"]', '["a", "d"]'))
    (students / "cyd" / "words.py").write_text((students / "bob" / "words.py").read_text() + "\n")
    done = autograder("regrade", out, cwd=unit)
    assert done.returncode == 0, done.stderr
    for student in ("ada", "bob"):
        assert seconds(out, student)["words"] == before[student]["words"]
    assert "3 submissions: 3 to grade" in done.stderr
    lines = {tuple(line.split()[:2]): line for line in done.stdout.splitlines()}
    assert "tests changed" in lines["ada", "lines.most_common_of_each"]
    assert "2.00 / 2.00  1.00 / 2.00  -1.00" in lines["ada", "lines.most_common_of_each"]
    assert "submission changed" in lines["cyd", "words.count_words"]
    assert ("ada", "words.count_words") not in lines
    assert "3 students: 0 gained, 3 lost" in done.stdout
    again = autograder("diff", out, "1", "2", cwd=unit)
    assert again.stdout == done.stdout


def test_other_marks_for_the_same_key_are_told_loudly(autograder, unit, students, tmp_path):
    out, state = tmp_path / "out", tmp_path / "state"
    suite = unit / "tests" / "hidden" / "test_lines.py"
    check = f"assert not __import__('os').path.exists({str(state)!r})"
    suite.write_text(suite.read_text().replace('"""Each line has its own."""', check))
    autograder("grade", students / "ada", "--one", "--out", out, cwd=unit)
    state.touch()
    unforced = autograder("grade", students / "ada", "--one", "--out", out, cwd=unit)
    assert "1 unchanged and in the gradebook\n" in unforced.stderr
    forced = autograder("grade", students / "ada", "--one", "--out", out, "--force", cwd=unit)
    assert "1 marks differ though nothing changed" in forced.stderr
    assert "ada: lines.most_common_of_each: 2 (passed) before, 1 (partial) now" in forced.stderr
    assert "flaky" in autograder("diff", out, cwd=unit).stdout


def keys_of(unit: Path, secret: bytes = b"s", **files: bytes) -> dict[str, str]:
    files = {"words.py": b"a", "lines.py": b"b"} | {f"{name}.py": data for name, data in files.items()}
    keys = Keys(load(unit), secret).keys(Submission("ada", Path("ada"), files))
    return {topic: key.hash for topic, key in keys.items()}


CHANGES = {
    "tests/hidden/test_words.py": {"words"},
    "tests/hidden/test_lines.py": {"lines"},
    "tests/mistakes/lines.yml": {"lines"},
    "tests/hidden/helper.py": {"words", "lines"},
    "tests/stand_ins/words.py": {"words", "lines"},  # lines builds on words
    "tests/props/common.py": {"words", "lines"},
    "tests/pictures/words.py": {"words"},
    "solutions/words.py": {"words", "lines"},  # which imports it
    "solutions/lines.py": {"lines"},
    "tests/public/test_words.py": set(),
    "assignments/words.py": set(),
}


@pytest.mark.parametrize("file", CHANGES)
def test_a_key_changes_with_what_the_topic_depends_on(unit, file):
    before = keys_of(unit)
    (unit / file).parent.mkdir(exist_ok=True)
    with (unit / file).open("a") as text:
        text.write("# changed\n")
    after = keys_of(unit)
    assert {topic for topic in before if before[topic] != after[topic]} == CHANGES[file]


def test_a_key_changes_with_the_rules_the_secret_and_the_files_beside_it(unit):
    before = keys_of(unit)
    assert keys_of(unit, secret=b"t").keys() & before.keys() == {"words", "lines"}
    assert set(keys_of(unit, secret=b"t").values()).isdisjoint(before.values())
    assert set(keys_of(unit, words=b"c").values()).isdisjoint(before.values())  # lines may import words
    rules = unit / "grading.yml"
    rules.write_text(rules.read_text().replace("tests: {test_of_two_lines: 1", "tests: {test_of_two_lines: 2"))
    assert keys_of(unit)["words"] == before["words"]
    assert keys_of(unit)["lines"] != before["lines"]


def test_a_part_is_used_only_where_what_it_builds_on_went_the_same_way(unit):
    loaded = load(unit)
    submission = Submission("ada", Path("ada"), {})
    words = Part("words", Before(), (), wrong=("words.most_common",))
    lines = Part("lines", Before(), ())
    assert from_known(loaded, submission, {"words": [words], "lines": [lines]}) is None
    told = Part("lines", Before(wrong=("words.most_common",)), ())
    graded = from_known(loaded, submission, {"words": [words], "lines": [lines, told]})
    assert graded.parts == (words, told)


COMMAND = [sys.executable, "-m", "autograder", "grade"]
ENVIRONMENT = os.environ | {"AUTOGRADER_SECRET": "tests", "COLUMNS": "200"}


def graded_so_far(out: Path) -> int:
    if not (out / "gradebook.sqlite").exists():
        return 0
    try:
        book = open_gradebook(out / "gradebook.sqlite")
    except GraderError:
        return 0
    run = last_run(book, ended=False)
    return len(load_students(book, run)) if run else 0


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(unit, students, tmp_path, autograder):
    out = tmp_path / "out"
    (students / "bob" / "words.py").write_text("import time\ntime.sleep(600)\n")
    command = [*COMMAND, str(students), "--out", str(out), "--jobs", "1"]
    with subprocess.Popen(command, cwd=unit, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        while not graded_so_far(out):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    assert process.returncode == 130
    assert "1 of 3 are graded and kept; the same command goes on" in told
    (students / "bob" / "words.py").write_text("")
    again = autograder("grade", students, "--out", out, cwd=unit)
    assert "did not come to its end" in again.stderr
    assert "1 unchanged and in the gradebook, 2 to grade" in again.stderr


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit for the size of files here")
def test_a_full_disk_is_told_and_leaves_the_gradebook_whole(unit, students, tmp_path, autograder):
    """The limit for the size of files stands for the disk's."""
    out = tmp_path / "out"
    autograder("grade", students, "--out", out, cwd=unit)
    book = open_gradebook(out / "gradebook.sqlite")
    before = list(load_results(book, last_run(book)))
    limit = 24 << 10

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [*COMMAND, str(students), "--out", str(out), "--force"]
    done = subprocess.run(
        command, cwd=unit, env=ENVIRONMENT, capture_output=True, text=True, preexec_fn=limited, check=False
    )
    assert done.returncode in (1, 2)
    assert "gradebook.sqlite" in done.stderr
    assert "Traceback" not in done.stderr
    with reading(book) as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    assert list(load_results(book, last_run(book))) == before
    assert autograder("grade", students, "--out", out, cwd=unit).returncode == 0


def test_a_report_that_cannot_be_written_is_told_and_costs_no_result(unit, students, tmp_path, monkeypatch, autograder):
    from autograder.course.grade import Options, grade
    from autograder.report import writing

    out = tmp_path / "out"
    monkeypatch.setenv("AUTOGRADER_SECRET", "tests")
    autograder("grade", students, "--out", out, cwd=unit)
    (out / "ada" / "report.html").unlink()
    before = reports(out)

    def read_only(path: Path, _text: str) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(writing, "write_atomically", read_only)
    with pytest.raises(GraderError, match=r"ada/results.json: Read-only file system. What is graded is in"):
        grade(load(unit), [students], out, Options())
    assert reports(out) == before
    book = open_gradebook(out / "gradebook.sqlite")
    assert len(load_students(book, last_run(book, ended=False))) == 3
