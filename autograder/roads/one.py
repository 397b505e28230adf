"""Grades one student's files, wherever they lie: `python -m autograder.roads.one UNIT SUBMISSION OUT` for otter.

OUT is what `autograder.report.questions` renders. The seeds' secret is the file `seed.secret` beside UNIT, so that the
marks are those of every other road.
"""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from autograder.course.lateness import Lateness
from autograder.errors import GraderError
from autograder.grading.batch import grade_class
from autograder.grading.seeds import secret_for
from autograder.report import questions
from autograder.report.files import write_atomically
from autograder.results import Result
from autograder.spec import Unit, load
from autograder.submission import find_submissions


def grade_one(unit: Unit, folder: Path, secret: bytes, submitted: datetime | None = None) -> Result:
    """The result of what lies in `folder`, one student's. `GraderError` where the grader is at fault."""
    found = find_submissions([folder], unit.spec.files, "one")
    if len(found) != 1:
        raise GraderError(f"{folder} is not one student's: {', '.join(each.student for each in found)}")
    submission = replace(found[0], student="submission")
    (graded,) = grade_class(unit, [submission], secret, jobs=1)
    times = {} if submitted is None else {submission.student: submitted}
    return Lateness(unit.spec.late, times).applied(graded.result)


def main(unit: Path, folder: Path, out: Path) -> int:
    """0 graded; 1 what was handed in cannot be graded, or the grader failed: the last line of stderr says why."""
    try:
        rules = load(unit)
        result = grade_one(rules, folder, secret_for(unit.parent))
    except GraderError as error:
        sys.stderr.write(f"The grader failed: {error}\n")
        return 1
    if not result.graded:
        sys.stderr.write(f"Not graded: {' '.join(result.problems)}\n")
        return 1
    write_atomically(out, questions.render(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:4])))
