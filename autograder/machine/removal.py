"""Removing a folder that a student's code has filled, whatever is in it and whoever is still at work there."""

import errno
import os
import stat
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_TRIES = 50  # while a process that is being killed still writes
_PAUSE = 0.02  # seconds


def remove(top: Path) -> None:
    """Remove a folder. Raises OSError where that cannot be done.

    Every folder found is first moved to the top, so that nothing is ever deeper than one level: a tree of a hundred
    thousand levels is no path too long, no open folder for each level and no recursion. Nothing is reached by a path of
    more than one name and no link is followed, so that a process which swaps a folder for a link leads nowhere.
    """
    with _opened(str(top.parent)) as parent:
        for attempt in range(_TRIES):
            with _opened(top.name, parent) as folder:
                _empty(folder)
            try:
                os.rmdir(top.name, dir_fd=parent)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _TRIES - 1:
                    raise
                time.sleep(_PAUSE)


def _empty(top: int) -> None:
    names = count()
    waiting = deque(_without_files(top))
    while waiting:
        name = waiting.popleft()
        with suppress(FileNotFoundError, NotADirectoryError), _opened(name, top) as folder:
            for inner in _without_files(folder):
                moved = _free_name(top, names)
                _take_over(inner, folder)  # to be moved it must be writable
                os.rename(inner, moved, src_dir_fd=folder, dst_dir_fd=top)
                waiting.append(moved)
            os.rmdir(name, dir_fd=top)


def _without_files(folder: int) -> list[str]:
    """Delete all but the folders in a folder; their names."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            with suppress(FileNotFoundError, IsADirectoryError):  # it was swapped: the next try finds it
                os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


@contextmanager
def _opened(name: str, parent: int | None = None) -> Iterator[int]:
    """A folder, and no link to one, that can be looked into and changed."""
    if parent is not None:
        _take_over(name, parent)
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take_over(name: str, parent: int) -> None:
    """Give its owner all rights to a folder: it may have been made so that nobody could look into it."""
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if not stat.S_ISDIR(mode) or mode & stat.S_IRWXU == stat.S_IRWXU:
        return
    path = getattr(os, "O_PATH", None)
    with suppress(PermissionError):  # whoever has all rights but that one needs none of these
        if path is None:
            os.chmod(name, stat.S_IRWXU, dir_fd=parent, follow_symlinks=False)
            return
        descriptor = os.open(name, _FOLDER | path, dir_fd=parent)  # Linux changes no mode by a name that may be a link
        try:
            os.chmod(f"/proc/self/fd/{descriptor}", stat.S_IRWXU)
        finally:
            os.close(descriptor)


def _free_name(folder: int, names: Iterator[int]) -> str:
    while True:
        name = str(next(names))
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return name
