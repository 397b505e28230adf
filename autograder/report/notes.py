"""Notes for the instructor: what tests wrote that a student may not read, hidden values included."""

from pathlib import Path

from autograder.report.files import write_atomically
from autograder.report.text import clean, file_name
from autograder.results import Result

FOLDER = "instructor"


def notes_of(student: str, folder: Path) -> Path:
    """Where the notes on a student stand, if there are any."""
    return folder / FOLDER / f"{file_name(student)}.txt"


def write_notes(result: Result, folder: Path) -> None:
    """Write `folder`/instructor/STUDENT.txt if there are notes; one from an earlier run goes if there are none."""
    path = notes_of(result.student, folder)
    text = render(result)
    if not text:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, text)


def render(result: Result) -> str:
    """One paragraph a note, headed by the item, the test's name in the suite and its status; empty without notes."""
    paragraphs = [
        f"{item.id}  {clean(test.test, 200)}  {test.status}\n{_indented(clean(test.note, 20_000, lines=200))}\n"
        for item in result.items
        for test in item.tests
        if test.note
    ]
    return "\n".join(paragraphs)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))
