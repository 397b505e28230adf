"""One result in the forms of other services: whole numbers add up, nothing hidden is told, XML stays XML."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from autograder.report import gradescope, junit, questions
from autograder.report.classroom import classroom, classroom50
from autograder.report.whole import whole
from autograder.results import ItemResult, Late, Result, Status, TestResult
from autograder.spec import load

UNIT = load(Path(__file__).with_name("tiny_unit"))


def item(name, score, of, status=Status.PARTIAL, extra=False, visible=True, message=""):
    test = TestResult(
        "test_x", f"claim of {name}", status, Fraction(score), Fraction(of), visible, message, note="SECRET"
    )
    return ItemResult(f"words.{name}", Fraction(score), Fraction(of), extra, "core", status, (test,))


ITEMS = (
    item("a", "1/3", 1, message="bad \x00 <b> \ud800"),
    item("b", "1/3", 1, visible=False, message="HIDDEN"),
    item("c", "4/31", "12/31"),
    item("d", 2, 2, Status.PASSED, extra=True),
    item("e", 0, 3, Status.CRASHED),
)
PLAIN = Result("ada", ITEMS, (), ("Landlock",), "ab", "1", unit="Words")
CAPPED = replace(PLAIN, extra_cap=Fraction(2))
LATE = replace(PLAIN, late=Late(3600, 1, Fraction(1, 7)))
UNGRADED = replace(PLAIN, graded=False, problems=("none of words.py found",))
RESULTS = [PLAIN, CAPPED, LATE]


@pytest.mark.parametrize("result", RESULTS)
def test_whole_numbers_add_up_to_the_total(result):
    data = json.loads(classroom50(result, {"CLASSROOM": "c", "COMMIT_URL": "u"}, datetime(2026, 1, 2, tzinfo=UTC)))
    assert data["score"] == round(result.score * 100) == sum(test["score"] for test in data["tests"])
    assert data["max-score"] == round(result.max_score * 100) == sum(test["max-score"] for test in data["tests"])
    assert all(type(test[key]) is int and test[key] >= 0 for test in data["tests"] for key in ("score", "max-score"))
    assert (data["schema"], data["classroom"], data["review"]) == ("classroom50/result/v1", "c", "u")
    assert data["datetime"] == "2026-01-02T00:00:00Z"
    assert "hundredths" in data["note"]


@pytest.mark.parametrize("result", RESULTS)
def test_classrooms_reporter_gets_the_same_total(result):
    data = json.loads(base64.b64decode(classroom(result)))
    assert sum(test["score"] for test in data["tests"]) == pytest.approx(round(float(result.score), 2))
    assert data["status"] == "fail"
    assert {test["test_code"] for test in data["tests"]} == {""}
    assert {test["status"] for test in data["tests"]} == {"pass", "fail"}


def test_whole_marks_stay_as_they_are():
    counted = whole(replace(PLAIN, items=(item("a", 3, 4), item("b", 1, 1, Status.PASSED))))
    assert (counted.scale, counted.score, counted.max_score) == (1, 4, 5)


@pytest.mark.parametrize("result", RESULTS)
def test_otters_questions_add_up_to_the_total_before_lateness(result):
    found = json.loads(questions.render(result))
    assert sum(each["score"] for each in found) == pytest.approx(float(result.earned))
    assert sum(each["points"] for each in found) == pytest.approx(float(result.max_score))
    assert ("cap_on_extra_credit" in {each["name"] for each in found}) == (result.extra_cap is not None)


@pytest.mark.parametrize("result", RESULTS)
def test_gradescope_gets_the_total(result):
    data = json.loads(gradescope.render(result, UNIT))
    assert data["score"] == pytest.approx(float(result.score), abs=1e-6)
    assert {test["visibility"] for test in data["tests"]} == {"visible"}


def test_what_was_not_graded_has_no_marks_and_no_pass():
    data = json.loads(gradescope.render(UNGRADED, UNIT))
    assert "score" not in data
    assert "none of words.py found" in data["output"]
    assert json.loads(base64.b64decode(classroom(UNGRADED)))["status"] == "error"


def test_no_form_tells_what_is_hidden():
    forms = [
        junit.render(PLAIN, UNIT),
        base64.b64decode(classroom(PLAIN)).decode(),
        classroom50(PLAIN, {}),
        questions.render(PLAIN),
        gradescope.render(PLAIN, UNIT),
    ]
    for form in forms:
        assert "HIDDEN" not in form
        assert "SECRET" not in form


def test_junit_is_xml_whatever_a_student_writes():
    root = ET.fromstring(junit.render(PLAIN, UNIT))
    (suite,) = root
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "3",
        "errors": "1",
    }
    assert suite[0][0].get("message") == "bad  <b>"
