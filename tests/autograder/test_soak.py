"""`autograder soak`: what must get full marks gets them with every seed, and what was done is not done again."""

import json
from collections import Counter

import pytest

from autograder.soak import code_of, trains

REPORT = "docs/soak.md"


def lines(unit):
    return [json.loads(line) for line in (unit / "build" / "soak" / "state.jsonl").read_text().splitlines() if line]


def test_it_can_be_stopped_and_goes_on(tiny_unit, autograder):
    assert autograder("soak", "--runs", "1", cwd=tiny_unit).returncode == 0
    with (tiny_unit / "build" / "soak" / "state.jsonl").open("a") as file:
        file.write('\n{"code": "abc", "topi')  # as a kill may leave it
    done = autograder("soak", "--runs", "3", cwd=tiny_unit)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 runs are done already" in done.stdout
    assert "**3 of 3 runs done, 0 failures.**" in (tiny_unit / REPORT).read_text()
    again = autograder("soak", "--runs", "3", cwd=tiny_unit)
    assert "run 1" not in again.stdout


def test_changed_code_begins_anew(tiny_unit, autograder):
    autograder("soak", "--runs", "1", cwd=tiny_unit)
    before = code_of(tiny_unit)
    solution = tiny_unit / "solutions" / "words.py"
    solution.write_text(solution.read_text() + "\n# changed\n")
    assert code_of(tiny_unit) != before
    autograder("soak", "--runs", "1", cwd=tiny_unit)
    assert [line["number"] for line in lines(tiny_unit)] == [0, 0]


def test_a_failure_is_told_with_its_test(tiny_unit, autograder):
    suite = tiny_unit / "tests" / "hidden" / "test_words.py"
    suite.write_text(
        suite.read_text().replace(
            "def test_count_of_nothing(student):",
            'def test_count_of_nothing(student):\n    """Now and then."""\n    assert False\n',
            1,
        )
    )
    done = autograder("soak", "--runs", "2", cwd=tiny_unit)
    assert done.returncode == 1
    report = (tiny_unit / REPORT).read_text()
    assert "**2 of 2 runs done, 2 failures.**" in report
    assert "test_count_of_nothing" in report


@pytest.mark.parametrize(("runs", "training"), [(200, 20), (20, 20), (2, 20), (200, 0), (7, 3)])
def test_long_items_run_in_so_many_runs_and_with_both_numbers_of_threads(runs, training):
    chosen = [number for number in range(runs) if trains(number, runs, training)]
    assert len(chosen) == min(runs, training)
    threads = Counter(number % 2 for number in chosen)
    assert abs(threads[0] - threads[1]) <= 1
