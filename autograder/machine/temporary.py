"""One folder for everything temporary of a command and its processes, and what becomes of it when they are killed.

    autograder-run-RANDOM/    in the system's folder for temporary files; others may pass through it and not look
        lock                  held as long as the command lives, and by nobody once it is killed
        RANDOM/ ...           workers' scratch folders, modules to compare with, checkpoints that a test has made

Who makes such a folder first removes those that nobody holds, of the same user and no other; `doctor` does as well.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autograder.machine.removal import remove

if sys.platform != "win32":
    import fcntl

_PREFIX = "autograder-run-"
_LOCK = "lock"
_PASSED_THROUGH = 0o711  # a worker that is another user must get to its own folder


@contextmanager
def temporary_root(where: str | None = None) -> Iterator[Path]:
    """A folder in which everything temporary of this process is made while it is there; `where`: not in the usual."""
    before = tempfile.tempdir
    with _held(where) as root:
        tempfile.tempdir = str(root)
        try:
            yield root
        finally:
            tempfile.tempdir = before


@contextmanager
def _held(where: str | None) -> Iterator[Path]:
    if sys.platform == "win32":  # no student's code is kept in there, and what is killed leaves its folder
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=where, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    remove_left_over(where)
    root, lock = _made(where)
    try:
        yield root
    finally:
        _remove(root)
        os.close(lock)


def remove_left_over(where: str | None = None) -> list[Path]:
    """Remove what killed commands of this user have left; the folders that are gone."""
    if sys.platform == "win32":
        return []
    gone = []
    for root in sorted(Path(where or tempfile.gettempdir()).glob(f"{_PREFIX}*")):
        try:
            lock = _locked(root)
        except OSError:  # in use, another user's, no folder, or gone by now
            continue
        try:
            if _remove(root):
                gone.append(root)
        finally:
            os.close(lock)
    return gone


def _made(where: str | None) -> tuple[Path, int]:
    while True:
        root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
        root.chmod(_PASSED_THROUGH)
        with suppress(OSError):  # somebody who looked for what was left over was faster than the lock
            lock = _locked(root)
            if os.path.samestat(os.fstat(lock), os.stat(root / _LOCK)):
                return root, lock
            os.close(lock)


def _locked(root: Path) -> int:
    """The lock of a folder, held now by this process. Raises OSError where another holds it, or it is none of ours."""
    if sys.platform == "win32":
        raise NotImplementedError
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(folder).st_uid != os.geteuid():
            raise PermissionError(f"{root} is another user's")
        lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _remove(root: Path) -> bool:
    try:
        remove(root)
    except OSError as error:  # a nuisance, and nobody's marks
        if root.exists():  # and no other command, looking for what was left over, was faster
            print(f"{root} could not be removed: {error}", file=sys.stderr)  # noqa: T201
        return False
    return True
