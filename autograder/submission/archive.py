"""A zip as a `Folder`, read in memory by streaming, never unpacked.

Nothing that the zip says about itself is trusted: its directory is bounded before it is parsed, names are taken apart
and checked, and sizes are found by reading up to a cap. Only the two compressions that can be read in small steps are.
"""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, cast

from autograder.submission.names import shown
from autograder.submission.tree import LINK, MAX_DEPTH, MAX_ENTRIES, NOT_A_FILE, Entry, UnreadableError, read_at_most

MAX_DIRECTORY = 4 << 20  # bytes; 20,000 members with paths of a hundred characters fit
MAX_NAME = 255  # characters, as on every file system
MAX_NESTED = 64 << 20  # bytes of a zip in a zip
MAX_NESTING = 2  # a class's zip, a student's zip
ENCRYPTED = "is encrypted; make the zip again without a password"
DAMAGED = "is not a zip, or a damaged or incomplete one; make the zip again"
DAMAGED_MEMBER = "is damaged in the zip; make the zip again"
BOTH = "is both a file and a folder in the zip; the earlier one is taken"
_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    struct.error,
    LookupError,
    OverflowError,
    AttributeError,
    TypeError,
)  # zipfile does not foresee every file that somebody can make


@dataclass(slots=True)
class _Node:
    """A folder inside the zip."""

    folders: "dict[str, _Node]" = field(default_factory=dict)
    files: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    others: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class ZipFolder:
    """A folder in a zip that is open."""

    archive: zipfile.ZipFile
    node: _Node
    nesting: int

    def entries(self) -> list[Entry]:
        folders = [Entry(name, "folder") for name in self.node.folders]
        files = [Entry(name, "file") for name in self.node.files]
        return sorted([*folders, *files, *self.node.others], key=lambda entry: entry.name)

    def down(self, name: str) -> "ZipFolder":
        return ZipFolder(self.archive, self.node.folders[name], self.nesting)

    def read(self, name: str, limit: int) -> bytes:
        info = self.node.files[name]
        if info.flag_bits & 1:
            raise UnreadableError(ENCRYPTED)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableError("is packed in an unusual way; make the zip again with the usual settings")
        with _telling(DAMAGED_MEMBER), self.archive.open(info) as file:
            return read_at_most(file, limit)

    def open(self, name: str) -> IO[bytes]:
        return io.BytesIO(self.read(name, MAX_NESTED))


@contextmanager
def open_zip(file: IO[bytes], nesting: int) -> Iterator[ZipFolder]:
    """The top folder of the zip in `file`, which is closed afterwards; `nesting` counts it and the zips around it."""
    with file:
        if nesting > MAX_NESTING:
            raise UnreadableError("is a zip in a zip in a zip; hand in one zip of the files")
        with _telling(DAMAGED):
            archive = zipfile.ZipFile(cast(IO[bytes], _Bounded(file)))
        with archive:
            yield ZipFolder(archive, _index(archive), nesting)


class _Bounded(io.RawIOBase):
    """A file that refuses to be read in one go: so a huge directory is noticed before it is in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY:
            raise UnreadableError(_too_many())
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _index(archive: zipfile.ZipFile) -> _Node:
    """The members as a tree of folders; names that are no names inside the zip become entries that say so."""
    members = archive.infolist()
    if len(members) > MAX_ENTRIES:
        raise UnreadableError(_too_many())
    encrypted = {bool(info.flag_bits & 1) for info in members if not info.filename.endswith("/")}
    if encrypted == {True}:
        raise UnreadableError(ENCRYPTED)
    root = _Node()
    made = 0  # folders that only the members' paths name count as well
    for info in members:
        made += _add(root, info)
        if made > MAX_ENTRIES:
            raise UnreadableError(_too_many())
    return root


def _add(root: _Node, info: zipfile.ZipInfo) -> int:
    """Put a member where it belongs; how many folders that took."""
    full = _text(info)
    parts = full.replace("\\", "/").split("/")  # Windows' own zips had backslashes
    outside = full[:1] in ("/", "\\") or ".." in parts or re.match("[A-Za-z]:", full)
    if outside or "\0" in info.orig_filename or max(map(len, parts)) > MAX_NAME:
        why = f"{shown(full)!r} in the zip is not the name of a file inside it, and is not taken"
        root.others.append(Entry(full, "stray", why))
        return 0
    parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        return 0
    *folders, name = parts
    node, made = root, 0
    for folder in folders[:MAX_DEPTH]:  # nobody looks deeper
        if folder in node.files:
            node.others.append(Entry(folder, "refused", BOTH))
            return made
        if folder not in node.folders:
            node.folders[folder] = _Node()
            made += 1
        node = node.folders[folder]
    if len(folders) < MAX_DEPTH:
        _put(node, name, info)
    return made


def _put(node: _Node, name: str, info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        node.others.append(Entry(name, "refused", LINK))
    elif kind == stat.S_IFDIR or info.filename.endswith(("/", "\\")):
        if name not in node.files:
            node.folders.setdefault(name, _Node())
    elif kind not in (0, stat.S_IFREG):
        node.others.append(Entry(name, "refused", NOT_A_FILE))
    elif name in node.folders:
        node.others.append(Entry(name, "refused", BOTH))
    else:
        if name in node.files:
            node.others.append(Entry(name, "refused", "is twice in the zip; the later one is taken"))
        node.files[name] = info


def _text(info: zipfile.ZipInfo) -> str:
    """The member's name; many zips (macOS) hold UTF-8 and do not say so, and zipfile then reads it as cp437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


@contextmanager
def _telling(why: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS:
        raise UnreadableError(why) from None


def _too_many() -> str:
    return f"holds more than {MAX_ENTRIES} files; leave out what is not asked for"
