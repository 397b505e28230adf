"""results.json: the result for other programs, in the contract's form, with nothing that its student may not read.

Numbers are floats of the exact fractions. No wall-clock time stands in it, so the same grading gives the same bytes
but for `seconds`.
"""

import json

from autograder.report.for_student import for_student
from autograder.results import Feedback, ItemResult, Result, TestResult
from autograder.spec import Unit


def render(result: Result, unit: Unit) -> str:
    result = for_student(result)
    data: dict[str, object] = {
        "student": result.student,
        "unit": unit.spec.unit,
        "graded": result.graded,
        "score": float(result.score),
        "max_score": float(result.max_score),
        "pending": float(result.pending),
        "items": [_item(item) for item in result.items],
        "problems": list(result.problems),
        "isolation": list(result.isolation),
        "submission_sha256": result.submission_sha256,
        "grader_version": result.grader_version,
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _item(item: ItemResult) -> dict[str, object]:
    data: dict[str, object] = {
        "id": item.id,
        "level": item.level,
        "score": float(item.score),
        "max_score": float(item.max_score),
        "extra": item.extra,
        "pending": float(item.pending),
        "status": item.status.value,
        "replaced": list(item.replaced),
        "tests": [_test(test) for test in item.tests],
    }
    if item.feedback is not None:  # once answers are released
        data["feedback"] = _feedback(item.feedback)
    return data


def _feedback(feedback: Feedback) -> dict[str, object]:
    return {
        "question": feedback.question,
        "answer": feedback.answer,
        "model": feedback.model,
        "points": None if feedback.points is None else float(feedback.points),
        "rubric": [{"points": mark.points, "says": mark.says, "given": mark.given} for mark in feedback.marks],
        "note": feedback.note,
    }


def _test(test: TestResult) -> dict[str, object]:
    return {
        "name": test.name,
        "status": test.status.value,
        "score": float(test.score),
        "max_score": float(test.max_score),
        "visible": test.visible,
        "message": test.message,
        "diagnosis": test.diagnosis,
        "seconds": test.seconds,
    }
