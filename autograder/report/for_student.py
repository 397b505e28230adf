"""The result as its student may read it. Every report begins here, so that no format can forget to.

All text is cleaned, the instructor's notes go, and of a test that is not visible only its status and marks stay.
"""

from dataclasses import replace

from autograder.report.text import clean, flowing
from autograder.results import ItemResult, Result, TestResult

NO_NAME = "(no name)"


def for_student(result: Result) -> Result:
    """The result as its student may read it: clean text, no notes, and nothing of a test that is not visible."""
    return replace(
        result,
        student=clean(result.student, 100) or NO_NAME,
        items=tuple(map(_item, result.items)),
        problems=tuple(clean(problem, 500, lines=5) for problem in result.problems),
        isolation=tuple(clean(layer, 100) for layer in result.isolation),
        submission_sha256=clean(result.submission_sha256, 64),
        grader_version=clean(result.grader_version, 100),
    )


def _item(item: ItemResult) -> ItemResult:
    feedback = item.feedback
    if not item.tests and feedback is None:
        return item
    if feedback is not None:
        feedback = replace(
            feedback,
            answer=flowing(clean(feedback.answer, 20_000, lines=500)),
            model=flowing(feedback.model),
            note=clean(feedback.note, 20_000, lines=500),
        )
    return replace(item, tests=tuple(map(_shown, item.tests)), feedback=feedback)


def _shown(test: TestResult) -> TestResult:
    if not test.visible:
        return replace(test, test="", name="a further check", message="", diagnosis=None, note="")
    return replace(
        test,
        name=clean(test.name, 300),
        message=clean(test.message, 1200, lines=16),
        diagnosis=clean(test.diagnosis, 600, lines=5) if test.diagnosis else None,
        note="",
    )
