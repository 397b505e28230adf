"""The key of a topic's part of a result: a hash of all that the part depends on, told apart by what it is.

    submission   the student's files that the topic's worker sees
    tests        the topic's hidden tests, props, stand-ins, pictures and known mistakes, and what those share
    solution     the topic's solution and key, and the solutions that it imports
    rules        what grading.yml says of the topic, and for the whole unit
    data         the unit's resources
    secret       what the seeds are made from
    engine       the grader's own source, reports left out
    libraries    Python and the libraries that tests and students' code run on

Where two parts have the same key, and were told the same of the topics before them, they must be equal. A file of the
unit that is not named for a topic (a helper, a held-out text), nor lies in a folder that is, counts for every topic;
one named for another topic counts where this topic builds on it or imports it.
"""

import hashlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from autograder.spec import Topic, Unit
from autograder.student.preloading import module_of
from autograder.submission import Submission

ENGINE = Path(__file__).resolve().parent.parent
# Parts of the engine that no mark depends on.
_NO_MARKS = ("desk", "report", "release", "review", "roads", "cluster", "verify")
_IMPORTS = re.compile(r"\b(?:from|import)\s+([\w.]+(?:\s*,\s*[\w.]+)*)")


@dataclass(frozen=True)
class Key:
    """The hash, and what it is made of, for the day on which it differs."""

    hash: str
    parts: Mapping[str, str]


@dataclass
class Keys:
    """Makes keys; what all submissions share is hashed once."""

    unit: Unit
    secret: bytes
    _topics: dict[str, dict[str, str]] = field(default_factory=dict)
    _shared: dict[str, str] = field(default_factory=dict)

    @property
    def shared(self) -> Mapping[str, str]:
        """The parts that all keys have in common."""
        if not self._shared:
            self._shared = {
                "data": _hash_of(self.unit.root, *(self.unit.root / each for each in self.unit.spec.resources)),
                "secret": _short(hashlib.sha256(b"autograder\0" + self.secret)),
                "engine": engine_hash(),
                "libraries": libraries(self.unit),
            }
        return self._shared

    def key(self, submission: Submission, topic: Topic) -> Key:
        """The key of this topic's part of this submission's result."""
        if topic.name not in self._topics:
            self._topics[topic.name] = self._of_the_unit(topic)
        seen = submission.topic_sha256(self.unit.spec.files_seen_by(topic))
        parts = {"submission": seen[:16], **self._topics[topic.name], **self.shared}
        text = json.dumps([topic.name, parts], sort_keys=True)
        return Key(hashlib.sha256(text.encode()).hexdigest(), parts)

    def keys(self, submission: Submission) -> dict[str, Key]:
        """The keys of all topics."""
        return {topic.name: self.key(submission, topic) for topic in self.unit.spec.topics}

    def _of_the_unit(self, topic: Topic) -> dict[str, str]:
        root = self.unit.root
        hidden, mistakes = root / "tests" / "hidden", root / "tests" / "mistakes"
        names = {topic.name, *topic.below}
        around = [*_files(self.unit.props), *_files(self.unit.stand_ins)]
        solutions = list(_files(self.unit.solutions))
        tests = [*_files(hidden), *_files(mistakes), *_files(self.unit.pictures)]
        while more := self._imported(self._of(names, [*around, *solutions])) - names:
            names |= more
        own = {topic.name, *self._imported(self._of({topic.name}, tests))}
        spec = self.unit.spec
        rules = [repr(topic), spec.preload, spec.resources, spec.threads, repr(spec.limits), spec.visibility]
        rules += [spec.importable, spec.prose]
        return {
            "tests": _hash_of(root, *self._without_others(own, tests), *self._without_others(names, around)),
            "solution": _hash_of(root, *self._without_others(names, solutions)),
            "rules": _short(hashlib.sha256(repr(rules).encode())),
        }

    def _without_others(self, names: set[str], files: Iterable[Path]) -> Iterator[Path]:
        """The files but those named for topics that are not among `names`."""
        others = {*self.unit.spec.importable} - names
        return (path for path in files if self.unit.topic_of(path) not in others)

    def _of(self, names: set[str], files: Iterable[Path]) -> Iterator[Path]:
        return (path for path in files if self.unit.topic_of(path) in names)

    def _imported(self, files: Iterable[Path]) -> set[str]:
        """The topics that these files import, as far as their text tells."""
        found: set[str] = set()
        for path in files:
            for listed in _IMPORTS.findall(path.read_text(encoding="utf-8", errors="replace")):
                found |= {name.strip().split(".")[0] for name in listed.split(",")}
        return found & set(self.unit.spec.importable)


def engine_hash() -> str:
    """A hash of the grader's source, without what only shows results."""
    files = (path for path in _files(ENGINE) if path.suffix == ".py")
    return _hash_of(ENGINE, *(path for path in files if path.relative_to(ENGINE).parts[0] not in _NO_MARKS))


def whole_engine() -> str:
    """A hash of everything that the engine is, templates and what only shows results included."""
    return _hash_of(ENGINE, ENGINE)


def libraries(unit: Unit) -> str:
    """Python, the machine, and what is imported before students' code, with versions."""
    wanted = unit.spec.preload_for(unit.spec.topics)
    names = sorted({"numpy", "pytest", *(module_of(entry).split(".")[0] for entry in wanted)})
    found = [f"{name} {version}" for name in names if (version := version_of(name))]
    return ", ".join([f"Python {platform.python_version()} {platform.machine()}", *found])


def version_of(name: str) -> str:
    """The version of an installed package; empty where none has this name."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""  # a module of the standard library, or one whose package has another name


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder, in order; nothing where there is no such folder."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _hash_of(root: Path, *paths: Path) -> str:
    """A hash of files, and of all files below folders, by name and content."""
    digest = hashlib.sha256()
    for path in paths:
        for file in [path] if path.is_file() else _files(path):
            digest.update(f"{file.relative_to(root)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return _short(digest)


def _short(digest: "hashlib._Hash") -> str:
    return digest.hexdigest()[:16]
