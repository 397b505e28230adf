"""The file names that learning platforms make of a student, a file and how often it was handed in.

Canvas      doejane_LATE_1234_56789_attention-1.py         one file each; 1234 is the student's id
Moodle      Jane Doe_123456_assignsubmission_file_/...     a folder each, or the same words before each file's name
Gradescope  submission_123456789/...                       a folder each, beside submission_metadata.yml
by hand     erin_attention.py, erin-attention.py
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from autograder.submission.names import folded

GRADESCOPE_METADATA = "submission_metadata.yml"
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_(?P<number>\d+)_(?P<file>.+\.\w+)", re.DOTALL)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)", re.DOTALL)
_GRADESCOPE = re.compile(r"submission_\d+")
_COPY = re.compile(r"(?P<stem>.+?)(?:-(?P<dash>\d{1,4})|[ _+]?\((?P<bracket>\d{1,4})\))(?P<suffix>\.[^.]+)", re.DOTALL)


@dataclass(frozen=True)
class Label:
    """What a name says: whose it is, the platform's id for them ("" if none), and the name that they gave the file."""

    student: str
    id: str
    file: str
    number: int = 0


@dataclass(frozen=True)
class UnitFiles:
    """The names of the files that the unit asks for, in its order."""

    names: tuple[str, ...]

    @cached_property
    def _by_folded(self) -> dict[str, str]:
        return {folded(name): name for name in self.names}

    def match(self, name: str) -> str | None:
        """The unit's name for `name`, which may differ from it in case."""
        return name if name in self.names else self._by_folded.get(folded(name))

    def match_copy(self, name: str) -> tuple[str, tuple[int, ...]] | None:
        """The same of `attention-1.py` and `attention (1).py` too, with the numbers that were dropped."""
        for plain, version in _without_copies(name):
            if unit := self.match(plain):
                return unit, version
        return None

    def match_end(self, name: str) -> tuple[str, str, tuple[int, ...]] | None:
        """Student, unit's name and dropped numbers of `erin_attention-1.py`."""
        for plain, version in _without_copies(name):
            for unit in sorted(self.names, key=len, reverse=True):
                student, end = plain[: -len(unit) - 1], plain[-len(unit) :]
                if student and plain[len(student)] in "_-" and folded(end) == folded(unit):
                    return student, unit, version
        return None

    def __str__(self) -> str:
        return ", ".join(self.names)


def platform_label(name: str) -> Label | None:
    """What a platform's name says; None for a name that no platform made."""
    if match := _MOODLE.fullmatch(name):
        return Label(f"{match['name']}_{match['id']}", f"moodle {match['id']}", match["file"])
    if match := _CANVAS.fullmatch(name):
        # The id is not the name's: who hands in twice may be called otherwise the second time.
        return Label(
            f"{match['name']}_{match['id']}", f"canvas {match['id']}", match["file"], int(match["number"][:18])
        )
    return None


def from_platform(names: Iterable[str]) -> bool:
    """Whether a platform made these names, so that they are a class's, however few they are."""
    return any(
        name == GRADESCOPE_METADATA
        or _GRADESCOPE.fullmatch(name)
        or _MOODLE.fullmatch(name)
        or (_CANVAS.fullmatch(name) and name.lower().endswith((".py", ".ipynb", ".zip")))  # report_2024_11_final.pdf
        for name in names
    )


def _without_copies(name: str) -> Iterable[tuple[str, tuple[int, ...]]]:
    """`name`, and what is left of it as endings like -1 are dropped, with the numbers dropped."""
    version: tuple[int, ...] = ()
    yield name, version
    while len(version) < 4 and (match := _COPY.fullmatch(name)):
        name, version = match["stem"] + match["suffix"], (int(match["dash"] or match["bracket"]), *version)
        yield name, version
