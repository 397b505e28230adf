"""Lateness: the rules, the times, and that a penalty is taken once, in the result."""

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from autograder.course.lateness import Lateness, lateness, read_times
from autograder.errors import UsageError
from autograder.results import ItemResult, Result, Status
from autograder.spec import LateRules, load
from autograder.submission import find_submissions

DEADLINE = datetime(2026, 12, 11, 23, 59, tzinfo=UTC)
RULES = LateRules(deadline=DEADLINE, per_day="1/10", cap="1/2", grace_minutes=15)
LATE_YML = """
late:
  deadline: 2026-12-11T23:59:00+01:00
  grace_minutes: 15
  per_day: 0.1
  cap: 0.5
"""


@pytest.mark.parametrize(
    ("after", "seconds", "days", "share"),
    [
        (timedelta(days=-3), 0, 0, 0),
        (timedelta(0), 0, 0, 0),
        (timedelta(minutes=15), 900, 0, 0),
        (timedelta(minutes=15, microseconds=1), 901, 1, Fraction(1, 10)),
        (timedelta(days=1), 86400, 1, Fraction(1, 10)),
        (timedelta(days=1, microseconds=1), 86401, 2, Fraction(1, 5)),
        (timedelta(days=40), 40 * 86400, 40, Fraction(1, 2)),
    ],
)
def test_days_are_begun_days_and_grace_and_cap_hold(after, seconds, days, share):
    late = lateness(RULES, DEADLINE + after)
    assert (late.seconds, late.days, late.share) == (seconds, days, share)


def test_the_share_is_taken_once_of_marks_with_extra_credit_and_its_cap():
    core = ItemResult("t.a", Fraction(98), Fraction(100), False, "core", Status.PARTIAL)
    extra = ItemResult("t.b", Fraction(8), Fraction(8), True, "core", Status.PASSED)
    result = Result("ada", (core, extra), (), (), "", "", extra_cap=Fraction(105))
    late = Lateness(RULES, {"ada": DEADLINE + timedelta(days=2)})
    once = late.applied(result)
    assert (once.earned, once.penalty, once.score) == (105, 21, 84)
    assert late.applied(once) == once
    assert Lateness(None, late.times).applied(once) == result
    assert Lateness(RULES).applied(once) == result


def test_a_table_of_times(tmp_path):
    table = tmp_path / "times.csv"
    table.write_text(
        "\ufeffstudent,submitted\nADA,2026-12-12 08:30\nbob,2026-12-12T08:30:00+09:00\ncyd,\nnobody,2026-12-12T08:30Z\n"
    )
    times, strangers = read_times(table, RULES, ["ada", "bob", "cyd"])
    assert times["ada"] == datetime(2026, 12, 12, 8, 30, tzinfo=UTC)
    assert times["bob"] == datetime(2026, 12, 11, 23, 30, tzinfo=UTC)
    assert "cyd" not in times
    assert strangers == ["nobody"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,when\n", "times.csv:1: the first line must be: student,submitted"),
        ("student,submitted\nada,yesterday\n", "times.csv:2: 'yesterday' is no time"),
        ("student,submitted\nada,2026-12-12\nada,2026-12-13\n", "times.csv:3: ada stands there twice"),
        ("student,submitted\nada\n", "times.csv:2: needs a student and a time"),
    ],
)
def test_a_table_that_is_wrong(tmp_path, text, told):
    (tmp_path / "times.csv").write_text(text)
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        read_times(tmp_path / "times.csv", RULES, ["ada"])


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("  deadline: 2026-12-11T23:59:00\n  per_day: 0.1", "late.deadline: must say its time zone"),
        ("  deadline: soon\n  per_day: 0.1", "late.deadline: must be a time such as"),
        ("  deadline: 2026-12-11T23:59:00Z\n  per_day: 10", "late.per_day: must be a share of the marks"),
        ("  deadline: 2026-12-11T23:59:00Z", "late.per_day: is missing"),
    ],
)
def test_rules_that_are_wrong_are_told_with_their_line(tiny_unit, rule, told):
    path = tiny_unit / "grading.yml"
    path.write_text(path.read_text() + f"late:\n{rule}\n")
    with pytest.raises(UsageError) as error:
        load(tiny_unit)
    assert told in str(error.value)
    assert "grading.yml:3" in str(error.value)


def test_gradescope_tells_when(tmp_path):
    export = tmp_path / "assignment_1_export"
    for number in (1, 2):
        (export / f"submission_{number}").mkdir(parents=True)
        (export / f"submission_{number}" / "words.py").write_text("x = 1\n")
    (export / "submission_metadata.yml").write_text(
        "---\nsubmission_1:\n  :submitters:\n  - :name: Ada\n  :created_at: 2026-12-12 07:30:32.365935000 Z\n"
        "  :results:\n    output: |\n      submission_2:\n        :created_at: 1999-01-01 00:00:00 Z\n"
        "  :history:\n  - :created_at: 2026-12-01 00:00:00.0 Z\n"
        "submission_2:\n  :created_at: 2026-12-13 01:00:00 +01:00\n"
    )
    found = {each.student: each.submitted for each in find_submissions([export], ["words.py"])}
    assert found == {
        "submission_1": datetime(2026, 12, 12, 7, 30, 32, tzinfo=UTC),
        "submission_2": datetime(2026, 12, 13, tzinfo=UTC),
    }


def test_a_class_with_late_work(autograder, tiny_unit, read_results, tmp_path):
    """Empty where no time is known, 0.00 in time, and what is taken off stands in the row and in the reports."""
    (tiny_unit / "grading.yml").write_text((tiny_unit / "grading.yml").read_text() + LATE_YML)
    for student in ("early", "late", "unknown"):
        (tmp_path / "class" / student).mkdir(parents=True)
        shutil.copy(tiny_unit / "solutions" / "words.py", tmp_path / "class" / student)
    times = tmp_path / "times.csv"
    times.write_text("student,submitted\nearly,2026-12-11T22:00\nlate,2026-12-13T08:00\n")
    out = tmp_path / "out"
    done = autograder("grade", tmp_path / "class", "--out", out, "--submitted", times, cwd=tiny_unit)
    assert done.returncode == 0, done.stderr
    with open(out / "grades.csv", encoding="utf-8", newline="") as file:
        rows = {row["student"]: (row["late"], row["total"]) for row in csv.DictReader(file)}
    assert rows == {"early": ("0.00", "3.50"), "late": ("0.70", "2.80"), "unknown": ("", "3.50")}
    results = read_results(out)
    assert results["unknown"]["late"] is None
    assert results["late"]["late"] == {"seconds": 32 * 3600 + 60, "days": 2, "penalty": 0.7}
    assert json.loads((out / "late" / "results.json").read_text())["score"] == 2.8
    assert "2 days by the rules: 0.7 of 3.5 marks are taken off" in (out / "late" / "report.md").read_text()
    assert "late" not in (out / "early" / "report.md").read_text().split("---")[0]
