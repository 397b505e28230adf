"""`autograder check`, as a student runs it."""

import math

import pytest

from autograder.target.failures import NotAsExpected


@pytest.fixture
def desk(tiny_unit):
    """The student's folder: the unit without hidden tests and solutions, the file to fill in."""
    import shutil

    shutil.rmtree(tiny_unit / "solutions")
    shutil.rmtree(tiny_unit / "tests" / "hidden")
    return tiny_unit


def write(desk, body):
    (desk / "assignments" / "words.py").write_text(body)


RIGHT = "def count_words(text):\n    return {'oak': 1}\n\ndef most_common(text):\n    return 'oak'\n"


def test_an_empty_stub_is_not_written_yet(autograder, desk):
    done = autograder("check", cwd=desk)
    assert done.returncode == 1
    assert done.stdout.count("not written yet") == 2
    assert "Traceback" not in done.stdout


def test_what_waits_for_a_stub_is_not_what_to_do_next(autograder, desk):
    stub = RIGHT.replace("return {'oak': 1}", "raise NotImplementedError")
    write(desk, stub.replace("return 'oak'", "return max(count_words(text))"))
    told = autograder("check", cwd=desk).stdout
    assert "This needs count_words, which is not written yet" in told
    assert "Next: write count_words." in told
    write(desk, stub.replace("return 'oak'", "return 'elm'"))
    assert "Next: mend most_common." in autograder("check", cwd=desk).stdout


def test_when_all_holds(autograder, desk):
    write(desk, RIGHT)
    done = autograder("check", "words", cwd=desk / "assignments")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 checks hold." in done.stdout


def test_an_error_shows_the_students_own_line_and_what_was_printed(autograder, desk):
    write(desk, RIGHT.replace("return 'oak'", "words = text.split()\n    print('seen', words)\n    return words[3]"))
    done = autograder("check", cwd=desk)
    assert done.returncode == 1
    for part in ("IndexError: list index out of range", "words.py:7 in most_common", "return words[3]", "seen ['oak']"):
        assert part in done.stdout


def test_a_wrong_answer_shows_the_claim_and_what_is_wrong(autograder, desk):
    write(desk, RIGHT.replace("return 'oak'", "return None"))
    done = autograder("check", cwd=desk)
    assert "Of one word, that one." in done.stdout
    assert "The word: None (is there a `return`?); expected a str." in done.stdout


def test_a_wrong_value_stands_beside_the_right_one(autograder, desk):
    write(desk, RIGHT.replace("return 'oak'", "return 'elm'").replace("{'oak': 1}", "{'oak': 1.25}"))
    done = autograder("check", cwd=desk)
    assert "Part of the counts: not the right number. It is 1.25; expected 1." in done.stdout
    assert "The word: not the right one. It is 'elm'; expected 'oak'." in done.stdout


@pytest.mark.parametrize(
    ("got", "want", "told"),
    [
        (0.90001, 0.9, "It is 0.90001; expected 0.9."),
        ([10**5000], [1, 2], "It is [an integer of 16610 bits]; expected [1, 2]."),
        (math.inf, 0.5, "It is inf; expected 0.5."),
        (list(range(20)), [0], "It is [0, 1, 2, 3, 4, 5, 6, 7, ...]; expected [0]."),
    ],
)
def test_values_are_told_in_a_line(got, want, told):
    assert NotAsExpected("", got, want).values() == told


def test_an_endless_loop_and_a_crash_cost_only_their_own_check(autograder, desk):
    write(desk, RIGHT.replace("return {'oak': 1}", "while True: pass"))
    done = autograder("check", cwd=desk)
    assert "stopped after 0.5 seconds" in done.stdout
    assert "1 of 2 checks hold." in done.stdout
    write(desk, RIGHT.replace("return {'oak': 1}", "import os; os.abort()"))
    assert "1 of 2 checks hold." in autograder("check", cwd=desk).stdout


def test_a_syntax_error_is_shown_with_its_line(autograder, desk):
    write(desk, RIGHT + "def broken(:\n")
    done = autograder("check", cwd=desk)
    assert done.returncode == 1
    assert "words.py cannot be imported" in done.stdout
    assert "words.py:6" in done.stdout
    assert "def broken(:" in done.stdout


def test_a_shortcut_is_told(autograder, desk):
    write(desk, RIGHT.replace("return {'oak': 1}", "import collections\n    return dict(collections.Counter([text]))"))
    done = autograder("check", cwd=desk)
    assert "line 3, calls collections.Counter" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("body", "asked", "printed"),
    [
        ("words = text.split()\n    return words[3]", "words", "['oak']"),
        ("import json\n    return json.loads(text)", "text", "'oak'"),  # which fails deep in a library
    ],
)
def test_the_debugger_stops_in_the_students_code_and_no_deeper(autograder, desk, body, asked, printed):
    write(desk, RIGHT.replace("return 'oak'", body))
    done = autograder("check", "--pdb", cwd=desk, stdin=f"p 'here', {asked}\nq\n")
    assert f"('here', {printed})" in done.stdout
    assert "words.py(6)most_common()" in done.stdout
    assert done.returncode == 1


def test_the_debugger_stops_in_the_test_where_an_answer_is_wrong(autograder, desk):
    write(desk, RIGHT.replace("return 'oak'", "return 'elm'"))
    done = autograder("check", "--pdb", cwd=desk, stdin="q\n")
    assert "test_words.py(11)test_most_common_of_one()" in done.stdout
    assert done.returncode == 1


def test_the_debugger_passes_by_what_is_not_written(autograder, desk):
    write(desk, RIGHT.replace("return 'oak'", "raise NotImplementedError"))
    done = autograder("check", "--pdb", cwd=desk)
    assert "(Pdb)" not in done.stdout
    assert "not written yet" in done.stdout


def test_breakpoints_work_under_the_debugger(autograder, desk):
    write(desk, RIGHT.replace("return 'oak'", "breakpoint()\n    return 'oak'"))
    done = autograder("check", "--pdb", cwd=desk, stdin="p 'stopped', text\nc\n")
    assert "('stopped', 'oak')" in done.stdout
    assert done.returncode == 0


def test_a_topic_that_is_not_there(autograder, desk):
    done = autograder("check", "wards", cwd=desk)
    assert done.returncode == 2
    assert "no topic 'wards'; there are: words" in done.stderr


def test_a_file_that_is_not_there(autograder, desk):
    (desk / "assignments" / "words.py").unlink()
    done = autograder("check", "words", cwd=desk)
    assert done.returncode == 2
    assert "words.py" in done.stderr


def test_a_spawned_process_serves_where_there_is_no_fork(desk, monkeypatch, capsys):
    from rich.console import Console

    from autograder.desk import check, start
    from autograder.spec import load

    monkeypatch.setattr(start, "CAN_FORK", False)
    write(desk, RIGHT.replace("return 'oak'", "import os; os.abort()"))
    assert check.check(load(desk), [], Console(width=120)) is False
    shown = capsys.readouterr().out
    assert "1 of 2 checks hold." in shown
    assert "an abort in compiled code" in shown


def test_grading_wants_the_hidden_tests(autograder, desk, tmp_path):
    done = autograder("grade", "assignments", "--out", tmp_path / "out", cwd=desk)
    assert done.returncode == 2
    assert "instructor's copy" in done.stderr
