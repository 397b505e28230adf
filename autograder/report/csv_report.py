"""grades.csv: the gradebook, a row a student in the order given, a column an item in the order of grading.yml.

Marks have two decimals, rounded half to even from the exact fraction. A submission that could not be graded has empty
cells, never a 0. Text that a spreadsheet would take for a formula gets an apostrophe in front.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

from autograder.report.summary import hundredths
from autograder.report.text import clean
from autograder.results import ItemResult, Result, Status
from autograder.spec import Unit

GRADED = "graded"
NOT_GRADED = "not graded"
_SUMS = ("written", "pending", "extra", "late", "total", "max")
_FORMULA = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # the full-width ones count in some spreadsheets


def render(results: Sequence[Result], unit: Unit) -> str:
    items = list(dict.fromkeys([*(item.id for item in unit.spec.items), *(i.id for r in results for i in r.items)]))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", *items, *_SUMS, "status"])
    writer.writerows(_row(result, items) for result in results)
    return text.getvalue()


def _row(result: Result, items: Iterable[str]) -> list[str]:
    student = cell(result.student)
    if not result.graded:
        return [student, *("" for _ in items), *("" for _ in _SUMS), NOT_GRADED]
    scores = {item.id: hundredths(item.score) for item in result.items}
    written = sum((item.score for item in result.items if _is_read_by_a_person(item)), Fraction(0))
    sums = [
        hundredths(written),
        hundredths(result.pending),
        hundredths(result.extra),
        "",  # late: nothing is known of it here
        hundredths(result.score),
        hundredths(result.max_score),
    ]
    return [student, *(scores.get(item, "") for item in items), *sums, GRADED]


def cell(text: str) -> str:
    """Untrusted text as a cell that no spreadsheet evaluates; the apostrophe also guards one behind blanks."""
    is_formula = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    shown = clean(text, 100)
    return f"'{shown}" if is_formula or shown.startswith(_FORMULA) else shown


def _is_read_by_a_person(item: ItemResult) -> bool:
    return item.read or item.pending > 0 or item.status is Status.NEEDS_REVIEW
