"""`autograder export canvas|moodle`: the totals of grades.csv in a platform's own table, ready to be imported there.

The table is the one that the platform exports. Its rows, columns and ids stay; only the column of marks is filled, for
those who were graded. Who is who is told by the platform's id in the names of its files (`doejane_1234`,
`Jane Doe_1234`), else by a login, an address, a student number or a name that fits one row alone. Totals are as in
grades.csv: lateness is off them already, extra credit is in them.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError
from autograder.report.csv_report import GRADED
from autograder.submission.names import folded, safe_name


@dataclass(frozen=True)
class Platform:
    """What a platform's table looks like."""

    title: str
    id: str  # the column that holds the platform's own id
    also: tuple[str, ...]  # columns that tell who somebody is, the surest first
    marks: str | None  # the column of marks; None: the caller names it


PLATFORMS = {
    "canvas": Platform("Canvas", "ID", ("SIS Login ID", "SIS User ID", "Integration ID", "Student"), None),
    "moodle": Platform("Moodle", "Identifier", ("Email address", "Username", "ID number", "Full name"), "Grade"),
}


@dataclass(frozen=True)
class Export:
    """The filled table, and what a person should know of it."""

    text: str
    filled: int
    unknown: tuple[str, ...]  # graded, and in no row
    pending: int  # whose total waits for a reader


def export(platform: Platform, table: Path, grades: Path, column: str | None) -> Export:
    """Fill `table` from grades.csv. `UsageError` where it is not clear what belongs where."""
    text, bom = _read(table)
    delimiter = ";" if text.split("\n")[0].count(";") > text.split("\n")[0].count(",") else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    heading = rows[0] if rows else []
    if platform.id not in heading:
        raise UsageError(f"{table}: has no column {platform.id!r}: is it what {platform.title} exports?")
    at = _marks_column(platform, heading, column, table)
    people = _People(platform, heading, rows)
    filled: dict[int, str] = {}
    unknown = []
    pending = 0
    for each in _graded(grades):
        number = people.row_of(each["student"], table)
        if number is None:
            unknown.append(each["student"])
            continue
        if number in filled:
            raise UsageError(f"{table}:{number + 1}: two submissions belong to this row; one is {each['student']}")
        filled[number] = each["total"]
        pending += each["pending"] not in ("", "0.00")
    for number, total in filled.items():
        rows[number] += [""] * (at + 1 - len(rows[number]))
        rows[number][at] = total
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if "\r\n" in text else "\n").writerows(rows)
    return Export(bom + out.getvalue(), len(filled), tuple(unknown), pending)


class _People:
    """The rows of a table by what tells whose they are."""

    def __init__(self, platform: Platform, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._ids: dict[str, list[int]] = {}
        self._names: list[dict[str, list[int]]] = [{} for _ in platform.also]
        for number, row in enumerate(rows[1:], 1):
            cells = dict(zip(heading, row, strict=False))
            if match := re.search(r"\d+$", cells[platform.id].strip() if platform.id in cells else ""):
                self._ids.setdefault(match[0], []).append(number)
                for column, known in zip(platform.also, self._names, strict=True):
                    for name in _spellings(cells.get(column, "")):
                        known.setdefault(name, []).append(number)

    def row_of(self, student: str, table: Path) -> int | None:
        """The row of the student called so in grades.csv. `UsageError` where several fit."""
        plain = re.sub(r"-\d+$", "", student)
        match = re.search(r"_(\d+)$", plain)
        tried = [self._ids.get(match[1], [])] if match else []
        tried += [known.get(folded(name), []) for known in self._names for name in (student, plain)]
        found = sorted(set(next((rows for rows in tried if rows), [])))
        if len(found) > 1:
            lines = ", ".join(str(number + 1) for number in found)
            raise UsageError(f"{table}: {student} may be any of lines {lines}; rename the submission by login or id")
        return found[0] if found else None


def _spellings(cell: str) -> Iterator[str]:
    """How a name, a login or an address may stand in the name of a submission."""
    cell = cell.strip()
    last, comma, first = cell.partition(",")
    turned = [f"{first.strip()} {last.strip()}"] if comma else []
    for text in dict.fromkeys([cell, cell.split("@")[0], *turned, "".join(re.findall(r"\w", cell))]):
        if text:
            yield folded(safe_name(text))


def _marks_column(platform: Platform, heading: Sequence[str], column: str | None, table: Path) -> int:
    name = column or platform.marks
    if name is None:
        raise UsageError(f"--column: say which column of {table.name} takes the marks, as it stands in the first line")
    fits = [n for n, each in enumerate(heading) if each == name or re.sub(r" \(\d+\)$", "", each) == name]
    if len(fits) != 1:
        there = "; ".join(each for each in heading if each)
        raise UsageError(f"{table}: {'no' if not fits else 'more than one'} column {name!r}. There are: {there}")
    return fits[0]


def _graded(grades: Path) -> list[Mapping[str, str]]:
    path = grades / "grades.csv"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [row | {"student": row["student"].removeprefix("'")} for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    return [row for row in rows if row["status"] == GRADED]


def _read(path: Path) -> tuple[str, str]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    return text.removeprefix("\ufeff"), "\ufeff" if text.startswith("\ufeff") else ""
