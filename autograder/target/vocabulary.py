"""The words that a worker may say in front of a student while hidden tests run.

A worker tells more than values: names of types, the function an error came from, the file and line, a name that is
missing. The student's code can make any of these up, and so carry what a hidden test handed in to where the student
reads it. So a name counts only if it stands in the student's source, as that was before any of it ran, or is Python's
own; anything else is told without it. What is left to say is a choice among these, and a line number.
"""

import builtins
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from autograder.student import traps
from autograder.student.notebook import LINES_PER_CELL, MAX_CELLS, SUFFIX
from autograder.student.reduce import ERRORS
from autograder.target.failures import Frame, StudentError, student_error

OBJECT = "object"
_MAX_LINE = 100_000
_MADE_BY_PYTHON = re.compile(r"\.?<\w+>(?=\.|$)")  # the <locals>, <lambda> and <module> of qualified names
_PYTHONS_OWN = frozenset(
    kind.__name__
    for kind in [
        *(each for library in (builtins, types) for each in vars(library).values() if isinstance(each, type)),
        *map(type, ({}.keys(), {}.values(), {}.items(), iter([]), iter(()), iter({}), iter(set()))),
    ]
)
_ERROR_NAMES = frozenset(ERRORS.values())
_MISSING = re.compile(
    r"(?P<what>.+?)(?: \(cell (?P<cell>\d{1,4}) (?:failed with (?P<kind>\w+)|ended the Python process)\))?", re.DOTALL
)  # what the workbench's NoSuchName says
_IS_MISSING = (" has no {}", ": `{}` is still None", ": `{}` is still ...")


@dataclass(frozen=True)
class Vocabulary:
    """What may be named of one topic's worker: `names` are the identifiers of its source."""

    topic: str
    modules: tuple[str, ...]  # of the unit, which may import each other
    forbidden: tuple[str, ...]
    names: frozenset[str] = field(default=frozenset(), repr=False)

    def type_name(self, name: str) -> str:
        """The name of a type, or just "object"."""
        return name if name in _PYTHONS_OWN or name in self.names else OBJECT

    def error(self, told: Mapping[str, object]) -> StudentError:
        """The error that was told, without what is made up of it; its text and its class are for the instructor."""
        made = student_error(dict(told))
        kind = made.kind if made.kind in _ERROR_NAMES else "Exception"
        frames = (replace(each, function=self._function(each.function)) for each in made.frames if self._is(each))
        return type(made)(kind, made.name, made.text, tuple(frames))

    def is_missing(self, text: str, request: Mapping[str, Any]) -> bool:
        """Whether this says, in the workbench's words, that what was asked for is missing."""
        names = (request.get("name", request.get("target")), *request.get("of", ()))
        file = f"{self.topic}{SUFFIX if text.startswith(self.topic + SUFFIX) else '.py'}"
        match = _MISSING.fullmatch(text)
        known = {f"{file}{ending.format(name)}" for name in names for ending in _IS_MISSING}
        return match is not None and match["what"] in known and match["kind"] in (None, *_PYTHONS_OWN)

    def is_forbidden(self, name: str, line: int) -> bool:
        """Whether this is a trap that was set."""
        return _is_line(line) and name in _trapped(self.forbidden)

    def _is(self, frame: Frame) -> bool:
        file, separator, cell = frame.file.partition(f"{SUFFIX}, cell ")
        if separator:
            known = file == self.topic and cell.isdecimal() and len(cell) <= 4
        else:
            known = file.removesuffix(".py") in (self.topic, *self.modules)
        return known and _is_line(frame.line)

    def _function(self, name: str) -> str:
        plain = _MADE_BY_PYTHON.sub("", name).strip(".")
        return plain if set(plain.split(".")) <= self.names else ""


def _is_line(number: int) -> bool:
    """Whether a file may have such a line; a notebook's lines are numbers too."""
    cell, line = divmod(number, LINES_PER_CELL)
    return 0 <= cell <= MAX_CELLS and line < _MAX_LINE


@lru_cache(maxsize=64)
def _trapped(forbidden: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for _, _, name in traps.meant(forbidden))
