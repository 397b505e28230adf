"""Writing the reports of a student and of a class, each file whole or not at all.

`write_result` writes what a student gets, `write_forms` what other services read, `write_class` the overview and the
gradebook, `write_similar` the pairs that resemble each other. jinja2 is imported only once a page is rendered.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.report import classroom, csv_report, gradescope, json_report, junit, markdown
from autograder.report import html as html_report
from autograder.report.files import write_atomically
from autograder.report.progress import since_last_time
from autograder.report.seen import Seen
from autograder.results import Result
from autograder.spec import Unit

if TYPE_CHECKING:
    from autograder.course.similarity import Similarity

SIMILAR = "similar.html"
CLASS = ("grades.csv", "class.html")


def write_result(result: Result, unit: Unit, folder: Path) -> None:
    """Write results.json, report.md and report.html, each whole or not at all, into `folder`, which is made.

    Where another submission was graded into it before, the reports tell what is different, and its results stay there
    as results.before.json.
    """
    progress = since_last_time(folder, result)
    write_atomically(folder / "results.json", json_report.render(result, unit))
    write_atomically(folder / "report.md", markdown.render(result, unit, progress))
    write_atomically(folder / "report.html", html_report.render(result, unit, progress))


def write_similar(found: "Similarity", unit: Unit, folder: Path) -> None:
    """Write similar.html, which is for the instructor, into `folder`."""
    write_atomically(folder / SIMILAR, html_report.render_similar(found, unit))


def write_class(results: Iterable[Result], unit: Unit, folder: Path) -> list[Result]:
    """Write grades.csv and class.html into `folder`; the rows keep the order of `results`.

    Comes back with the results in short: marks and no tests, which is all that is kept of each on the way.
    """
    seen = Seen.of(results)
    write_seen(seen, unit, folder)
    return seen.results


def write_seen(seen: Seen, unit: Unit, folder: Path) -> None:
    """The same, of a class that has been seen."""
    write_atomically(folder / CLASS[0], csv_report.render(seen.results, unit))
    write_atomically(
        folder / CLASS[1], html_report.render_class(seen, unit, SIMILAR if (folder / SIMILAR).is_file() else "")
    )


def write_forms(result: Result, unit: Unit, folder: Path, forms: Sequence[str]) -> None:
    """Write the result in the forms that other services read: junit, classroom, classroom50, gradescope."""
    renderings: dict[str, tuple[str, Callable[[], str]]] = {
        "junit": ("junit.xml", lambda: junit.render(result, unit)),
        "classroom": ("classroom.base64", lambda: classroom.classroom(result)),
        "classroom50": ("classroom50.json", lambda: classroom.classroom50(result, os.environ)),
        "gradescope": ("gradescope.json", lambda: gradescope.render(result, unit)),
    }
    for form in forms:
        name, rendered = renderings[form]
        write_atomically(folder / name, rendered())
