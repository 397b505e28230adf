"""Gradescope's run_autograder: `python -m autograder.roads.gradescope ROOT`, where ROOT is as in its container.

ROOT/source/                      the unpacked zip: unit/, seed.secret
ROOT/submission/                  what the student handed in
ROOT/submission_metadata.json     created_at, from which lateness comes
ROOT/results/results.json         what is written, whatever happens
"""

import json
import sys
import traceback
from datetime import datetime
from pathlib import Path

from autograder.errors import GraderError
from autograder.report import gradescope
from autograder.report.files import write_atomically


def main(root: Path) -> int:
    """1 where the grader failed. A valid results.json is there in any case."""
    out = root / "results" / "results.json"
    try:
        write_atomically(out, _graded(root))
    except BaseException as error:
        traceback.print_exc()
        write_atomically(out, gradescope.failed())
        if not isinstance(error, Exception):
            raise
        return 1
    return 0


def _graded(root: Path) -> str:
    from autograder.grading.seeds import secret_for
    from autograder.roads.one import grade_one
    from autograder.spec import load

    unit = load(root / "source" / "unit")
    submitted = _submitted(root / "submission_metadata.json") if unit.spec.late else None
    result = grade_one(unit, root / "submission", secret_for(root / "source"), submitted)
    return gradescope.render(result, unit)


def _submitted(path: Path) -> datetime:
    """When it was handed in, never when it is graded. `GraderError` where Gradescope does not say so."""
    try:
        moment = datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["created_at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GraderError(f"{path.name} tells no created_at, which the rules on lateness need: {error}") from None
    if moment.tzinfo is None:
        raise GraderError(f"{path.name}: created_at has no time zone")
    return moment


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
