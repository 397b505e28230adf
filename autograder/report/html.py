"""report.html and class.html: pages that stand alone, ask the network for nothing, and run nothing from a student.

The templates escape everything by themselves, and each page carries a policy that forbids whatever it does not need:
the report allows inline style alone, the class page also its one sorting script, by hash.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from autograder.report import plots, summary
from autograder.report.class_view import class_view
from autograder.report.drawing import drawn
from autograder.report.for_student import for_student
from autograder.report.progress import Progress
from autograder.report.seen import Seen
from autograder.report.text import clean, printable
from autograder.results import Result
from autograder.spec import Unit

if TYPE_CHECKING:
    from jinja2 import Environment

    from autograder.course.similarity import Pair, Passage, Similarity


def render(result: Result, unit: Unit, progress: Progress | None = None) -> str:
    """The student's page."""
    result = for_student(result)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            unit=unit.spec.unit,
            in_words=summary.in_words(result),
            problems=summary.problems(result),
            progress=progress,
            steps=summary.next_steps(result, unit),
            topics=summary.topics(result, unit),
            extra=summary.extra_credit(result),
        )
    )


def render_class(seen: Seen, unit: Unit, similar: str = "") -> str:
    """The instructor's page: a row a student, a row an item, and what went wrong. `similar` is another page's link."""
    script = _environment().get_template("sort.js.j2").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = class_view(seen, unit)
    scores = [float(row.result.score) for row in page.students if row.result.graded]
    most = max((float(row.result.max_score) for row in page.students if row.result.graded), default=0.0)
    spread = [
        (row.id, row.figures.p, row.figures.r)
        for row in page.items
        if row.figures.p is not None and row.figures.r is not None
    ]
    template = _environment().get_template("class.html.j2")
    return template.render(
        unit=unit.spec.unit,
        page=page,
        similar=similar,
        marks_plot=plots.marks(scores, most),
        items_plot=plots.items(spread),
        script=script,
        script_hash=f"sha256-{digest}",
    )


def render_similar(found: "Similarity", unit: Unit) -> str:
    """The instructor's page of submissions that resemble each other, side by side."""
    from autograder.course.similarity import MOST

    pairs = tuple(_shown_pair(pair) for pair in found.pairs)
    shown = replace(found, pairs=pairs, skipped=tuple(clean(told, 200) for told in found.skipped))
    return _environment().get_template("similar.html.j2").render(unit=unit.spec.unit, found=shown, most=MOST)


def _shown_pair(pair: "Pair") -> "Pair":
    def shown(passages: "Sequence[Passage]") -> "tuple[Passage, ...]":
        return tuple(replace(each, text=printable(each.text)) for each in passages)

    files = tuple(replace(file, first=shown(file.first), second=shown(file.second)) for file in pair.files)
    return replace(pair, first=clean(pair.first, 100), second=clean(pair.second, 100), files=files)


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # a third of a second that grading need not wait for

    environment = Environment(
        loader=PackageLoader("autograder.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(marks=summary.marks, hundredths=summary.hundredths, count=summary.count, drawn=drawn)
    environment.globals.update(percent=summary.percent, claim_words=summary.CLAIM_WORDS)
    return environment
