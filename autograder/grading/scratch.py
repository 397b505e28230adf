"""The folder that a worker calls its own: assignments/ with files handed in, and the unit's resources beside it."""

import os
import stat
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

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


def remove(top: Path) -> None:
    """Remove a folder that a student's code has filled, whatever is in it. Nobody else may be at work there.

    Every folder found is first moved to the top, so that nothing is ever deeper than one level: a tree of a hundred
    thousand levels is no path too long, no open folder for each level and no recursion. Links are not followed.
    """
    names = count()
    waiting = deque([str(top)])
    while waiting:
        folder = waiting.popleft()
        os.chmod(folder, stat.S_IRWXU)  # it may have been made so that nobody could look into it
        for inner in _emptied_of_files(folder):
            os.chmod(inner, stat.S_IRWXU)  # to be moved it must be writable
            moved = _free_name(top, names)
            os.rename(inner, moved)
            waiting.append(moved)
        if folder != str(top):
            os.rmdir(folder)
    os.rmdir(top)


def _emptied_of_files(folder: str) -> list[str]:
    """Delete all but the folders in a folder; their paths."""
    inner = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.path)
            else:
                os.unlink(entry.path)
    return inner


def _free_name(top: Path, names: Iterator[int]) -> str:
    while os.path.lexists(path := f"{top}/{next(names)}"):
        pass
    return path
