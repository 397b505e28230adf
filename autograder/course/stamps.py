"""Which reports stand as they would be written again: these need not be made.

A stamp is a hash of all that a report is made of (the result, the rules, the engine, the libraries that draw it) and
of the files as they were when it had been written. So a report that was changed or deleted by hand comes back, and one
that was only half written when the command was killed is written again. Who has no stamp is written; a lost or broken
file of stamps costs time and nothing else.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from autograder.gradebook.keys import version_of, whole_engine
from autograder.report.files import write_atomically
from autograder.spec import Unit

NAME = ".stamps.json"
_DRAWN_BY = ("jinja2", "markupsafe", "matplotlib")


class Stamps:
    """The stamps of the reports below one folder."""

    def __init__(self, out: Path, unit: Unit) -> None:
        self._out = out
        self._shared = (unit.spec.model_dump_json(), whole_engine(), *map(version_of, _DRAWN_BY))
        self._known = _read(out / NAME)

    def made_of(self, *parts: object) -> str:
        """A hash of what a report is made of: these parts, and what all reports have in common."""
        return hashlib.sha256(repr((self._shared, parts)).encode()).hexdigest()

    def stand(self, folder: Path, made_of: str, files: Iterable[Path]) -> bool:
        """Whether these files of the folder are as they were when they had been made of the same."""
        return self._known.get(self._name(folder)) == _stamp(made_of, files)

    def put(self, folder: Path, made_of: str, files: Iterable[Path]) -> None:
        """From now on these files stand as they are."""
        self._known[self._name(folder)] = _stamp(made_of, files)

    def save(self) -> None:
        write_atomically(self._out / NAME, json.dumps(self._known, ensure_ascii=False))

    def _name(self, folder: Path) -> str:
        return folder.relative_to(self._out).as_posix()


def _stamp(made_of: str, files: Iterable[Path]) -> str:
    digest = hashlib.sha256(made_of.encode())
    for path in files:
        digest.update(f"\0{path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"not there")
    return digest.hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
