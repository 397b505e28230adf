"""Taking the unit's files out of a folder, as bytes, and telling the student what is wrong with them."""

import codecs
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from autograder.submission.names import shown
from autograder.submission.platforms import UnitFiles
from autograder.submission.tree import Entry, Folder, UnreadableError, visible

MAX_BYTES = {".py": 1 << 20, ".ipynb": 20 << 20}
MAX_TOTAL = 64 << 20
MAX_PROBLEMS = 20
ASSIGNMENTS = "assignments"

# Names of encodings that people save text in. Python knows others that are slow on purpose-made text (punycode, idna).
_ENCODING = re.compile(r"utf-8(-sig)?|ascii|iso8859-\d+|cp\d+|koi8-\w+|mac-\w+|gb\w+|hz|big5\w*|euc_\w+|shift_jis\w*")


@dataclass
class Taken:
    """What has been taken of one student's, and what is to be told about it. The first of two copies stays."""

    unit: UnitFiles
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def tell(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) <= MAX_PROBLEMS:
            last = len(self.problems) == MAX_PROBLEMS
            self.problems.append("there is more of this kind, not listed here" if last else problem)

    def tell_refused(self, entries: Iterable[Entry], where: str = "") -> None:
        for entry in entries:
            if entry.kind == "refused":
                self.tell(f"{shown(where + entry.name)} {entry.why}")
            elif entry.kind == "stray":
                self.tell(entry.why)

    def take_folder(self, home: Folder) -> None:
        """The unit's files at the top of `home`, and those that are only in its `assignments/`."""
        for where, folder in (("", home), *assignments_folders(home)):
            try:
                entries = visible(folder)
            except UnreadableError as error:
                self.tell(f"{where} {error}")
                continue
            self.tell_refused(entries, where)
            exact_first = sorted(entries, key=lambda entry: entry.name not in self.unit.names)
            for entry in exact_first:
                name = self.unit.match(entry.name)
                if name and entry.kind == "file":
                    self.take_file(folder, entry.name, name, shown(where + entry.name))
                elif name and entry.kind == "folder":
                    self.tell(f"{where}{name} is a folder; hand in the file itself")

    def take_file(self, folder: Folder, entry_name: str, name: str, where: str) -> None:
        """One file, as `name`; a second one of that name is told, not taken."""
        if name in self.files:
            self.tell(f"{where} is not taken: another {name} was found before it; hand in one")
            return
        try:
            data = folder.read(entry_name, _limit(name))
        except UnreadableError as error:
            self.tell(f"{where} {error}")
            return
        if sum(map(len, self.files.values())) + len(data) > MAX_TOTAL:
            self.tell(f"{where} is not taken: the files are larger than {MAX_TOTAL >> 20} MB together")
            return
        self.files[name] = data
        if self.unit.match(entry_name) == name != entry_name:
            self.tell(f"{where} is taken as {name}; its name must be written like that")
        for problem in _text_problems(name, data):
            self.tell(f"{where} {problem}")


def assignments_folders(home: Folder) -> list[tuple[str, Folder]]:
    """The folder `assignments/` in `home`, with what stands before the names of its files; case does not matter."""
    found = [entry.name for entry in home.entries() if entry.kind == "folder" and entry.name.lower() == ASSIGNMENTS]
    return [(f"{name}/", home.down(name)) for name in sorted(found, key=lambda name: name != ASSIGNMENTS)]


def _limit(name: str) -> int:
    return next((limit for suffix, limit in MAX_BYTES.items() if name.endswith(suffix)), MAX_BYTES[".py"])


def _text_problems(name: str, data: bytes) -> Iterator[str]:
    """What is wrong with a file as text, in words that follow its name. It is taken as it is all the same."""
    if not data.strip():
        yield "is empty"
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield "is not UTF-8 text, but UTF-16; save it as UTF-8"
    elif b"\0" in data:
        yield "is not text: it holds NUL bytes; save it as UTF-8"
    elif (encoding := _encoding(name, data)) is None:
        yield "is not UTF-8 text; save it as UTF-8"
    elif not encoding.startswith("utf-8"):
        yield f"is {encoding} text, as it says itself; it is taken as it is, but better save it as UTF-8"
    elif data.startswith(codecs.BOM_UTF8):
        yield "begins with a byte order mark (BOM); it is taken as it is, but better save it as UTF-8 without one"


def _encoding(name: str, data: bytes) -> str | None:
    """The encoding that the file says or has, if it can be read with that: "utf-8" for nearly all."""
    try:
        said = tokenize.detect_encoding(io.BytesIO(data).readline)[0] if name.endswith(".py") else "utf-8-sig"
        encoding = codecs.lookup(said).name
        if not _ENCODING.fullmatch(encoding):
            return None
        data.decode(encoding)
    except (SyntaxError, ValueError, LookupError):
        return None
    return "utf-8" if data.isascii() else encoding
