"""Lateness: when each submission came in, and what that costs by the rules of grading.yml.

Times come from the platform, where its export tells them, or from the table of `grade --submitted`, which wins:

    student,submitted
    ada,2026-12-12T08:30:00+01:00

A time without a zone is in the deadline's. Who has no time is not late: nothing is known, and nothing is taken off.
"""

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

from autograder.errors import UsageError
from autograder.results import Late, Result
from autograder.spec import LateRules
from autograder.submission.names import folded, safe_name, shown

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def lateness(rules: LateRules, submitted: datetime) -> Late:
    """How late that was. Days are counted as begun: a minute after the deadline and the grace is a day."""
    over = max(submitted - rules.deadline, timedelta(0))
    days = 0 if over <= timedelta(minutes=rules.grace_minutes) else -(-over // _DAY)
    return Late(-(-over // _SECOND), days, min(days * rules.per_day, rules.cap, Fraction(1)))


@dataclass(frozen=True)
class Lateness:
    """The rules, and the times by student."""

    rules: LateRules | None
    times: Mapping[str, datetime] = field(default_factory=dict)

    def applied(self, result: Result) -> Result:
        """The result with what is known of its lateness, and nothing else of any lateness it had before."""
        submitted = self.times.get(result.student)
        return replace(result, late=lateness(self.rules, submitted) if self.rules and submitted else None)


def read_times(path: Path, rules: LateRules | None, students: Collection[str]) -> tuple[dict[str, datetime], list[str]]:
    """The times of a table by student, and its names that are no student's. `UsageError` for what cannot be read."""
    zone = rules.deadline.tzinfo if rules else None
    by_name = {folded(student): student for student in students}
    times: dict[str, datetime] = {}
    strangers = []
    for line, row in _rows(path):
        name, text = row[0].strip(), row[1].strip()
        if not text:
            continue
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(f"{path}:{line}: {shown(text)!r} is no time such as 2026-12-12T08:30:00+01:00") from None
        if moment.tzinfo is None and zone is None:
            raise UsageError(f"{path}:{line}: {shown(text)} has no time zone, and grading.yml has no `late:` deadline")
        student = by_name.get(folded(name)) or by_name.get(folded(safe_name(name)))
        if student is None:
            strangers.append(shown(name))
        elif student in times:
            raise UsageError(f"{path}:{line}: {shown(name)} stands there twice")
        else:
            times[student] = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return times, strangers


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows behind the heading, each with its line; every row has two cells at least."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--submitted {path}: cannot be read: {error}") from None
    if not rows or [cell.strip().lower() for cell in rows[0][1][:2]] != ["student", "submitted"]:
        raise UsageError(f"--submitted {path}:1: the first line must be: student,submitted")
    short = next((line for line, row in rows if len(row) < 2), None)
    if short is not None:
        raise UsageError(f"{path}:{short}: needs a student and a time, with a comma between them")
    return rows[1:]
