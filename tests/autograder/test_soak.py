"""`autograder soak`: what must get full marks gets them with every seed, and what was done is not done again."""

import json
from collections import Counter

import pytest

from autograder.verify.soak import batches, code_of, takes_part

REPORT = "docs/soak.md"


def lines(unit):
    return [line for line in (unit / "build" / "soak" / "state.jsonl").read_text().splitlines() if line]


def test_it_can_be_stopped_and_goes_on(tiny_unit, autograder):
    assert autograder("soak", "--runs", "1", cwd=tiny_unit).returncode == 0
    with (tiny_unit / "build" / "soak" / "state.jsonl").open("a") as file:
        file.write('\n{"code": "abc", "topi')  # as a kill may leave it
    done = autograder("soak", "--runs", "3", cwd=tiny_unit)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 runs are done already" in done.stdout
    assert "**3 of 3 runs done, 0 failures.**" in (tiny_unit / REPORT).read_text()
    again = autograder("soak", "--runs", "3", cwd=tiny_unit)
    assert "3 of 3 runs are done already" in again.stdout
    assert len(lines(tiny_unit)) == 4  # half a line among them


def test_changed_code_begins_anew(tiny_unit, autograder):
    autograder("soak", "--runs", "1", cwd=tiny_unit)
    before = code_of(tiny_unit)
    solution = tiny_unit / "solutions" / "words.py"
    solution.write_text(solution.read_text() + "\n# changed\n")
    assert code_of(tiny_unit) != before
    autograder("soak", "--runs", "1", cwd=tiny_unit)
    assert [json.loads(line)["number"] for line in lines(tiny_unit)] == [0, 0]


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
    chosen = [number for number in range(runs) if takes_part(number, runs, training)]
    assert len(chosen) == min(runs, training)
    threads = Counter(number % 2 for number in chosen)
    assert abs(threads[0] - threads[1]) <= 1


def test_runs_of_one_kind_are_graded_together_and_all_are():
    kinds = {number: (1 + number % 2, number % 10 == 0, True) for number in range(100)}
    found = batches(kinds, done={3, 4})
    assert sorted(number for batch in found for number in batch) == [n for n in range(100) if n not in (3, 4)]
    assert all(len({kinds[number] for number in batch}) == 1 for batch in found)
