"""Gradescope's results.json, by its specification: a test an item, the total beside them.

The total is given outright, since Gradescope would add up the items and knows neither the cap on extra credit nor our
rules on lateness. An item is as visible as grading.yml says; Gradescope hides the total as soon as one item is hidden.
Text is plain: Gradescope escapes it.
"""

import json

from autograder.report.classroom import message
from autograder.report.for_student import for_student
from autograder.report.summary import in_words
from autograder.results import ItemResult, Result, Status
from autograder.spec import Unit

NOT_GRADED = "There are no marks yet. This is not a 0."
_FAILED = "The grader failed. This is not your fault, and no mark of 0: please tell your instructor."


def render(result: Result, unit: Unit) -> str:
    """The file for a result; where there are no marks it gives none and says why."""
    result = for_student(result)
    if not result.graded:
        return _without_marks([NOT_GRADED, *result.problems])
    said = [*result.problems, in_words(result)]
    if result.isolation:
        said.append(f"Your code ran on its own, apart from the checks: {', '.join(result.isolation)}.")
    return _written(
        {
            "score": _number(float(result.score)),
            "output": "\n".join(said),
            "output_format": "text",
            "test_output_format": "text",
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "tests": [_test(number, item, unit) for number, item in enumerate(result.items, 1)],
            "extra_data": {"submission_sha256": result.submission_sha256, "pending": float(result.pending)},
        }
    )


def failed() -> str:
    """The file for a grader that failed: no marks, and nothing of why, which is for the log."""
    return _without_marks([_FAILED])


def _test(number: int, item: ItemResult, unit: Unit) -> dict[str, object]:
    visibility = next((each.visibility for each in unit.spec.items if each.id == item.id), None)
    told = [message(item)]
    if item.replaced:
        told.append(f"The marks are those with working versions of {', '.join(item.replaced)} in place of yours.")
    if item.pending:
        told.append(f"Up to {float(item.pending):g} more come from a reader.")
    return {
        "number": str(number),
        "name": f"{item.id} (extra credit)" if item.extra else item.id,
        "score": _number(float(item.score)),
        "max_score": 0 if item.extra else _number(float(item.max_score)),
        "status": "passed" if item.status in (Status.PASSED, Status.NEEDS_REVIEW) else "failed",
        "output": "\n".join(filter(None, told)),
        "visibility": visibility or unit.spec.visibility,
    }


def _without_marks(said: list[str]) -> str:
    text = "\n".join(said)
    return _written({"output": text, "tests": [{"name": "Not graded", "status": "failed", "output": text}]})


def _number(value: float) -> float:
    return round(value, 6)


def _written(data: dict[str, object]) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
