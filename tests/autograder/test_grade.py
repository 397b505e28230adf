"""`autograder grade`, as an instructor runs it, on a class of the tiny unit: right, wrong, broken and hostile."""

import csv
import io
import json
import zipfile

import pytest

from .words import SOLUTION, TINY_UNIT

STUB = """
def count_words(text):
    raise NotImplementedError


def most_common(text):
    raise NotImplementedError
"""

ONLY_MOST_COMMON = SOLUTION.replace("    counts = {}", "    raise NotImplementedError\n    counts = {}")
WRONG_COUNT = SOLUTION.replace(".lower()", "").replace("+ 1", "+ 2")

CLASS = {
    "right": SOLUTION,
    "stub": STUB,
    "only-most-common": ONLY_MOST_COMMON,
    "wrong-count": WRONG_COUNT,
    "lacks-a-function": SOLUTION[: SOLUTION.index("def most_common")],
    "loop": SOLUTION.replace("    counts = {}", "    while text.strip() == '':\n        pass\n    counts = {}"),
    "loop-everywhere": SOLUTION.replace("    counts = {}", "    while True:\n        pass"),
    "loop-at-import": SOLUTION + "while True:\n    pass\n",
    "crash": SOLUTION + "\ndef most_common(text):\n    import ctypes\n    return ctypes.string_at(0)\n",
    "crash-at-import": SOLUTION + "import os\nos.abort()\n",
    "syntax": SOLUTION + "def (:\n",
    "error-at-import": SOLUTION + "1 / 0\n",
    "exit-at-import": SOLUTION + "import sys\nsys.exit(0)\n",
    "quits": SOLUTION + "\ndef count_words(text):\n    import os\n    os._exit(0)\n",
    "shortcut": "from collections import Counter\n"
    + SOLUTION.replace("counts = {}", "return dict(Counter(text.lower().split()))"),
    "shortcut-in-helper": "import collections\n\ndef helper(a):\n    return dict(getattr(collections, 'Counter')(a))\n"
    + SOLUTION.replace("counts = {}", "return helper(text.lower().split())"),
    "leaks": SOLUTION
    + "\ndef count_words(text):\n    raise type('E' + text.replace(' ', '_'), (Exception,), {})(text)\n",
    "garbage": SOLUTION
    + "\ndef count_words(text):\n    return object()\n\ndef most_common(text):\n    return [[...]]\n",
    "latin": "# caf\u00e9\n" + SOLUTION,
}


@pytest.fixture(scope="module")
def graded(autograder, read_results, tmp_path_factory):
    """The class, graded once: (results by student, the finished command, the output folder)."""

    folder = tmp_path_factory.mktemp("class")
    for name, source in CLASS.items():
        (folder / name).mkdir()
        (folder / name / "words.py").write_bytes(source.encode("latin-1"))
    (folder / "no-zip.zip").write_text("this is no zip")
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.writestr("zipped-main/assignments/words.py", SOLUTION)
    (folder / "nothing").mkdir()
    (folder / "nothing" / "essay.txt").write_text("I forgot.")
    out = tmp_path_factory.mktemp("out")
    done = autograder("grade", folder, "--out", out, cwd=TINY_UNIT)
    return read_results(out), done, out


def items(result):
    return {item["id"].split(".")[1]: item for item in result["items"]}


def messages(result):
    return [test["message"] for item in result["items"] for test in item["tests"]]


MARKS = {
    "right": (1.0, 2.5),
    "zipped": (1.0, 2.5),
    "stub": (0.0, 0.0),
    "only-most-common": (0.0, 2.5),
    "wrong-count": (1 / 3, 2.5),
    "lacks-a-function": (1.0, 0.0),
    "loop": (2 / 3, 2.5 * 0.8),
    "loop-everywhere": (0.0, 0.0),
    "loop-at-import": (0.0, 0.0),
    "crash": (1.0, 0.0),
    "crash-at-import": (0.0, 0.0),
    "syntax": (0.0, 0.0),
    "error-at-import": (0.0, 0.0),
    "exit-at-import": (0.0, 0.0),
    "quits": (0.0, 2.5),
    "shortcut": (0.0, 2.5),
    "shortcut-in-helper": (0.0, 2.5),
    "leaks": (0.0, 2.5),
    "garbage": (0.0, 0.0),
}


@pytest.mark.parametrize("student", MARKS)
def test_each_gets_the_marks_of_what_works(graded, student):
    found = items(graded[0][student])
    assert (found["count_words"]["score"], found["most_common"]["score"]) == pytest.approx(MARKS[student])


STATUSES = {
    "right": ("passed", "passed"),
    "stub": ("not attempted", "not attempted"),
    "only-most-common": ("not attempted", "passed"),
    "wrong-count": ("partial", "passed"),
    "lacks-a-function": ("passed", "not attempted"),
    "loop": ("partial", "partial"),
    "loop-everywhere": ("timeout", "timeout"),
    "loop-at-import": ("timeout", "timeout"),
    "crash": ("passed", "crashed"),
    "crash-at-import": ("crashed", "crashed"),
    "syntax": ("failed", "failed"),
    "exit-at-import": ("failed", "failed"),
    "quits": ("crashed", "passed"),
    "shortcut": ("failed", "passed"),
}


@pytest.mark.parametrize("student", STATUSES)
def test_each_gets_the_status_that_tells_why(graded, student):
    found = items(graded[0][student])
    assert (found["count_words"]["status"], found["most_common"]["status"]) == STATUSES[student]


def test_what_cannot_be_graded_is_told_and_costs_no_mark(graded):
    found, done, out = graded
    assert done.returncode == 1
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO((out / "grades.csv").read_text()))}
    for student, words in {"no-zip": "not a zip", "nothing": "words.py"}.items():
        assert found[student]["problems"], student
        assert words in found[student]["problems"][0]
        assert rows[student]["status"] == "not graded"
        assert rows[student]["total"] == ""
    assert rows["right"]["total"] == "3.50"
    assert rows["loop"]["total"] == "2.67"
    assert list(rows) == sorted(rows, key=str.lower)


def test_an_import_that_fails_is_a_problem_that_names_the_line(graded):
    found = graded[0]
    broken = len(SOLUTION.splitlines()) + 1
    assert any("words.py" in problem and f"line {broken}" in problem for problem in found["syntax"]["problems"])
    assert any("ZeroDivisionError" in problem for problem in found["error-at-import"]["problems"])


def test_a_source_that_is_not_utf_8_is_told(graded):
    assert any("UTF-8" in problem for problem in graded[0]["latin"]["problems"])


def test_a_shortcut_names_the_line(graded):
    for student in ("shortcut", "shortcut-in-helper"):
        assert any("collections.Counter" in message and "line" in message for message in messages(graded[0][student]))


def test_no_message_shows_what_a_hidden_test_passed_in(graded):
    """An error's text and an error's class can carry the argument; the student sees neither."""
    for message in messages(graded[0]["leaks"]):
        assert "EOak" not in message
        assert not any(len(word.strip(".,:")) >= 8 and set(word) <= set("abcdefgh_E") for word in message.split())


def test_after_two_timeouts_the_other_tests_of_the_item_are_not_run(graded):
    tests = items(graded[0]["loop-everywhere"])["count_words"]["tests"]
    assert [test["status"] for test in tests] == ["timeout"] * 3
    assert "Not run" in tests[2]["message"]


def test_marks_earned_with_stand_ins_say_so(graded):
    found = items(graded[0]["only-most-common"])
    assert found["most_common"]["replaced"] == ["words.count_words"]
    assert found["count_words"]["replaced"] == []


def test_nobody_is_disturbed_by_the_loops_and_the_crashes(graded, autograder, read_results, tmp_path):
    """The same results, to the letter, in a class without them; with one job as with two."""

    quiet = [name for name in CLASS if "loop" not in name and "crash" not in name]
    for name in quiet:
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "words.py").write_bytes(CLASS[name].encode("latin-1"))
    done = autograder("grade", tmp_path / "class", "--out", tmp_path / "out", "--jobs", 1, cwd=TINY_UNIT)
    assert done.returncode == 0, done.stderr
    again = read_results(tmp_path / "out")
    assert again == {name: graded[0][name] for name in quiet}


def test_every_result_records_the_layers_that_held(graded):
    assert "rlimits" in graded[0]["right"]["isolation"]


def test_reports_are_there_for_everyone(graded):
    _, _, out = graded
    assert (out / "class.html").is_file()
    for name in [*CLASS, "no-zip", "nothing", "zipped"]:
        assert {path.name for path in (out / name).iterdir()} == {"results.json", "report.html", "report.md"}


def test_the_closing_table_names_everyone(graded):
    _, done, _ = graded
    for name in CLASS:
        assert name in done.stderr


@pytest.mark.parametrize("form", ["folder", "zip", "module"])
def test_one_submission_in_every_form(form, autograder, read_results, tmp_path):

    source = tmp_path / "kim"
    source.mkdir()
    (source / "words.py").write_text(SOLUTION)
    path = source
    if form == "module":
        path = source / "words.py"
    if form == "zip":
        path = tmp_path / "kim.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(source / "words.py", "words.py")
    done = autograder("grade", path, "--out", tmp_path / "out", cwd=TINY_UNIT)
    assert done.returncode == 0, done.stderr
    assert read_results(tmp_path / "out")["kim"]["score"] == 3.5


def test_a_seed_file_is_made_for_the_owner_alone(tiny_unit, autograder, tmp_path, monkeypatch):
    from autograder.grading.seeds import secret_for, seed_for

    monkeypatch.delenv("AUTOGRADER_SECRET", raising=False)
    secret = secret_for(tmp_path)
    assert (tmp_path / "seed.secret").stat().st_mode & 0o777 == 0o600
    assert secret_for(tmp_path) == secret
    assert seed_for(secret, "a", "t") == seed_for(secret, "a", "t")
    assert len({seed_for(secret, "a", "t"), seed_for(secret, "b", "t"), seed_for(secret, "a", "u")}) == 3


def test_a_submission_that_does_not_exist(autograder, tiny_unit, tmp_path):
    done = autograder("grade", tmp_path / "nobody", "--out", tmp_path / "out", cwd=tiny_unit)
    assert done.returncode == 2
    assert "nobody" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_output_folder_that_cannot_be_written(autograder, tiny_unit, tmp_path):
    (tmp_path / "file").write_text("")
    done = autograder("grade", tiny_unit / "solutions", "--out", tmp_path / "file" / "out", cwd=tiny_unit)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "file/out" in done.stderr


def test_a_test_that_fails_by_itself_is_the_graders_fault(autograder, tiny_unit, tmp_path):
    """No mark of 0 for the student, exit status 1, and the reason on stderr."""
    suite = tiny_unit / "tests" / "hidden" / "test_words.py"
    suite.write_text(suite.read_text().replace('student.count_words("  ")', 'student.count_words("  ")["missing"]'))
    done = autograder("grade", tiny_unit / "solutions", "--out", tmp_path / "out", cwd=tiny_unit)
    assert done.returncode == 1
    assert "test_count_of_nothing failed by itself: KeyError" in done.stderr
    result = json.loads((tmp_path / "out" / "solutions" / "results.json").read_text())
    assert result["graded"] is False
    assert "not your fault" in result["problems"][0]


def test_hidden_tests_that_cannot_be_collected(autograder, tiny_unit, tmp_path):
    suite = tiny_unit / "tests" / "hidden" / "test_words.py"
    suite.write_text("import no_such_module\n" + suite.read_text())
    done = autograder("grade", tiny_unit / "solutions", "--out", tmp_path / "out", cwd=tiny_unit)
    assert done.returncode == 1
    assert "no_such_module" in done.stderr


def test_a_stub_is_not_attempted_whatever_it_is_called_with(autograder, read_results, tmp_path):
    """Here the error that a test meets is another's: count_words raises it before most_common is looked at."""
    (tmp_path / "words.py").write_text(SOLUTION.replace("    counts = count_words(text)\n", "    1 / 0\n"))
    (tmp_path / "stub").mkdir()
    stub = (
        SOLUTION[: SOLUTION.index("def most_common")]
        + 'def most_common(text):\n    """D."""\n    raise NotImplementedError("x")\n'
    )
    (tmp_path / "stub" / "words.py").write_text(stub)
    done = autograder("grade", tmp_path / "words.py", tmp_path / "stub", "--out", tmp_path / "out", cwd=TINY_UNIT)
    assert done.returncode == 0, done.stderr
    assert items(read_results(tmp_path / "out")["stub"])["most_common"]["status"] == "not attempted"
    assert items(read_results(tmp_path / "out")[tmp_path.name])["most_common"]["status"] == "failed"
