"""Whose is what: paths of the command line in, one `Submission` a student out, in the order of their names.

A path is one student's or a class's. It is one student's if the unit's files are in it, a class's if students' are; the
caller may say which. What is wrong with a student's files is told in that student's `problems`; only a path that
does not exist is the command line's fault.
"""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from autograder.errors import UsageError
from autograder.submission.home import (
    HAND_IN_A_ZIP,
    OTHER_ARCHIVES,
    enter_zip,
    holds_unit_files,
    is_other_archive,
    is_zip,
    take_home,
)
from autograder.submission.model import Submission
from autograder.submission.names import folded, safe_name, shown, unique_names
from autograder.submission.platforms import GRADESCOPE_METADATA, UnitFiles, from_platform, platform_label
from autograder.submission.store import Store
from autograder.submission.take import Taken
from autograder.submission.times import platform_times
from autograder.submission.tree import MAX_DEPTH, DiskFolder, Entry, Folder, UnreadableError, entry_at, visible

Form = Literal["auto", "class", "one"]
Age = tuple[tuple[int, ...], int]  # the numbers of its copies (attention-2.py), and the platform's own; more is newer
SOURCES = (".py", ".ipynb")
KNOWN = (".zip", *SOURCES, *OTHER_ARCHIVES)


@dataclass
class _Handed:
    """What one student handed in, before it is looked into: lone files with their age, and everything else."""

    student: str
    lone: list[tuple[Age, str, Entry]] = field(default_factory=list)
    rest: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry, copy: tuple[str, tuple[int, ...]] | None = None, number: int = 0) -> None:
        """An entry; with `copy` (the unit's name and the numbers dropped) it is one of the unit's files, if a file."""
        if copy and entry.kind == "file":
            self.lone.append(((copy[1], number), copy[0], entry))
        else:
            self.rest.append(entry)


def find_submissions(paths: Sequence[Path], files: Collection[str], form: Form = "auto") -> list[Submission]:
    """What students handed in at `paths`, each a folder, .zip, .py or .ipynb, one submission a student.

    `files` are the unit's file names. `form` says "class" or "one" where looking would guess wrong. `UsageError` for a
    path that does not exist, and for a class with nobody in it.
    """
    unit, store = UnitFiles(tuple(files)), Store()
    single: dict[Path, list[Entry]] = {}  # of one student each, or of several paths that are one student's
    found: list[Submission] = []
    for path, given in {Path(os.path.abspath(path)): path for path in paths}.items():
        try:
            entry = entry_at(path)
        except (OSError, ValueError) as error:
            raise UsageError(f"{shown(str(given))}: {getattr(error, 'strerror', error)}") from None
        in_a_class = _class_at(path, entry, unit, form, store) if entry.kind == "folder" or is_zip(entry) else None
        if in_a_class is not None:
            found += in_a_class
        elif path.name == GRADESCOPE_METADATA:
            continue
        elif entry.kind != "file" or path.name.lower().endswith(KNOWN) or platform_label(path.name):
            single.setdefault(path.parent, []).append(entry)
        else:
            why = "is not a folder, a .zip, a .py or an .ipynb"
            found.append(Submission(path.name, path, {}, (f"{shown(path.name)} {why}",), readable=False))
    for parent, entries in single.items():
        found += _students(DiskFolder(parent), entries, parent, parent.name, unit, store)
    return _named(found)


def _named(found: list[Submission]) -> list[Submission]:
    """Sorted, with names that are safe and unique."""
    found = sorted(found, key=lambda each: (folded(each.student), each.student, str(each.source)))
    names = unique_names(each.student for each in found)
    meant = [safe_name(each.student) for each in found]
    count = Counter(map(folded, meant))
    named = []
    for each, same, name in zip(found, meant, names, strict=True):
        told = f"{count[folded(same)]} submissions have the name {same}; this one is here as {name}"
        problems = (*each.problems, told) if count[folded(same)] > 1 else each.problems
        named.append(replace(each, student=name, problems=problems))
    return sorted(named, key=lambda each: (each.student.casefold(), each.student))


def _class_at(path: Path, entry: Entry, unit: UnitFiles, form: Form, store: Store) -> list[Submission] | None:
    """The submissions in a folder or zip of the command line; None if it is all one student's."""
    if form == "one":
        return None
    parent = DiskFolder(path.parent)
    try:
        with ExitStack() as zips:
            top = parent.down(entry.name) if entry.kind == "folder" else enter_zip(parent, entry.name, zips)
            at = _class_in(top, unit)
            if at is None and form == "class":
                at = top
            if at is None:
                return None
            times = platform_times(at)
            found = list(_students(at, visible(at), path, _without_suffix(entry), unit, store))
            found = [replace(each, submitted=times.get(each.student)) for each in found]
    except UnreadableError:
        return None  # told when it is read as one student's
    if not found:
        raise UsageError(f"{shown(path.name)}: no submissions in it")
    return found


def _class_in(folder: Folder, unit: UnitFiles) -> Folder | None:
    """The folder whose entries are students', through what merely wraps it; None if all is one student's."""
    for _ in range(MAX_DEPTH):
        if holds_unit_files(folder, unit):
            return None
        entries = visible(folder)
        if from_platform(entry.name for entry in entries):
            return folder
        if any(is_zip(entry) or (entry.kind == "file" and unit.match_end(entry.name)) for entry in entries):
            return folder
        folders = [entry for entry in entries if entry.kind == "folder"]
        if len(folders) != 1 or any(is_other_archive(entry) for entry in entries):
            return folder if any(_is_students(folder, entry, unit) for entry in folders) else None
        folder = folder.down(folders[0].name)
    return None


def _is_students(folder: Folder, entry: Entry, unit: UnitFiles) -> bool:
    """Whether a folder has the unit's files, or a zip that may have them, in it, wrapped or not."""
    try:
        for _ in range(MAX_DEPTH):
            folder = folder.down(entry.name)
            entries = visible(folder)
            if holds_unit_files(folder, unit) or any(is_zip(each) for each in entries):
                return True
            folders = [each for each in entries if each.kind == "folder"]
            if len(folders) != 1:
                return False
            (entry,) = folders
    except UnreadableError:
        pass  # told when it is its turn
    return False


def _students(
    at: Folder, entries: list[Entry], source: Path, owner: str, unit: UnitFiles, store: Store
) -> Iterator[Submission]:
    """The submissions among the entries of a class's folder; `owner` has what is nobody's."""
    for handed in _sorted_out(entries, owner, unit):
        entries_of = [*(entry for *_, entry in handed.lone), *handed.rest]
        first = sorted(entry.name for entry in entries_of if entry.kind != "stray")[:1]
        one = _one(at, handed, source.joinpath(*first), unit)
        yield replace(one, files=store.put(one.files))  # before the next is read


def _sorted_out(entries: list[Entry], owner: str, unit: UnitFiles) -> list[_Handed]:
    """Who handed in what."""
    handed: dict[tuple[str, str], _Handed] = {}
    unknown: list[Entry] = []

    def of(kind: str, key: str, student: str) -> _Handed:
        return handed.setdefault((kind, key), _Handed(student))

    for entry in entries:
        label = platform_label(entry.name)
        if entry.kind == "stray":
            of("owner", "", owner).add(entry)
        elif label:
            copy = unit.match_copy(label.file)
            of("platform", label.id, label.student).add(entry, copy, label.number)
        elif entry.kind == "folder" or is_zip(entry) or is_other_archive(entry):
            of("entry", entry.name, _without_suffix(entry)).add(entry)
        elif copy := unit.match_copy(entry.name):
            of("owner", "", owner).add(entry, copy)
        elif end := unit.match_end(entry.name):
            of("lone", end[0], end[0]).add(entry, end[1:])
        elif entry.kind == "refused" or entry.name.lower().endswith(SOURCES):
            unknown.append(entry)
    students = {each.student for each in handed.values()}
    for entry in unknown:  # erin_helper.py is erin's, who handed in erin_attention.py
        if students.isdisjoint(entry.name[: match.start()] for match in re.finditer("[_-]", entry.name)):
            of("entry", entry.name, _without_suffix(entry)).add(entry)
    return list(handed.values())


def _one(at: Folder, handed: _Handed, source: Path, unit: UnitFiles) -> Submission:
    """One student's submission, read."""
    taken = Taken(unit)
    opened = bool(handed.lone)
    newest: dict[str, Age] = {}
    for age, name, entry in sorted(handed.lone, key=lambda each: each[0], reverse=True):
        if newest.setdefault(name, age) == age:
            taken.take_file(at, entry.name, name, shown(entry.name))
    for entry in handed.rest:
        try:
            _take_entry(at, entry, taken)
            opened = True
        except UnreadableError as error:
            taken.tell(str(error))
    if opened and not taken.files:
        taken.problems.append(f"none of {unit} found")
    files = {name: taken.files[name] for name in unit.names if name in taken.files}
    return Submission(handed.student, source, files, tuple(taken.problems), readable=opened)


def _take_entry(at: Folder, entry: Entry, taken: Taken) -> None:
    if entry.kind in ("refused", "stray"):
        raise UnreadableError(entry.why if entry.kind == "stray" else f"{shown(entry.name)} {entry.why}")
    if is_other_archive(entry):
        raise UnreadableError(f"{shown(entry.name)} {HAND_IN_A_ZIP}")
    if is_zip(entry):
        with ExitStack() as zips:
            take_home(enter_zip(at, entry.name, zips), entry.name, taken)
    elif entry.name.endswith(SOURCES) and entry.kind == "file":
        taken.tell(f"{shown(entry.name)} is not one of the files asked for")
    elif entry.kind == "folder":
        take_home(at.down(entry.name), entry.name, taken)


def _without_suffix(entry: Entry) -> str:
    """A student's name from the name of a folder, a zip or a file."""
    name, lower = entry.name, entry.name.lower()
    if entry.kind == "folder":
        return name
    suffixes = (*(f".tar{each}" for each in OTHER_ARCHIVES), *KNOWN)
    return next((name[: -len(suffix)] for suffix in suffixes if lower.endswith(suffix)), name)
