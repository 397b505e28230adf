"""The folder that a worker calls its own: assignments/ with files handed in, and the unit's resources beside it."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.machine.removal import remove
from autograder.spec import Topic, Unit
from autograder.submission import Submission


@contextmanager
def made_scratch(unit: Unit, topic: Topic, submission: Submission) -> Iterator[Path]:
    """A fresh scratch folder with the files that the topic sees, gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="autograder-"))
    try:
        submission.write_to(scratch / "assignments", unit.spec.files_seen_by(topic))
        for resource in unit.spec.resources:
            (scratch / resource).symlink_to(unit.root / resource)
        yield scratch
    finally:
        try:
            remove(scratch)
        except OSError as error:  # a nuisance, and nobody's marks
            print(f"{scratch} could not be removed: {error}", file=sys.stderr)  # noqa: T201
