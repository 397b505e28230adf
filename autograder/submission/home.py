"""Where one student's files lie: the folder that holds the unit's files, inside the folders and zips that wrap it."""

from collections.abc import Iterable
from contextlib import ExitStack

from autograder.submission.archive import MAX_NESTING, open_zip
from autograder.submission.names import shown
from autograder.submission.platforms import UnitFiles
from autograder.submission.take import Taken, assignments_folders
from autograder.submission.tree import MAX_DEPTH, Entry, Folder, UnreadableError, visible

OTHER_ARCHIVES = (".rar", ".7z", ".tar", ".tgz", ".txz", ".tbz", ".tbz2", ".gz", ".bz2", ".xz", ".zst", ".zipx")
HAND_IN_A_ZIP = "is an archive that is not read here; hand in a .zip or the files"


def is_zip(entry: Entry) -> bool:
    return entry.kind == "file" and entry.name.lower().endswith(".zip")


def is_other_archive(entry: Entry) -> bool:
    return entry.kind == "file" and entry.name.lower().endswith(OTHER_ARCHIVES)


def holds_unit_files(folder: Folder, unit: UnitFiles) -> bool:
    """Whether one of the unit's files, even one that cannot be taken, is at the top or in `assignments/`."""
    if _lists_unit_files(folder.entries(), unit):
        return True
    return any(_has_on_top(place, unit) for _, place in assignments_folders(folder))


def take_home(folder: Folder, name: str, taken: Taken) -> None:
    """Take the unit's files from wherever in `folder`, called `name`, one student's are.

    The `UnreadableError` that it may raise says itself what cannot be read.
    """
    around: list[tuple[Folder, list[Entry]]] = []
    with ExitStack() as zips:
        for _ in range(MAX_DEPTH):
            try:
                entries = visible(folder)
            except UnreadableError as error:
                raise UnreadableError(f"{shown(name)} {error}") from None
            inside = None if holds_unit_files(folder, taken.unit) else _wrapped(folder, entries, taken.unit)
            if inside is None:
                break
            around.append((folder, [entry for entry in entries if entry is not inside]))
            name = inside.name
            folder = enter_zip(folder, name, zips) if is_zip(inside) else folder.down(name)
        else:
            taken.tell(f"nothing found in {MAX_DEPTH} folders, one inside the other; hand in the files themselves")
            return
        taken.take_folder(folder)
        for place, others in (*around, (folder, entries)):
            _tell_what_is_left(place, others, taken)


def enter_zip(folder: Folder, name: str, zips: ExitStack) -> Folder:
    """The top of the zip `name` in `folder`, open until `zips` closes it."""
    try:
        return zips.enter_context(open_zip(folder.open(name), folder.nesting + 1))
    except UnreadableError as error:
        raise UnreadableError(f"{shown(name)} {error}") from None


def _lists_unit_files(entries: Iterable[Entry], unit: UnitFiles) -> bool:
    return any(entry.kind in ("file", "refused") and unit.match(entry.name) for entry in entries)


def _has_on_top(folder: Folder, unit: UnitFiles) -> bool:
    """The same of a folder that may be unreadable, where others are no worse for it."""
    try:
        return _lists_unit_files(folder.entries(), unit)
    except UnreadableError:
        return False


def _may_hold_unit_files(folder: Folder, entry: Entry, unit: UnitFiles) -> bool:
    """The same of a folder in `folder`; one that is unreadable holds nothing, and is no reason to lose the rest."""
    try:
        return holds_unit_files(folder.down(entry.name), unit)
    except UnreadableError:
        return False


def _wrapped(folder: Folder, entries: list[Entry], unit: UnitFiles) -> Entry | None:
    """The folder or zip that holds all that matters in `folder`, if there is one."""
    found = [entry for entry in entries if entry.kind == "folder" or (is_zip(entry) and folder.nesting < MAX_NESTING)]
    if len(found) > 1:
        found = [entry for entry in found if entry.kind == "folder"]
        found = [entry for entry in found if len(found) == 1 and _may_hold_unit_files(folder, entry, unit)]
    return found[0] if len(found) == 1 else None


def _tell_what_is_left(folder: Folder, entries: list[Entry], taken: Taken) -> None:
    """What a student may have meant as work, and where it should be instead."""
    taken.tell_refused(entries)
    for entry in entries:
        if is_other_archive(entry):
            taken.tell(f"{shown(entry.name)} {HAND_IN_A_ZIP}")
        elif is_zip(entry):
            taken.tell(f"{shown(entry.name)} is not looked into; hand in one zip, or the files themselves")
        elif entry.kind == "folder" and not taken.files and _has_on_top(folder.down(entry.name), taken.unit):
            taken.tell(f"the files in {shown(entry.name)}/ are not taken; hand them in outside of that folder")
        elif entry.kind == "file" and not taken.unit.match(entry.name) and (copy := taken.unit.match_copy(entry.name)):
            taken.tell(f"{shown(entry.name)} is not taken; if it is the right one, call it {copy[0]}")
