"""What `autograder check --report FOLDER` writes, for continuous integration: a summary, JUnit XML, and for classrooms.

Here a test counts as one: what comes out says how many checks hold, and is no mark.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from autograder.report import junit
from autograder.report.classroom import classroom, classroom50
from autograder.report.files import write_atomically
from autograder.report.for_student import for_student
from autograder.report.markdown import SYMBOLS, escape
from autograder.report.summary import topic_title
from autograder.results import Result, Status
from autograder.spec import Unit

NO_MARKS = "These are the public checks. Marks come from further tests, on other inputs, which only your course has."


def write_check(result: Result, unit: Unit, folder: Path) -> None:
    """Write summary.md, junit.xml, classroom.base64 and result.json (Classroom 50) into `folder`."""
    write_atomically(folder / "summary.md", "\n".join(_summary(result, unit)) + "\n")
    write_atomically(folder / "junit.xml", junit.render(result, unit))
    write_atomically(folder / "classroom.base64", classroom(result))
    write_atomically(folder / "result.json", classroom50(result, os.environ))


def _summary(result: Result, unit: Unit) -> Iterator[str]:
    result = for_student(result)
    yield from (f"## {escape(unit.spec.unit)}: {result.score} of {result.max_score} checks hold", "")
    yield from ("| | exercise | checks that hold |", "| --- | --- | --- |")
    for item in result.items:
        name = escape(f"{topic_title(unit, item.topic)}: {item.id.split('.')[1]}")
        yield f"| {SYMBOLS[item.status]} | {name} | {item.score} of {item.max_score} |"
    yield ""
    for item in result.items:
        told = [test for test in item.tests if test.status not in (Status.PASSED, Status.NOT_ATTEMPTED)]
        if told:
            yield from (f"### {escape(item.id)}", "")
        for test in told:
            yield f"- {SYMBOLS[test.status]} {escape(test.name)}"
            if test.message:
                lines = escape(test.message, newline="\\\n    ")
                yield f"  - {lines}"
        if told:
            yield ""
    yield NO_MARKS
