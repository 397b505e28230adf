"""The result as questions, a JSON list for otter: one question an item, its tests as cases, marks as floats.

otter adds up its questions. So extra credit asks for 0 points and may earn more, and where a unit has a cap on it, a
question of 0 points takes off what is above the cap; every student of a class has the same questions. Lateness is not
taken off: otter knows no time.
"""

import json
from fractions import Fraction

from autograder.report.for_student import for_student
from autograder.results import ItemResult, Result, Status, TestResult

CAP = "cap_on_extra_credit"


def render(result: Result) -> str:
    result = for_student(result)
    questions = [_question(item) for item in result.items]
    if result.extra_cap is not None and any(item.extra for item in result.items):
        above = result.earned - sum((item.score for item in result.items), Fraction(0))
        says = f"No total is above {float(result.extra_cap):g}." if above else "The total is not above the cap."
        case = {"name": says, "passed": True, "hidden": False, "points": 0.0, "message": says}
        questions.append({"name": CAP, "points": 0.0, "score": float(above), "cases": [case]})
    return json.dumps(questions, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _question(item: ItemResult) -> dict[str, object]:
    cases = [_case(item, test) for test in item.tests]
    if not cases:
        cases = [{"name": item.id, "passed": False, "hidden": False, "points": _points(item), "message": ""}]
    return {"name": item.id, "points": _points(item), "score": float(item.score), "cases": cases}


def _points(item: ItemResult) -> float:
    return 0.0 if item.extra else float(item.max_score)


def _case(item: ItemResult, test: TestResult) -> dict[str, object]:
    said = [test.status.value, test.message, test.diagnosis or ""]
    if item.replaced and test is item.tests[0]:
        said.append(f"Tried with working versions of {', '.join(item.replaced)}.")
    if test.status is Status.PARTIAL:
        said.append(f"{float(test.score):.2f} of {float(test.max_score):.2f} points.")
    return {
        "name": test.name,
        "passed": test.status is Status.PASSED,
        "hidden": not test.visible,
        "points": 0.0 if item.extra else float(test.max_score),
        "message": "\n".join(filter(None, said)),
    }
