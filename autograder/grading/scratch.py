"""The folder that a worker calls its own: assignments/ with the files handed in, and the unit's resources beside it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.spec import Unit
from autograder.submission import Submission


@contextmanager
def made_scratch(unit: Unit, submission: Submission) -> Iterator[Path]:
    """A fresh scratch folder, gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="autograder-"))
    try:
        submission.write_to(scratch / "assignments")
        for resource in unit.spec.resources:
            (scratch / resource).symlink_to(unit.root / resource)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
