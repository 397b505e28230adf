"""grading.yml: what is wrong with it is said in one clear line each, with file, line and key."""

import re

import pytest

BAD = {
    "not YAML": ("unit: Counting words", "unit: [Counting", r"grading.yml:\d+: not YAML"),
    "a list": (None, "- 1\n", r"grading.yml:1: must hold"),
    "unknown key": ("    title: Words", "    titel: Words", r"grading.yml:10: topic words: titel: unknown key"),
    "unknown key at the top": ("unit:", "units:", r"grading.yml:2: units: unknown key"),
    "negative points": (
        "points: 1\n",
        "points: -2\n",
        r"grading.yml:16: item words.count_words: points: must be positive, got -2",
    ),
    "points that are no number": (
        "points: 1\n",
        "points: many\n",
        r"grading.yml:16: .*points: must be a number, got 'many'",
    ),
    "nan": ("points: 1\n", "points: .nan\n", r"grading.yml:16: .*points: must be a number"),
    "two items of one name": (
        "words.most_common",
        "words.count_words",
        r"grading.yml:22: item words.count_words: id: another item",
    ),
    "an item of another topic": (
        "id: words.most_common",
        "id: other.most_common",
        r"grading.yml:22: .*must begin with 'words'",
    ),
    "item without a test": (
        "        tests:\n          test_count_of_two_words: 1\n          test_count_is_blind_to_case: 1\n"
        "          test_count_of_nothing: 1\n",
        "        tests: {}\n",
        r"item words.count_words: tests: an item needs at least one test",
    ),
    "test without an item": (
        "          test_count_of_nothing: 1\n",
        "",
        r"test_count_of_nothing of tests/hidden/test_words.py belongs to no item",
    ),
    "a test that is not there": (
        "test_count_of_nothing: 1",
        "test_of_air: 1",
        r"grading.yml:20: item words.count_words: tests.test_of_air: .*has no test",
    ),
    "a test for two items": (
        "test_most_common_of_three: 50",
        "test_count_of_nothing: 50",
        r"stands with another item already",
    ),
    "a share of more than all": (
        "limits:\n",
        "verify:\n  mutants: 80\nlimits:\n",
        r"grading.yml:5: verify.mutants: must be from 0 to 1, got 80",
    ),
    "a share that is no number": (
        "limits:\n",
        "verify:\n  caught: all\nlimits:\n",
        r"grading.yml:5: verify.caught: must be a number, got 'all'",
    ),
    "an unknown threshold": ("limits:\n", "verify:\n  mutant: 1\nlimits:\n", r"verify.mutant: unknown key"),
    "idle tests below nothing": (
        "limits:\n",
        "verify:\n  idle_tests: -1\nlimits:\n",
        r"grading.yml:5: verify.idle_tests: .*greater than or equal to 0",
    ),
    "a weight of nothing": (
        "test_count_of_nothing: 1",
        "test_count_of_nothing: 0",
        r"grading.yml:20: .*must be positive, got 0",
    ),
    "builds on nothing known": (
        "[words.count_words]",
        "[words.air]",
        r"grading.yml:24: item words.most_common: builds_on.0: no item or topic 'words.air'",
    ),
    "a key twice": (
        "    title: Words\n",
        "    title: Words\n    title: Again\n",
        r"grading.yml:11: the key 'title' stands twice",
    ),
    "a limit of nothing": ("cpu_seconds: 0.5", "cpu_seconds: 0", r"grading.yml:5: limits.cpu_seconds: "),
    "a visibility of its own": (
        "unit: Counting words",
        "unit: Counting words\nvisibility: maybe",
        r"grading.yml:3: visibility: ",
    ),
    "no suite": ("  - name: words", "  - name: wards", r"tests/hidden/test_wards.py does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_error_is_one_line_with_file_line_and_key(case, autograder, tiny_unit, tmp_path):
    old, new, expected = BAD[case]
    path = tiny_unit / "grading.yml"
    text = path.read_text()
    if old is not None:
        assert old in text
    path.write_text(new if old is None else text.replace(old, new, 1))
    done = autograder("grade", tiny_unit / "solutions", "--out", tmp_path / "out", cwd=tiny_unit)
    assert done.returncode == 2
    assert not done.stdout
    assert any(re.search(expected, line) for line in done.stderr.splitlines()), done.stderr
    assert all(line.startswith(str(path)) for line in done.stderr.splitlines()), done.stderr
    assert not (tmp_path / "out").exists()


def test_all_errors_are_told_at_once(tiny_unit, autograder):
    path = tiny_unit / "grading.yml"
    path.write_text(path.read_text().replace("points: 1\n", "points: -1\n").replace("title: Words", "titel: Words"))
    assert len(autograder("check", cwd=tiny_unit).stderr.splitlines()) == 3  # titel, points, and no title


def test_outside_a_unit(autograder, tmp_path):
    done = autograder("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "grading.yml" in done.stderr


def test_points_and_weights_are_exact(tiny_unit):
    from fractions import Fraction

    from autograder.spec import load

    unit = load(tiny_unit)
    item = unit.spec.item("words.count_words")
    assert sum(item.worth().values()) == 1
    assert item.worth()["test_count_of_nothing"] == Fraction(1, 3)
    assert unit.spec.item("words.most_common").points == Fraction(5, 2)
