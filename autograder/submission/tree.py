"""One read-only view of what was handed in: a `Folder`, on disk here, in a zip in `archive`.

A folder is listed only when somebody looks into it, so a `.venv` of a million files costs nothing. Links, pipes and
devices are listed as refused and never opened.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

MAX_ENTRIES = 20_000
MAX_DEPTH = 20
LINK = "is a link; hand in the file itself"
JUNK = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "node_modules", "venv"})
NOT_A_FILE = "is a pipe, a socket or a device; hand in a plain file"

_READ = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):  # those that the platform has
    _READ |= getattr(os, _flag, 0)


class UnreadableError(Exception):
    """Why something cannot be read and what to do, in words that follow its name: "is a link; hand in ..."."""


@dataclass(frozen=True)
class Entry:
    """One thing in a folder.

    For what is refused `why` says why, in words that follow its name. What is stray has no name in this folder at all
    ("../x" in a zip), and `why` is the whole sentence.
    """

    name: str
    kind: Literal["file", "folder", "refused", "stray"]
    why: str = ""


class Folder(Protocol):
    """A folder, wherever it is. `nesting` counts the zips around it. All methods may raise `UnreadableError`."""

    @property
    def nesting(self) -> int: ...

    def entries(self) -> list[Entry]:
        """What the folder holds, by name."""

    def down(self, name: str) -> "Folder":
        """The folder `name` in this one."""

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a plain file of at most `limit` bytes."""

    def open(self, name: str) -> IO[bytes]:
        """A plain file, open and seekable."""


def visible(folder: Folder) -> list[Entry]:
    """What a person put into a folder: no dot files, no caches, nothing of the operating system."""
    return [entry for entry in folder.entries() if entry.kind == "stray" or not _is_junk(entry.name)]


@dataclass(frozen=True)
class DiskFolder:
    """A folder on this machine."""

    path: Path
    nesting: int = 0

    def entries(self) -> list[Entry]:
        found: list[Entry] = []
        try:
            with os.scandir(self.path) as listing:
                for item in listing:
                    if len(found) == MAX_ENTRIES:
                        raise UnreadableError(f"holds more than {MAX_ENTRIES} files; leave out what is not asked for")
                    found.append(_entry(item.name, item.stat(follow_symlinks=False)))
        except OSError as error:
            raise _cannot(error) from None
        return sorted(found, key=lambda entry: entry.name)

    def down(self, name: str) -> "DiskFolder":
        return DiskFolder(self.path / name)

    def read(self, name: str, limit: int) -> bytes:
        with self.open(name) as file:
            try:
                return read_at_most(file, limit)
            except OSError as error:
                raise _cannot(error) from None

    def open(self, name: str) -> IO[bytes]:
        try:
            descriptor = os.open(self.path / name, _READ)
        except OSError as error:
            raise _cannot(error) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnreadableError(NOT_A_FILE)
        return os.fdopen(descriptor, "rb")


def entry_at(path: Path) -> Entry:
    """The entry that a path of the command line names; OSError if there is none."""
    return _entry(path.name, path.lstat())


def read_at_most(file: IO[bytes], limit: int) -> bytes:
    """All of `file`, in small steps, unless it goes on after `limit` bytes: then `UnreadableError`."""
    data = bytearray()
    while chunk := file.read(min(1 << 16, limit + 1 - len(data))):
        data += chunk
        if len(data) > limit:
            raise UnreadableError(f"is larger than {limit >> 20} MB, which is the most that is taken")
    return bytes(data)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name in JUNK


def _entry(name: str, info: os.stat_result) -> Entry:
    mode = info.st_mode
    junction = getattr(info, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
    if stat.S_ISLNK(mode) or junction:
        return Entry(name, "refused", LINK)
    if stat.S_ISDIR(mode):
        return Entry(name, "folder")
    if stat.S_ISREG(mode):
        return Entry(name, "file")
    return Entry(name, "refused", NOT_A_FILE)


def _cannot(error: OSError) -> UnreadableError:
    return UnreadableError(f"cannot be read ({error.strerror}); hand it in again")
