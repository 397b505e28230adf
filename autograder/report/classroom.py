"""What GitHub's classrooms take: the result of a grader for Classroom's reporter, and Classroom 50's result.json.

Classroom's service was retired on 28 August 2026; its action `classroom-resources/autograding-grading-reporter` is
still used and wants, in base64, the object made here. Its `test_code` is printed, so it stays empty.
Classroom 50 takes whole numbers: see `whole`.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from autograder.report.for_student import for_student
from autograder.report.whole import HUNDREDTHS, whole
from autograder.results import ItemResult, Result, Status

SCHEMA = "classroom50/result/v1"
# Field of result.json, and the variables in which Classroom 50's runner gives its value.
_CONTEXT = {
    "classroom": ("CLASSROOM",),
    "assignment": ("ASSIGNMENT",),
    "submission": ("SUBMISSION_TAG",),
    "commit": ("COMMIT_URL",),
    "release": ("RELEASE_URL",),
    "review": ("REVIEW_URL", "COMMIT_URL"),
}


def classroom(result: Result) -> str:
    """The `result` of a step for Classroom's reporter, in base64; the marks of its tests add up to the result's."""
    result = for_student(result)
    counted = whole(result)
    tests = [
        {
            "name": part.item.id,
            "status": "pass" if part.item.status is Status.PASSED else "fail",
            "score": part.score / counted.scale,
            "message": message(part.item),
            "test_code": "",
            "filename": "",
            "line_no": 0,
            "duration": round(sum(test.seconds for test in part.item.tests), 3),
        }
        for part in counted.parts
    ]
    done = all(part.item.status is Status.PASSED for part in counted.parts if not part.item.extra)
    status = "error" if not result.graded else "pass" if done else "fail"
    data = {"version": 1, "status": status, "max_score": counted.max_score / counted.scale, "tests": tests}
    return base64.b64encode(json.dumps(data, allow_nan=False).encode()).decode()


def classroom50(result: Result, environment: Mapping[str, str], now: datetime | None = None) -> str:
    """Classroom 50's result.json. What it says of the submission comes from its runner's variables."""
    result = for_student(result)
    counted = whole(result)
    context = {
        field: next((environment[name] for name in names if environment.get(name)), "local")
        for field, names in _CONTEXT.items()
    }
    data = {
        "schema": SCHEMA,
        **context,
        "datetime": (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": counted.score,
        "max-score": counted.max_score,
        "tests": [
            {
                "test-name": part.item.id,
                "passed": part.item.status is Status.PASSED,
                "score": part.score,
                "max-score": part.max_score,
            }
            for part in counted.parts
        ],
    }
    if counted.scale != 1:
        data["note"] = HUNDREDTHS
    return json.dumps(data, allow_nan=False, indent=2) + "\n"


def message(item: ItemResult) -> str:
    """What an item's open tests say, a paragraph each."""
    open_tests = [test for test in item.tests if test.status is not Status.PASSED]
    texts = (" ".join(filter(None, (test.name, test.message, test.diagnosis))) for test in open_tests)
    return "\n".join(dict.fromkeys(texts))
